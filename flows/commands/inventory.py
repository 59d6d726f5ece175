"""`opsproof inventory`: are the files sound, what is in them, and which contracts are in force."""

import getpass
import os
from argparse import ArgumentParser
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from flows.commands import noun, verb
from flows.terminal import confirmed, say, show
from tasks.texts import t, texts

if TYPE_CHECKING:
    from tasks.inventory import Inventory
    from tasks.model import Target

Row = dict[str, Any]
TYPES = ("host", "database", "site", "device")


def add(nouns: Any) -> None:
    verbs = noun(nouns, "inventory", t("inventory.noun"))
    of_contract(verb(verbs, "check", t("inventory.check_help"), check, table=True))
    listed = of_contract(verb(verbs, "list", t("inventory.list_help"), list_targets, table=True))
    listed.add_argument("--type", choices=TYPES, help=t("inventory.type_help"))
    shown = of_contract(verb(verbs, "show", t("inventory.show_help"), show_one, table=True))
    shown.add_argument("what", metavar="NAME", help=t("inventory.what_help"))
    for name, run in (("activate", activate), ("deactivate", deactivate)):
        made = verb(verbs, name, t(f"inventory.{name}_help"), run)
        made.add_argument("code", metavar="CODE", help=t("inventory.code_help"))
        made.add_argument("--yes", action="store_true", help=t("cli.yes"))


def of_contract(made: ArgumentParser) -> ArgumentParser:
    made.add_argument("--contract", metavar="CODE", help=t("inventory.contract_help"))
    return made


def check(options: Any) -> int:
    from dataclasses import asdict

    from flows.inventory_check import examine
    from tasks.home import home

    inventory, problems, later = examine(home(), options.contract)
    if options.json:
        show([asdict(problem) for problem in problems], {}, json_wanted=True)
    else:
        for problem in problems:
            print(problem)
    if problems:
        say(t("inventory.problems", count=len(problems)))
        return 1
    say(t("inventory.sound", contracts=len(inventory.contracts), targets=len(inventory.everything)))
    if later:
        say(t("inventory.credentials_later", count=len(later)))
    return 0


def list_targets(options: Any) -> int:
    from tasks.home import home
    from tasks.inventory import load

    inventory = load(home().inventories, options.contract)
    rows = [row(target) for target in inventory.targets(options.contract, options.type)]
    columns = ("contract", "part", "type", "name", "what", "form", "address")
    plain = [{**one, "type": t(f"inventory.type_{one['type']}"), "what": what(one)} for one in rows]
    headings = {key: t(f"inventory.column_{key}") for key in columns}
    show(rows if options.json else plain, headings, options.json)
    return 0


def row(target: "Target") -> Row:
    from dataclasses import asdict

    fields = {**asdict(target), "ledger": dict(target.ledger)}
    first = {key: fields.pop(key) for key in ("contract", "part")}
    return {**first, "type": target.type, **fields}


def what(row: Row) -> str:
    return str(row.get("os") or row.get("engine") or row.get("kind") or "")


def show_one(options: Any) -> int:
    """A contract by its code, or else the target of that name."""
    from tasks.home import home
    from tasks.inventory import survey

    # What is wrong elsewhere must not hide this one.
    inventory, problems = survey(home().inventories, options.contract)
    if problems:
        say(t("inventory.some_broken", count=len(problems)))
    if options.what in inventory.contracts and not options.contract:
        return show_contract(inventory, options.what, options.json)
    target = only_one(inventory, options.what)
    fields = {**row(target), "origin": inventory.origin(target)}
    if options.json:
        show([fields], {}, json_wanted=True)
        return 0
    fields["type"] = t(f"inventory.type_{target.type}")
    rows = [
        {"key": t(f"inventory.field_{key}"), "value": flat(value)}
        for key, value in fields.items()
        if value not in ("", None, (), {})
    ]
    show(rows, {key: t(f"inventory.column_{key}") for key in ("key", "value")}, json_wanted=False)
    return 0


def only_one(inventory: "Inventory", name: str) -> "Target":
    from tasks.errors import Refused

    found = inventory.targets(names=[name])
    if len(found) > 1:
        contracts = " ".join(target.contract for target in found)
        raise Refused(t("inventory.ambiguous", name=name, contracts=contracts))
    return found[0]


def field_title(key: str) -> str:
    """Ours by the catalogue; a ledger's columns have people's own names."""
    return texts("inventory").get(f"field_{key}", key)


def flat(value: object) -> str:
    """Lists and mappings on one line."""
    if isinstance(value, dict):
        return "  ".join(f"{field_title(key)}={flat(inner)}" for key, inner in value.items() if inner)
    if isinstance(value, list | tuple):
        return " · ".join(flat(inner) for inner in value)
    return str(value)


def show_contract(inventory: "Inventory", code: str, as_json: bool) -> int:
    """Part by part: what the contract says, what the files hold."""
    from dataclasses import asdict

    from tasks.contracts.activation import active
    from tasks.home import home
    from tasks.inventory.counts import compare
    from tasks.records import Book

    contract = inventory.contracts[code]
    since = active(Book(home().book)).get(code)
    say(
        f"{contract.name} · {t('inventory.active_since')} {since:%Y-%m-%d %H:%M}"
        if since
        else f"{contract.name} · {t('inventory.not_active')}"
    )
    counts = [asdict(count) for count in compare(contract, inventory.targets(code))]
    plain = [
        {
            **one,
            "part": contract.parts[one["part"]].title,
            "type": t(f"inventory.type_{one['type']}"),
            "agreed": "—" if one["agreed"] is None else one["agreed"],
        }
        for one in counts
    ]
    columns = {key: t(f"inventory.column_{key}") for key in ("part", "type", "what", "agreed", "found")}
    show(counts if as_json else plain, columns, as_json)
    return 0


def activate(options: Any) -> int:
    from flows.inventory_check import refuse_unready
    from tasks import clock
    from tasks.contracts import activation
    from tasks.home import home
    from tasks.records import Book

    here = home()
    inventory = refuse_unready(here, options.code)
    book = Book(here.book)
    if since := activation.active(book).get(options.code):
        say(t("inventory.already_active", code=options.code, since=f"{since:%Y-%m-%d %H:%M}"))
        return 0
    announce(inventory, options.code)
    if not confirmed(t("inventory.ask_activate", code=options.code), options.yes):
        say(t("inventory.unchanged"))
        return 1
    here.ready(here.book)
    activation.activate(book, options.code, user(), clock.now())
    say(t("inventory.activated", code=options.code))
    return 0


def announce(inventory: "Inventory", code: str) -> None:
    """What activation sets off: the systems that will be contacted, and when first."""
    from collections import Counter

    from tasks import clock
    from tasks.contracts.timetable import Timetable
    from tasks.home import home
    from tasks.inventory.counts import counted_as

    contract, targets = inventory.contracts[code], inventory.targets(code)
    print(t("inventory.will_contact", code=code, name=contract.name))
    found = Counter((target.part, target.type, counted_as(target)) for target in targets)
    for (part, kind, word), number in found.items():
        title = contract.parts[part].title
        print(
            t("inventory.line_count", part=title, type=t(f"inventory.type_{kind}"), what=word, found=number)
        )
    addresses = list(dict.fromkeys(target.address for target in targets if target.address))
    more = [t("inventory.and_more", count=len(addresses))] if len(addresses) > 20 else []
    print(t("inventory.line_addresses", addresses=" ".join(addresses[:20] + more)))
    now, timetable = clock.now(), Timetable.load(home().inventories, code)
    # Not refused: a run by hand may still be wanted, in tests before the term or at its closing.
    if outside := timetable.outside(now.date()):
        say(t("inventory.outside_term", reason=outside))
    print(t("inventory.first_runs"))
    plans = timetable.plans(now, now + timedelta(days=7))
    for plan in plans[:5]:
        print(t("inventory.line_plan", due=f"{plan.due_at:%Y-%m-%d %H:%M}", title=plan.title))
    if not plans:
        print(t("inventory.no_plans"))


def deactivate(options: Any) -> int:
    from tasks import clock
    from tasks.contracts import activation
    from tasks.home import home
    from tasks.records import Book

    book = Book(home().book)
    if options.code not in activation.active(book):
        say(t("inventory.already_inactive", code=options.code))
        return 0
    if not confirmed(t("inventory.ask_deactivate", code=options.code), options.yes):
        say(t("inventory.unchanged"))
        return 1
    activation.deactivate(book, options.code, user(), clock.now())
    say(t("inventory.deactivated", code=options.code))
    return 0


def user() -> str:
    return t("inventory.by_cli", user=os.environ.get("SUDO_USER") or getpass.getuser())
