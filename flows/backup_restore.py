"""`opsproof backup restore`: said first, then done to a new place; a live target only by its typed name."""

import sys
from typing import TYPE_CHECKING, Any

from flows.commands import verb
from tasks.texts import t

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from flows.backup_kept import AtHand
    from tasks.backups.wanted import Wanted
    from tasks.model import Json, Target
    from tasks.records import Entry

# Words of a restore that its record keeps, the last ones.
SAID = 100


def add(verbs: Any) -> None:
    made = verb(verbs, "restore", t("backup_kept.restore_help"), run_restore)
    made.add_argument("name", metavar="NAME", help=t("backup_kept.arg_restore_name"))
    made.add_argument("--contract", required=True, metavar="CODE", help=t("routine.run_contract"))
    where = made.add_mutually_exclusive_group(required=True)
    where.add_argument("--to", default="", metavar="PLACE", help=t("backup_kept.arg_to"))
    where.add_argument("--into", default="", metavar="TARGET", help=t("backup_kept.arg_into"))
    made.add_argument("--at", default="", metavar="POINT", help=t("backup_kept.arg_at"))
    made.add_argument("--members", action="store_true", help=t("backup_kept.arg_members"))
    made.add_argument("--confirm", default="", metavar="TARGET", help=t("backup_kept.arg_confirm"))
    made.add_argument("--credential", default="", metavar="NAME", help=t("backup_kept.arg_credential"))
    made.add_argument("--yes", action="store_true", help=t("cli.yes"))
    made.add_argument("--plan", action="store_true", help=t("backup_kept.arg_plan"))


def run_restore(options: Any) -> int:
    """0: it is there. 1: refused or not confirmed. 2: it could not be done, and nothing is there."""
    from flows.backup_kept import at_hand
    from flows.terminal import confirmed, say
    from tasks.backups.restore import able_to_load
    from tasks.backups.wanted import steps, wanted

    found = at_hand(options.contract)
    chosen = wanted(found.place, options.name, options.at, options.members)
    if options.into:
        able_to_load(chosen.backup)
    words: list[str] = []
    work, to = way(found, chosen, options, words)
    said = steps(chosen, to)
    for number, step in enumerate(said, 1):
        print(f"{number}. {step}")
    say(t("backup_kept.sizes", size=chosen.size / 2**30, need=chosen.need / 2**30))
    if options.plan:
        return 0
    if options.into:
        target = found.inventory.target(options.contract, options.into)
        if not typed(target.name, options.confirm):
            say(t("backup_kept.not_typed"))
            return 1
    elif not confirmed(t("backup_kept.ask_restore", to=to), options.yes):
        return 1
    seconds = recorded(found, options, chosen, to, work, words)
    say(t("backup_kept.restored", name=chosen.backup.name, to=to, seconds=seconds))
    return 0


def way(
    found: "AtHand", chosen: "Wanted", options: Any, words: list[str]
) -> "tuple[Callable[[], float], str]":
    """How it gets where it is wanted, and what that place is called; what is said on the way goes to `words`
    as well."""
    from dataclasses import replace
    from functools import partial
    from pathlib import Path

    from flows.terminal import say as aloud
    from tasks.backups import restore
    from tasks.backups.keys import identities
    from tasks.backups.restoring import free_place
    from tasks.errors import Refused
    from tasks.inventory.suggest import meant

    def say(text: str) -> None:
        words.append(text)
        aloud(text)

    keys = identities(found.place.plan, found.access.keyring)
    if options.into:
        target = found.inventory.target(options.contract, options.into)
        fitting(chosen, target)
        if options.credential:
            target = replace(target, credential=options.credential)  # type: ignore[call-arg]
        into = partial(restore.into, found.place, chosen, target, keys, found.access, say)
        return into, t("backup_kept.live", name=target.name)
    host, colon, path = options.to.partition(":")
    if colon and path.startswith("/"):
        there = found.access.hosts.get(host)
        if there is None:
            raise Refused(t("inventory.no_target", name=host) + meant(host, found.access.hosts))
        over = partial(restore.to_host, found.place, chosen, there, path, keys)
        return partial(over, found.access, say), options.to
    folder = Path(options.to).absolute()
    free_place(folder)
    restore.enough_room(chosen, folder)
    return partial(restore.to_folder, found.place, chosen, folder, keys, say), str(folder)


def fitting(chosen: "Wanted", target: "Target") -> None:
    """A backup of one engine does not go into another."""
    from tasks.backups import method_named
    from tasks.backups.plan import kind_of
    from tasks.errors import Refused

    serves = method_named(chosen.backup.manifest.method).serves
    if kind_of(target) != serves:
        raise Refused(t("backups.wrong_target", name=target.name, serves="/".join(filter(None, serves))))


def typed(name: str, given: str) -> bool:
    """The target's own name, by hand or by --confirm; nothing like it will do."""
    if given:
        return given == name
    if not sys.stdin.isatty():
        return False
    return input(t("backup_kept.ask_name", name=name)).strip() == name


def recorded(
    found: "AtHand",
    options: Any,
    chosen: "Wanted",
    to: str,
    work: "Callable[[], float]",
    words: list[str],
) -> float:
    """Whatever comes of it is in the book; a bug or an interruption as well."""
    from tasks import clock
    from tasks.locks import held, held_beside

    title, begun = t("backup_kept.restore_title"), clock.now()
    facts: dict[str, Json] = {
        "backup": chosen.backup.name,
        "chain": [one.name for one in chosen.chain],
        "stores": list(chosen.sources),
        "to": to,
        "until": dict(chosen.until),
        "bytes": chosen.size,
        "live": bool(options.into),
    }

    def note(summary: str, ok: bool) -> None:
        said: Json = words[-SAID:]
        noted(found, options.contract, title, "restore", begun, summary, {**facts, "said": said}, ok=ok)

    # To a new place also while something is being changed: that is when it may be needed.
    if options.into:
        alone = held(found.home, options.contract, "restore", changes=True, title=title)
    else:
        alone = held_beside(found.home, options.contract, "restore", title)
    with alone:
        try:
            seconds = work()
        except BaseException as problem:
            text = t("backup_kept.restore_failed", name=chosen.backup.name, to=to, reason=reason(problem))
            note(text, False)
            raise
    facts["seconds"] = round(seconds, 1)
    level = "L0" if chosen.members else "L2" if chosen.until else "L1"
    facts["level"] = level
    note(t("backup_kept.restored_record", name=chosen.backup.name, to=to, seconds=seconds, level=level), True)
    return seconds


def reason(problem: BaseException) -> str:
    from tasks.errors import OpsError

    match problem:
        case OpsError():
            return str(problem)
        case Exception():
            return t("routine.bug", kind=type(problem).__name__)
        case _:
            return t("routine.interrupted")


def noted(
    found: "AtHand",
    contract: str,
    title: str,
    topic: str,
    begun: "datetime",
    summary: str,
    facts: "Mapping[str, Json]",
    *,
    ok: bool,
) -> "Entry":
    from flows.routine import NOTHING, TOOL, keep, user
    from flows.routine import noted as sent
    from tasks import clock
    from tasks.model import Outcome, Record
    from tasks.records import Book

    book = Book(found.home.ready(found.home.book))
    return book.append(
        Record(
            contract=contract,
            routine="backup",
            title=title,
            started_at=begun,
            ended_at=clock.now(),
            started_by=user(),
            outcome=Outcome.OK if ok else Outcome.FAILED,
            mode=found.inventory.contract(contract).mode,
            topics=(topic,),
            expected=1,
            reached=1 if ok else 0,
            summary=summary,
            facts={"tool": TOOL, **facts},
            evidence=tuple(keep(book, piece) for piece in sent(found.access.sent or NOTHING)),
        )
    )
