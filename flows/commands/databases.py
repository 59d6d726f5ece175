"""`opsproof databases`: what to grant, whether it was granted, and what a real database answers, kept."""

from typing import TYPE_CHECKING, Any

from flows.commands import noun, verb
from tasks.texts import listed, t

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.databases.preflight import Step
    from tasks.model import Database
    from tasks.transports import Access


def add(nouns: Any) -> None:
    verbs = noun(nouns, "databases", t("databases.noun"))
    shown = verb(verbs, "grants", t("databases.grants_help"), grants)
    shown.add_argument("engine", help=t("databases.arg_engine"))
    shown.add_argument("--account", metavar="NAME", help=t("databases.arg_account"))
    tried = verb(verbs, "preflight", t("databases.preflight_help"), preflight, table=True)
    kept = verb(verbs, "record", t("databases.record_help"), record, table=True)
    for made in (tried, kept):
        made.add_argument("names", nargs="*", metavar="NAME", help=t("databases.arg_names"))
        made.add_argument("--contract", required=True, metavar="CODE", help=t("databases.arg_contract"))
    kept.add_argument("--to", metavar="DIR", help=t("databases.arg_to"))
    kept.add_argument("--case", default="recorded", metavar="NAME", help=t("databases.arg_case"))
    kept.add_argument("--mask", action="store_true", help=t("databases.arg_mask"))


def grants(options: Any) -> int:
    import re

    from tasks.databases import preflight as grant
    from tasks.errors import Refused

    account = options.account or grant.ACCOUNT
    if not re.fullmatch(r"[\w#$@.%'-]{1,80}", account):
        raise Refused(t("databases.bad_account"))
    print(grant.grants(options.engine, account))
    return 0


def preflight(options: Any) -> int:
    """0: every statement is answered. 1: some are not. 2: not a single database was reached."""
    from flows.terminal import say, show
    from tasks.databases.preflight import Step, preflight
    from tasks.errors import OpsError

    databases, access = wanted(options)
    steps: list[Step] = []
    for number, database in enumerate(databases, 1):
        say(t("databases.asking", done=number, total=len(databases), name=database.name))
        try:
            steps += preflight(database, access)
        except OpsError as problem:
            steps.append(Step(database.name, "", "", "", "unreached", str(problem)))
    rows = [row(one, options.json) for one in steps if options.json or one.state != "ok"]
    columns = ("database", "member", "check", "statement", "state", "reason", "grants")
    show(rows, {key: t(f"databases.col_{key}") for key in columns}, options.json)
    good = sum(one.state == "ok" for one in steps)
    say(t("databases.preflight_summary", databases=len(databases), good=good, bad=len(steps) - good))
    if all(one.state == "unreached" for one in steps):
        return 2
    return 0 if good == len(steps) else 1


def row(one: "Step", whole: bool) -> dict[str, object]:
    from dataclasses import asdict

    plain = asdict(one)
    if whole:
        return plain
    return {**plain, "state": t(f"databases.state_{one.state}"), "grants": " ".join(one.grants)}


def record(options: Any) -> int:
    """0: every answer was kept. 1: some were not."""
    from dataclasses import asdict
    from pathlib import Path

    from flows.terminal import say, show
    from tasks.home import home
    from tasks.inspection.collect import EVERYTHING, collect
    from tasks.inspection.recording import Masking, Recorded, record, summary

    check_case(options.case)
    databases, access = wanted(options)
    root = Path(options.to) if options.to else home().root / "recordings" / options.contract
    rows, short = [], 0
    for database in databases:
        collected = collect(database, EVERYTHING, access)
        kept: list[Recorded] = []
        if collected.failure:
            say(t("databases.unreached", name=database.name, reason=collected.failure))
        else:
            masking = Masking() if options.mask else None
            kept = record(collected, root / database.name, options.case, masking, t("databases.not_masked"))
        short += not kept or bool(summary(kept)[1])
        rows += [{"database": database.name, **asdict(one)} for one in kept]
    columns = ("database", "check", "statements", "rows", "findings", "left_out")
    show(rows, {key: t(f"databases.col_{key}") for key in columns}, options.json)
    say(t("databases.recorded", count=len(rows), folder=root))
    return 1 if short else 0


def check_case(name: str) -> None:
    import re

    from tasks.errors import Refused

    if not re.fullmatch(r"\w[\w.-]{0,63}", name):
        raise Refused(t("databases.bad_case"))


def wanted(options: Any) -> "tuple[Sequence[Database], Access]":
    """The databases named, or all of the contract; never those of an example."""
    from flows.credential_blocks import lookup
    from tasks.errors import Refused
    from tasks.home import home
    from tasks.inventory import load
    from tasks.inventory.addresses import is_documentation
    from tasks.inventory.credentials import Keyring
    from tasks.model import Database, Host
    from tasks.transports import Access

    here = home()
    inventory = load(here.inventories, options.contract)
    found = inventory.targets(options.contract, "database", options.names)
    databases = [one for one in found if isinstance(one, Database)]
    if not databases:
        raise Refused(t("databases.none", contract=options.contract))
    if documented := [one.address for one in databases if is_documentation(one.address)]:
        raise Refused(t("transports.documented", examples=listed(documented[:3])))
    hosts = {one.name: one for one in inventory.targets(options.contract, "host") if isinstance(one, Host)}
    return databases, Access(Keyring(here, lookup), hosts)
