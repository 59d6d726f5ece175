"""`opsproof credential`: which logins are needed, where they come from, and how they get in."""

import shlex
import sys
from argparse import ArgumentParser
from getpass import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.commands import noun, verb
from flows.terminal import say, show
from tasks.texts import t

if TYPE_CHECKING:
    from tasks.home import Home
    from tasks.model import Target

Row = dict[str, Any]


def add(nouns: Any) -> None:
    verbs = noun(nouns, "credential", t("credentials.noun"))
    of_contract(verb(verbs, "list", t("credentials.list_help"), list_credentials, table=True))
    checked = of_contract(verb(verbs, "check", t("credentials.check_help"), check, table=True))
    checked.add_argument("--all", action="store_true", help=t("credentials.all_help"))
    made = verb(verbs, "set", t("credentials.set_help"), set_one)
    made.add_argument("name", metavar="NAME", help=t("credentials.name_help"))
    made.add_argument("--user", metavar="USER", help=t("credentials.user_help"))
    made.add_argument("--key-file", default="", metavar="PATH", help=t("credentials.key_file_help"))
    given = verb(verbs, "import", t("credentials.import_help"), import_file)
    given.add_argument("file", type=Path, metavar="FILE", help=t("credentials.file_help"))


def of_contract(made: ArgumentParser) -> ArgumentParser:
    made.add_argument("--contract", metavar="CODE", help=t("credentials.contract_help"))
    return made


def list_credentials(options: Any) -> int:
    """Names only: the needed ones, and with no contract chosen also those that nothing needs."""
    from tasks.home import home
    from tasks.inventory.secret_files import stored

    here = home()
    needed = needs(here, options.contract)
    names = {*needed, *(() if options.contract else stored(here))}
    show_rows([row(here, name, needed.get(name, [])) for name in sorted(names)], options.json)
    return 0


def check(options: Any) -> int:
    """Those of the contracts in force, unless one or all are asked for."""
    from tasks.contracts.activation import active
    from tasks.home import home
    from tasks.records import Book

    here = home()
    needed = needs(here, options.contract)
    if not (options.contract or options.all):
        running = active(Book(here.book))
        needed = {
            name: mine
            for name, targets in needed.items()
            if (mine := [target for target in targets if target.contract in running])
        }
    rows = [row(here, name, targets) for name, targets in sorted(needed.items())]
    missing = [one for one in rows if one["source"] is None]
    show_rows(missing, options.json, quiet=True)
    if missing:
        say(t("credentials.some_missing", count=len(missing)))
        return 1
    say(t("credentials.all_present", count=len(rows)) if rows else t("credentials.nothing_active"))
    return 0


def needs(here: "Home", contract: str | None) -> "dict[str, list[Target]]":
    """Credential → the targets that need it, to log in or to be backed up. What cannot be read is left out,
    aloud."""
    from flows.inventory_check import logins
    from tasks.backups.plan import read_backups
    from tasks.inventory import load, survey

    if contract:
        inventory = load(here.inventories, contract)
    else:
        inventory, problems = survey(here.inventories)
        if problems:
            say(t("credentials.some_broken", count=len(problems)))
    found: dict[str, list[Target]] = {}
    for target in inventory.targets(contract):
        if name := getattr(target, "credential", ""):
            found.setdefault(name, []).append(target)
    for code in [contract] if contract else sorted(set(inventory.contracts) - inventory.partial):
        if plan := read_backups(here.inventories, code, []):
            names = {name for job in plan.content.jobs for name in job.targets}
            mine = [target for target in inventory.targets(code) if target.name in names]
            for _, name in logins(plan.content):
                found.setdefault(name, []).extend(mine)
    return found


def row(here: "Home", name: str, targets: "list[Target]") -> Row:
    from flows.credential_blocks import lookup
    from tasks.inventory.credentials import source_of

    return {
        "name": name,
        "source": source_of(name, here, lookup),
        "contracts": sorted({target.contract for target in targets}),
        "targets": len(targets),
    }


def show_rows(rows: list[Row], as_json: bool, quiet: bool = False) -> None:
    if quiet and not rows and not as_json:
        return
    columns = {key: t(f"credentials.column_{key}") for key in ("name", "source", "contracts", "targets")}
    plain = [
        {
            **one,
            "source": t(f"credentials.source_{one['source'] or 'none'}"),
            "contracts": " ".join(one["contracts"]),
        }
        for one in rows
    ]
    show(rows if as_json else plain, columns, as_json)


def set_one(options: Any) -> int:
    """The password by prompt or standard input, never as an argument: those are in every process list."""
    from tasks.errors import Refused
    from tasks.home import home
    from tasks.inventory.credentials import checked
    from tasks.inventory.schema import NAME
    from tasks.inventory.secret_files import store

    if not NAME.fullmatch(options.name):
        raise Refused(t("credentials.bad_name", name=ascii(options.name)))
    terminal = sys.stdin.isatty()
    if not options.user and not terminal:
        raise Refused(t("credentials.need_user"))
    user = options.user or input(t("credentials.ask_user"))
    secret = getpass(t("credentials.ask_password")) if terminal else sys.stdin.readline().rstrip("\n")
    if not secret and not options.key_file:
        raise Refused(t("credentials.empty_secret"))
    kind = "passphrase" if options.key_file else "password"
    login = checked(options.name, {"user": user, kind: secret, "key_file": options.key_file})
    store(home(), {options.name: login})
    say(t("credentials.saved", name=options.name))
    return 0


def import_file(options: Any) -> int:
    from tasks.home import home
    from tasks.inventory.secret_files import read_any, store

    logins = read_any(options.file)
    replaced = store(home(), logins)
    say(t("credentials.imported", count=len(logins), replaced=replaced))
    path = options.file.absolute()
    say(t("credentials.delete_advice", path=path, shown=shlex.quote(str(path))))
    return 0
