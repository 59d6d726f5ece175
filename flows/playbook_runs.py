"""`opsproof playbook run|resume|runs|approve|deny|approvals|close`: who lets it run, what came of it."""

import sys
from typing import TYPE_CHECKING, Any

from flows.commands import verb
from tasks.texts import t

if TYPE_CHECKING:
    from datetime import datetime

    from tasks.calendar.plans import Plan
    from tasks.playbooks.approvals import Approval, Asked
    from tasks.playbooks.runs import Begun


def add(verbs: Any) -> None:
    made = verb(verbs, "run", t("playbook_runs.run_help"), run, table=True)
    made.add_argument("only", nargs="+", metavar="NAME", help=t("playbook_commands.arg_name"))
    made.add_argument("--rehearse", action="store_true", help=t("service.field_rehearse"))
    made.add_argument("--note", default="", help=t("service.field_note"))
    of_contract(made)
    gone_on = verb(verbs, "resume", t("playbook_runs.resume_help"), resume, table=True)
    gone_on.add_argument("run_id", nargs="?", default="", metavar="RUN", help=t("playbook_runs.arg_run"))
    verb(verbs, "runs", t("playbook_runs.runs_help"), show_runs, table=True)
    closed = verb(verbs, "close", t("playbook_runs.close_help"), close)
    closed.add_argument("run_id", metavar="RUN", help=t("playbook_runs.arg_run"))
    closed.add_argument("--by", required=True, metavar="NAME", help=t("playbook_runs.arg_by"))
    closed.add_argument("--reason", required=True, help=t("playbook_runs.arg_reason"))
    closed.add_argument("--contract", default="", metavar="CODE", help=t("playbook_runs.arg_close_contract"))
    for name, work in (("approve", approve), ("deny", deny)):
        decided = verb(verbs, name, t(f"playbook_runs.{name}_help"), work)
        decided.add_argument("name", metavar="NAME", help=t("playbook_commands.arg_name"))
        of_contract(decided)
        decided.add_argument("--by", required=True, metavar="NAME", help=t("playbook_runs.arg_by"))
        if name == "approve":
            decided.add_argument(
                "--from", dest="start", default="", metavar="TIME", help=t("playbook_runs.arg_from")
            )
            decided.add_argument(
                "--to", dest="end", required=True, metavar="TIME", help=t("playbook_runs.arg_to")
            )
        else:
            decided.add_argument("--reason", required=True, help=t("playbook_runs.arg_reason"))
    given = verb(verbs, "approvals", t("playbook_runs.approvals_help"), show_approvals, table=True)
    of_contract(given)


def of_contract(made: Any) -> None:
    made.add_argument("--contract", required=True, metavar="CODE", help=t("routine.run_contract"))


def run(options: Any) -> int:
    from flows.commands.run import ran

    return ran(options, "service", {}, rehearse=options.rehearse)


def resume(options: Any) -> int:
    """Every run that was left, or the one named, the oldest first; one that cannot be gone on with keeps
    nobody from the others."""
    from flows.commands.run import code_of, document, shown
    from flows.terminal import as_json, say
    from tasks.errors import OpsError, Refused

    chosen = [one for one in unfinished() if options.run_id in ("", one.run_id)]
    if options.run_id and not chosen:
        raise Refused(t("service.no_such_run", run=options.run_id))
    if not chosen:
        say(t("playbook_runs.none_left"))
    closed, codes = [], [0]
    for one in chosen:
        try:
            if found := gone_on(options, one):
                closed.append(found)
        except OpsError as problem:
            say(t("cli.error", problem=problem))
            codes.append(1 if isinstance(problem, Refused) else 2)
    if options.json:
        print(as_json([document(one) for one in closed]))
        return max(codes + [code_of(one) for one in closed])
    return max(codes + [shown(one) for one in closed])


def gone_on(options: Any, one: "Begun") -> Any:
    """None: somebody is at it."""
    from flows.commands.run import closed_run
    from flows.terminal import say
    from tasks.home import home
    from tasks.locks import is_held

    if is_held(home(), one.contract, one.routine):
        say(t("playbook_runs.under_way", run=one.run_id))
        return None
    options.contract, options.only, options.note = one.contract, (), one.note
    by = t("playbook_runs.by_resumed", by=one.started_by)
    return closed_run(options, one.routine, {"resume": one.run_id}, started_by=by, plan=planned(one))


def planned(one: "Begun") -> "Plan | None":
    """What it was begun for, if a schedule did and still says so."""
    from tasks import clock
    from tasks.calendar.plans import NotDue
    from tasks.contracts.timetable import Timetable
    from tasks.home import home

    if not one.due_at:
        return None
    found = Timetable.load(home().inventories, one.contract).plan_at(one.routine, clock.parse(one.due_at))
    return None if isinstance(found, NotDue) else found


def unfinished() -> "list[Begun]":
    from tasks.home import home
    from tasks.playbooks.runs import left
    from tasks.records import Book

    return list(left(home(), Book(home().book)))


def show_runs(options: Any) -> int:
    """What was begun and is not at its end."""
    from flows.terminal import show
    from tasks.home import home
    from tasks.locks import is_held
    from tasks.playbooks.runs import broken

    rows: list[dict[str, object]] = []
    for one in unfinished():
        held = is_held(home(), one.contract, one.routine)
        rows.append(
            {
                "run": one.run_id,
                "contract": one.contract,
                "title": one.title,
                "begun_at": one.begun_at[:19].replace("T", " "),
                "state": t(f"playbook_runs.state_{'running' if held else 'left'}"),
                "last": last_of(one),
                "by": one.started_by,
            }
        )
    rows += [{"run": one, "state": t("playbook_runs.state_broken")} for one in broken(home())]
    columns = ("run", "contract", "title", "begun_at", "state", "last", "by")
    show(rows, {key: t(f"playbook_runs.col_{key}") for key in columns}, options.json)
    return 1 if rows else 0


def last_of(one: "Begun") -> str:
    """The last move, or what else was written last."""
    from tasks.home import home
    from tasks.playbooks.journal import Journal

    lines = list(Journal(home(), one.run_id).lines())
    if not lines:
        return ""
    return str(lines[-1].get("move") or t(f"playbook_runs.event_{lines[-1]['event']}"))


def close(options: Any) -> int:
    """For what can neither be gone on with nor undone, as when a target is gone: people have looked."""
    from flows.terminal import say
    from tasks.home import home
    from tasks.locks import held
    from tasks.people.operators import Role, entitled
    from tasks.playbooks.runs import close_by_hand, forget
    from tasks.records import Book

    here = home()
    one = to_close(options)
    entitled(here, options.by, one.contract, Role.OPERATOR, Role.APPROVER)
    with held(here, one.contract, one.routine, changes=True, title=t("playbook_runs.close_help")):
        one = to_close(options)  # it may have come to its end since
        entry = close_by_hand(here, Book(here.book), one, options.by, options.reason)
    forget(here, one.run_id)
    say(entry.record.summary)
    return 0


def to_close(options: Any) -> "Begun":
    from tasks.home import home
    from tasks.playbooks.runs import unreadable

    found = next((one for one in unfinished() if one.run_id == options.run_id), None)
    return found or unreadable(home(), options.run_id, options.contract)


def approve(options: Any) -> int:
    from flows.commands.availability import moment
    from flows.commands.playbook import listing
    from flows.terminal import plain, say
    from tasks import clock
    from tasks.home import home
    from tasks.playbooks.approvals import approve as given
    from tasks.records import Book

    start = moment(options.start) if options.start else clock.now()
    asked = about(options, start, moment(options.end))
    for line in listing(asked.plan):
        print(plain(line))
    entry = given(home(), Book(home().ready(home().book)), asked, options.by, code(options.by))
    say(entry.record.summary)
    return 0


def deny(options: Any) -> int:
    from flows.terminal import say
    from tasks import clock
    from tasks.home import home
    from tasks.playbooks.approvals import deny as refused
    from tasks.records import Book

    now = clock.now()
    asked = about(options, now, now)
    book = Book(home().ready(home().book))
    say(refused(home(), book, asked, options.by, code(options.by), options.reason).record.summary)
    return 0


def about(options: Any, start: Any, end: Any) -> "Asked":
    from flows.commands.playbook import planned as plan_of
    from tasks.contracts.activation import active
    from tasks.errors import Refused
    from tasks.home import home
    from tasks.inventory import load
    from tasks.playbooks.approvals import Asked
    from tasks.records import Book

    if options.contract not in active(Book(home().book)):
        raise Refused(t("routine.inactive", contract=options.contract))
    mode = load(home().inventories, contract=options.contract).contract(options.contract).mode
    return Asked(plan=plan_of(options), start=start, end=end, mode=mode)


def code(by: str) -> str:
    """Never an argument: what is one can be read by everybody on the machine."""
    import getpass

    if sys.stdin.isatty():
        return getpass.getpass(t("playbook_runs.ask_code", name=by)).strip()
    return sys.stdin.readline().strip()


def show_approvals(options: Any) -> int:
    """Those that were given and not yet used, and whether they would count this moment."""
    from flows.terminal import show
    from tasks import clock
    from tasks.home import home
    from tasks.playbooks.approvals import unspent
    from tasks.records import Book

    now = clock.now()
    rows = [
        {
            "seq": one.seq,
            "playbook": one.playbook,
            "by": one.by,
            "start": f"{one.start:%Y-%m-%d %H:%M}",
            "end": f"{one.end:%Y-%m-%d %H:%M}",
            "state": t(f"playbook_runs.approval_{state(one, now)}"),
            "digest": one.digest,
        }
        for one in unspent(Book(home().book), options.contract)
    ]
    columns = ("seq", "playbook", "by", "start", "end", "state", "digest")
    show(rows, {key: t(f"playbook_runs.col_{key}") for key in columns}, options.json)
    return 0


def state(one: "Approval", now: "datetime") -> str:
    return "over" if now > one.end else "early" if now < one.start else "open"
