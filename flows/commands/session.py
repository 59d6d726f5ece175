"""`opsproof session HOST`: an engineer's own shell, recorded; `session import FILE…`: a jump host's logs."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.commands import verb
from tasks.texts import t

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.home import Home
    from tasks.inventory import Inventory
    from tasks.model import Host
    from tasks.records import Book

IMPORT = "import"
IDLE_MINUTES = 30
LONGEST_IDLE = 1440


def add(nouns: Any) -> None:
    made = verb(nouns, "session", t("sessions.help"), run)
    made.add_argument("words", nargs="+", metavar="HOST", help=t("sessions.arg_words"))
    made.add_argument("--contract", required=True, metavar="CODE", help=t("sessions.arg_contract"))
    made.add_argument("--by", required=True, metavar="NAME", help=t("sessions.arg_by"))
    made.add_argument("--reason", default="", help=t("sessions.arg_reason"))
    idle = t("sessions.arg_idle", minutes=IDLE_MINUTES)
    made.add_argument("--host", default="", metavar="NAME", help=t("sessions.arg_host"))
    made.add_argument("--at", default="", metavar="TIME", help=t("sessions.arg_at"))
    made.add_argument("--mapping", type=Path, metavar="FILE", help=t("sessions.arg_mapping"))
    made.add_argument("--idle", type=float, default=IDLE_MINUTES, metavar="N", help=idle)


def run(options: Any) -> int:
    from tasks.errors import Refused

    name, *more = options.words
    if name == IMPORT and more:
        return run_import(more, options)
    if more:
        raise Refused(t("sessions.one_host"))
    return run_shell(name, options)


def run_import(names: "Sequence[str]", options: Any) -> int:
    from flows.session_import import Wanted, import_all, mapping_of
    from flows.terminal import say
    from tasks import clock
    from tasks.hiding import Hiding
    from tasks.inspection.manual import looked_at

    house, book, inventory = active(options.contract)
    wanted = Wanted(
        contract=options.contract,
        by=entitled(house, options),
        host=inventory.target(options.contract, options.host).name if options.host else "",
        at=looked_at(options.at, clock.now()) if options.at else None,
        mapping=mapping_of(options.mapping),
        hidden=Hiding(secrets_of(house, inventory, options.contract)),
        mode=inventory.contract(options.contract).mode,
    )
    for entry in import_all(book, inventory, wanted, [Path(name) for name in names]):
        say(t("sessions.entered", contract=entry.contract, seq=entry.seq, summary=entry.record.summary))
    return 0


def run_shell(name: str, options: Any) -> int:
    """0: the shell ended with 0. 1: with another code, or was cut."""
    from flows.sessions_left import take_up_all
    from flows.terminal import say
    from tasks.errors import Refused

    house, book, inventory = active(options.contract)
    by = entitled(house, options)
    host = host_named(inventory, options.contract, name)
    if not 0 < options.idle <= LONGEST_IDLE:
        raise Refused(t("sessions.bad_idle"))
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Refused(t("sessions.no_terminal"))
    for entry in take_up_all(house, book):
        say(t("sessions.taken_up", contract=entry.contract, seq=entry.seq))
    say(t("sessions.banner"))
    entry = held_session(house, book, inventory, host, by, options)
    say(t("sessions.entered", contract=entry.contract, seq=entry.seq, summary=entry.record.summary))
    return 0 if entry.record.facts["exit_code"] == 0 else 1


def held_session(
    house: "Home", book: "Book", inventory: "Inventory", host: "Host", by: str, options: Any
) -> Any:
    from flows.credential_blocks import lookup
    from flows.sessions import Wanted, session
    from tasks.hiding import Hiding
    from tasks.inventory.credentials import Keyring
    from tasks.model import Host
    from tasks.transports import Access

    targets = inventory.targets(options.contract, "host")
    hosts = {one.name: one for one in targets if isinstance(one, Host)}
    wanted = Wanted(
        host=host,
        access=Access(Keyring(house, lookup), hosts),
        by=by,
        reason=options.reason,
        mode=inventory.contract(options.contract).mode,
        hidden=Hiding(secrets_of(house, inventory, options.contract)),
        idle_seconds=options.idle * 60,
    )
    return session(house, book, wanted)


def secrets_of(house: "Home", inventory: "Inventory", contract: str) -> set[str]:
    from flows.credential_blocks import lookup
    from flows.sessions import secrets
    from tasks.inventory.credentials import Keyring

    return secrets(Keyring(house, lookup), inventory.targets(contract))


def active(contract: str) -> "tuple[Home, Book, Inventory]":
    from tasks.contracts.activation import active as in_force
    from tasks.errors import Refused
    from tasks.home import home
    from tasks.inventory import load
    from tasks.records import Book

    house = home()
    inventory = load(house.inventories, contract=contract)
    book = Book(house.ready(house.book))
    if contract not in in_force(book):
        raise Refused(t("sessions.inactive", contract=contract))
    return house, book, inventory


def entitled(house: "Home", options: Any) -> str:
    from tasks.people.operators import Role
    from tasks.people.operators import entitled as may

    return may(house, options.by, options.contract, Role.OPERATOR, Role.APPROVER).name


def host_named(inventory: "Inventory", contract: str, name: str) -> "Host":
    from tasks.errors import Refused
    from tasks.model import Host

    host = inventory.target(contract, name)
    if not isinstance(host, Host):
        raise Refused(t("sessions.no_host", name=name))
    if host.family == "windows":
        raise Refused(t("sessions.windows", name=name))
    if host.transport != "ssh":
        raise Refused(t("sessions.not_ssh", name=name, transport=host.transport))
    return host
