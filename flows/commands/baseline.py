"""`opsproof baseline`: what there is compared with what was approved, and the approval by a named person."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from flows.commands import noun, verb
from tasks.texts import t

if TYPE_CHECKING:
    from tasks.history import History, Sets
    from tasks.home import Home
    from tasks.records import Book


def add(nouns: Any) -> None:
    verbs = noun(nouns, "baseline", t("history.baseline_noun"))
    shown = verb(verbs, "show", t("history.baseline_show"), run_show, table=True)
    approved = verb(verbs, "approve", t("history.baseline_approve"), run_approve)
    for made in (shown, approved):
        made.add_argument("--contract", required=True, help=t("history.arg_contract"))
        made.add_argument("--target", nargs="+", default=[], metavar="NAME", help=t("history.arg_targets"))
        made.add_argument("--check", nargs="+", default=[], metavar="CHECK", help=t("history.arg_checks"))
    approved.add_argument("--all", action="store_true", help=t("history.arg_all"))
    approved.add_argument("--by", required=True, metavar="NAME", help=t("history.arg_by"))
    approved.add_argument("--reason", required=True, help=t("history.arg_reason"))


def run_show(options: Any) -> int:
    from flows.terminal import show

    _, _, history = opened(options.contract)
    rows = list(differences(seen(history, options), history.approved(options.contract)))
    if not options.json:
        rows = [{**row, "state": t(f"history.state_{row['state']}")} for row in rows]
    show(rows, {key: t(f"history.col_{key}") for key in ("state", "target", "check", "item")}, options.json)
    return 1 if any(row["state"] not in ("same", t("history.state_same")) for row in rows) else 0


def run_approve(options: Any) -> int:
    from flows.terminal import say
    from tasks import clock
    from tasks.errors import Refused
    from tasks.history.decisions import approval
    from tasks.people.operators import Role, entitled

    if bool(options.target) == options.all:
        raise Refused(t("history.target_or_all"))
    house, book, history = opened(options.contract)
    entitled(house, options.by, options.contract, Role.APPROVER)
    sets = seen(history, options)
    if not sets:
        raise Refused(t("history.nothing_seen", contract=options.contract))
    entry = book.append(approval(options.contract, sets, options.by, options.reason, clock.now()))
    count = sum(len(names) for checks in sets.values() for names in checks.values())
    say(t("history.approved", targets=len(sets), sets=count, contract=options.contract, seq=entry.seq))
    return 0


def opened(contract: str) -> "tuple[Home, Book, History]":
    """The state of a contract that the inventory knows, up to the last record."""
    from tasks.history import History
    from tasks.home import home
    from tasks.inventory import load
    from tasks.records import Book

    house = home()
    load(house.inventories, contract=contract)
    book, history = Book(house.ready(house.book)), History(house.ready(house.history))
    history.catch_up(book, contract)
    return house, book, history


def seen(history: "History", options: Any) -> "Sets":
    """The sets as last recorded, of the targets and checks asked for. Only marks that are baselines."""
    from tasks.checks import CHECKS
    from tasks.errors import Refused
    from tasks.inventory.suggest import meant

    kept = {check.name: check.baseline for check in CHECKS.all().values() if check.baseline}
    marks = history.marks(options.contract)
    for asked, known in ((options.check, kept), (options.target, marks)):
        if wrong := [name for name in asked if name not in known]:
            raise Refused(t("history.not_seen", name=wrong[0]) + meant(wrong[0], known))
    found: dict[str, dict[str, dict[str, str]]] = {}
    for target, checks in marks.items():
        for check, names in checks.items():
            wanted = target in (options.target or marks) and check in (options.check or kept)
            sets = {name: text for name, text in names.items() if name in kept.get(check, ())}
            if wanted and sets:
                found.setdefault(target, {})[check] = sets
    return found


def differences(now: "Sets", approved: "Sets") -> Iterator[dict[str, str]]:
    from tasks.checks.baselines import things

    for target, checks in sorted(now.items()):
        for check, names in sorted(checks.items()):
            for name, text in sorted(names.items()):
                held = approved.get(target, {}).get(check, {})
                before, after = set(things(held.get(name, ""))), set(things(text))
                for item in sorted(before | after):
                    state = "same" if item in before & after else "gone" if item in before else "new"
                    state = state if name in held else "unapproved"
                    yield {"state": state, "target": target, "check": check, "set": name, "item": item}
