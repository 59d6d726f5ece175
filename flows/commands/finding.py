"""`opsproof finding`: what a named person answers for until a day; it is recorded all the same."""

from datetime import date
from typing import TYPE_CHECKING, Any

from flows.commands import noun, verb
from flows.commands.baseline import opened
from tasks.texts import t

if TYPE_CHECKING:
    from tasks.model import Status


def add(nouns: Any) -> None:
    verbs = noun(nouns, "finding", t("history.finding_noun"))
    listed = verb(verbs, "list", t("history.finding_list"), run_list, table=True)
    listed.add_argument("--contract", required=True, help=t("history.arg_contract"))
    made = verb(verbs, "acknowledge", t("history.finding_acknowledge"), run_acknowledge)
    made.add_argument("--contract", required=True, help=t("history.arg_contract"))
    for name in ("target", "check", "subject"):
        made.add_argument(f"--{name}", required=True, metavar="NAME", help=t(f"history.col_{name}"))
    made.add_argument("--by", required=True, metavar="NAME", help=t("history.arg_by"))
    made.add_argument("--reason", required=True, help=t("history.arg_reason"))
    made.add_argument("--until", required=True, metavar="DATE", help=t("history.arg_until"))


def run_list(options: Any) -> int:
    from flows.terminal import show
    from tasks import clock

    _, _, history = opened(options.contract)
    today = clock.now().date()
    rows = [
        {
            "target": one.target,
            "check": one.check,
            "subject": one.subject,
            "status": one.status if options.json else t(f"reports.{one.status}"),
            "until": one.until.isoformat(),
            "over": one.until < today if options.json else t(f"history.over_{one.until < today}"),
            "by": one.by,
            "reason": one.reason,
        }
        for one in history.acknowledged(options.contract)
    ]
    keys = ("target", "check", "subject", "status", "until", "over", "by", "reason")
    show(rows, {key: t(f"history.col_{key}") for key in keys}, options.json)
    return 0


def run_acknowledge(options: Any) -> int:
    from flows.terminal import say
    from tasks import clock
    from tasks.history.decisions import Acknowledged, acknowledgement
    from tasks.people.operators import Role, entitled

    house, book, history = opened(options.contract)
    entitled(house, options.by, options.contract, Role.APPROVER, Role.OPERATOR)
    statuses = history.before(options.contract)(options.check, options.target).statuses
    known = Acknowledged(
        target=options.target,
        check=options.check,
        subject=options.subject,
        status=status_of(statuses, options),
        reason=options.reason,
        until=day(options.until, clock.now().date()),
        by=options.by,
    )
    entry = book.append(acknowledgement(options.contract, known, clock.now()))
    say(t("history.acknowledged", contract=options.contract, seq=entry.seq, until=known.until))
    return 0


def status_of(statuses: Any, options: Any) -> "Status":
    """Of the finding as last recorded: only what is there, and bad, and was seen, can be answered for."""
    from tasks.errors import Refused
    from tasks.inventory.suggest import meant
    from tasks.model import Status

    if options.subject not in statuses:
        text = t("history.no_finding", target=options.target, check=options.check, subject=options.subject)
        raise Refused(text + meant(options.subject, statuses))
    status: Status = statuses[options.subject]
    if status in (Status.OK, Status.UNKNOWN):
        raise Refused(t(f"history.not_{status}", subject=options.subject))
    return status


def day(text: str, today: date) -> date:
    from tasks.errors import Refused

    try:
        until = date.fromisoformat(text)
    except ValueError as problem:
        raise Refused(t("history.bad_day", text=text)) from problem
    if until < today:
        raise Refused(t("history.bad_day", text=text))
    return until
