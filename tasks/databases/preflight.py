"""Whether the product's account may read what the checks ask for; what to grant where it may not."""

import re
from dataclasses import dataclass
from pathlib import Path

from tasks.checks import checks_for
from tasks.databases import engine_of
from tasks.databases.asking import Open, opened
from tasks.databases.statements import Statement, statements
from tasks.errors import Refused
from tasks.model import Database
from tasks.texts import listed, t
from tasks.transports import Access

GRANTS = Path(__file__).with_name("grants")
# What the shipped files call the account.
ACCOUNT = "OPSPROOF_ACCOUNT"
LIMIT_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Step:
    """One statement, asked of one member. `state`: `ok`, `denied` or `failed`; of a member that was never
    spoken to there is but one step, `unreached`, and no statement."""

    database: str
    member: str
    check: str
    statement: str
    state: str
    reason: str = ""
    grants: tuple[str, ...] = ()


def grants(engine: str, account: str = ACCOUNT) -> str:
    """The least that the checks need, as SQL for the database's administrator."""
    path = GRANTS / f"{engine}.sql"
    if not path.is_file():
        raise Refused(t("databases.no_grants", engine=engine, known=listed(sorted(engines()))))
    return path.read_text("utf-8").replace(ACCOUNT, account)


def engines() -> set[str]:
    return {path.stem for path in GRANTS.glob("*.sql")}


def preflight(database: Database, access: Access) -> list[Step]:
    """Every statement of every check, asked once of each member it is for."""
    queries = [
        check for check in checks_for(database.engine) if not check.on_host and check.concerns(database)
    ]
    with opened(database, access) as members:
        away = [
            Step(database.name, one.endpoint.name, "", "", "unreached", one.failure)
            for one in members
            if not one.facts
        ]
        return away + [
            step(one, check.name, statement)
            for one in members
            if one.facts
            for check in queries
            for statement in statements(check.probe)
            if statement.concerns(one.role, len(members)) and statement.fits(one.facts)
        ]


def step(one: Open, check: str, statement: Statement) -> Step:
    asked = one.ask(statement, LIMIT_SECONDS)
    about = (one.database.name, one.endpoint.name, check, statement.name)
    if not asked.failure:
        return Step(*about, "ok")
    if asked.code not in engine_of(one.database).denied:
        return Step(*about, "failed", asked.failure)
    return Step(*about, "denied", asked.failure, missing(one.database.engine, statement.sql, asked.failure))


def missing(engine: str, sql: str, failure: str) -> tuple[str, ...]:
    """The shipped grants that name what the server said is missing; where it did not say, what was asked
    for. Oracle's grants name `v_$session` where its statements say `v$session`."""
    if engine not in engines():
        return ()
    lines = [line.strip() for line in grants(engine).splitlines() if re.match(r"\s*GRANT\b", line, re.I)]
    for text in (failure, sql):
        said = set(words(text))
        if found := tuple(line for line in lines if set(granted(line)) & said):
            return found
    return ()


def granted(line: str) -> list[str]:
    """The names in a grant that tell it from others: its objects, roles and privileges."""
    common = {"grant", "select", "on", "to", "execute", "sys", ACCOUNT.lower()}
    return [word for word in words(line) if word not in common]


def words(text: str) -> list[str]:
    return [word.replace("v_$", "v$") for word in re.findall(r"[a-z_][\w$#]*", text.lower())]
