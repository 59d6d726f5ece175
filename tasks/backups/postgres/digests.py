"""Every row and every definition of a cluster, added up in the server: the same statements on the source and
on what was restored from it. A row's text tells NULL from '' and keeps every digit and byte.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field

import psycopg
from psycopg import sql

from tasks.backups.digests import Digest, of_text
from tasks.backups.postgres.definitions import IN_CLUSTER, IN_DATABASE
from tasks.backups.postgres.sessions import Rows, Session, failed, troubles
from tasks.texts import t

SESSIONS = 2
SHA256 = 110000
CLUSTER = ""
# 128 bits of each row's SHA-256, as two sums that no order changes and no two equal rows cancel.
SUM = """SELECT count(*), coalesce(sum(('x' || substr(h, 1, 16))::bit(64)::bigint), 0)::text || ':' ||
    coalesce(sum(('x' || substr(h, 17, 16))::bit(64)::bigint), 0)::text
    FROM (SELECT {hash} AS h FROM {table} OFFSET 0) AS hashed"""
HASH = "encode(sha256(convert_to(ROW(t.*)::text, getdatabaseencoding())), 'hex')"
HASH_BEFORE_11 = "md5(ROW(t.*)::text)"
# Pages of zeros are holes in the one and zeros in the other.
LARGE = """(SELECT loid, pageno, data FROM pg_catalog.pg_largeobject
    WHERE data <> substring(decode(repeat('00', 2048), 'hex') FOR octet_length(data))) AS t"""
LARGE_NAME = "pg_largeobject"
# Unlogged tables are empty after a recovery; a dump has them, but makes materialised views anew.
TABLES = """SELECT n.nspname::text, c.relname::text, c.relpages FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND c.relpersistence IN ('p', {dump}) AND n.nspname !~ '^pg_'
        AND n.nspname <> 'information_schema' OR c.relkind = 'm' AND c.relispopulated AND NOT {logical}
    ORDER BY c.relpages DESC, 1, 2"""
# A row whose text is larger than 1 GiB, a table that may not be read, or that others change just now.
NOT_DIGESTED = (
    psycopg.errors.ProgramLimitExceeded,
    psycopg.errors.InsufficientPrivilege,
    psycopg.errors.LockNotAvailable,
    psycopg.errors.UndefinedTable,
)
# What was emptied, rewritten or altered while it was read is not what the snapshot saw.
SHAPES = """SELECT n.nspname::text, c.relname::text, ROW(c.oid, pg_relation_filenode(c.oid), (SELECT
        string_agg(a.attname || ':' || a.atttypid, ',' ORDER BY a.attnum) FROM pg_attribute AS a
        WHERE a.attrelid = c.oid AND a.attnum > 0))::text
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'm') AND n.nspname !~ '^pg_'"""
# 32 numbers more than the cache asks for.
SEQUENCE_NAMES = """SELECT n.nspname::text, c.relname::text, q.seqincrement::numeric * (q.seqcache + 32)
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    JOIN pg_sequence AS q ON q.seqrelid = c.oid WHERE c.relpersistence = 'p' AND n.nspname !~ '^pg_'
    ORDER BY 1, 2"""
VALUE = "sequence value"


@dataclass(frozen=True, slots=True)
class Content:
    """What was found. `without`: what cannot be compared, and why."""

    digests: tuple[Digest, ...] = ()
    without: dict[str, str] = field(default_factory=dict)


def named(database: str, kind: str, name: str) -> str:
    return f"{database}: {kind} {name}" if database else f"{kind} {name}"


# By which people log in: told only to whom pg_authid may be read, as a dump carries it only then.
PASSWORD = "role password"  # noqa: S105 - the name of a kind
PASSWORDS = """SELECT quote_ident(rolname), coalesce(rolpassword, '') FROM pg_authid
    WHERE rolname !~ '^pg_'"""
MAY_READ = "SELECT has_table_privilege('pg_authid', 'SELECT')"
# A dump is restored into a `template1` that is there already.
NOT_MADE = "database template1"


def definitions(session: Session, database: str) -> list[Digest]:
    """Of one database; of the cluster where it has no name."""
    asked = dict(IN_DATABASE if database else IN_CLUSTER)
    if not database and session.execute(MAY_READ).fetchone() == (True,):
        asked[PASSWORD] = PASSWORDS
    return [
        Digest("definition", named(database, kind, str(name)), of_text(str(text)))
        for kind, statement in asked.items()
        for name, text in session.execute(statement.encode()).fetchall()
    ]


def tables(session: Session, logical: bool) -> list[tuple[str, str]]:
    """Large ones first."""
    words = {"dump": "'u'" if logical else "'p'", "logical": "true" if logical else "false"}
    rows: Rows = session.execute(TABLES.format(**words).encode()).fetchall()
    return [(str(schema), str(name)) for schema, name, _ in rows]


def shapes(session: Session, database: str) -> dict[str, str]:
    """Which file each table is in, and its columns."""
    found: Rows = session.execute(SHAPES.encode()).fetchall()
    return {f"{database}: {schema}.{name}": str(shape) for schema, name, shape in found}


def rows(
    connect: Callable[[str], Session], database: str, found: Sequence[tuple[str, str]], snapshot: str = ""
) -> Content:
    """Every table, large ones first, by sessions that share one snapshot."""
    waiting = [(LARGE_NAME, ""), *reversed(found)]
    content, problems = Content(), list[BaseException]()
    digests: list[Digest] = []

    def work(session: Session) -> None:
        try:
            while waiting and not problems:
                with suppress(IndexError):
                    digest_of(session, database, waiting.pop(), digests, content.without)
        except BaseException as problem:  # noqa: BLE001 - raised again below
            problems.append(problem)

    with ExitStack() as opened:
        sessions = [opened.enter_context(closing(connect(database))) for _ in range(SESSIONS)]
        with troubles(database):
            for session in sessions:
                session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                if snapshot:
                    session.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(snapshot)))
        threads = [threading.Thread(target=work, args=(one,), daemon=True) for one in sessions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for problem in problems:
        raise failed(database, problem) if isinstance(problem, psycopg.Error) else problem
    return Content(tuple(sorted(digests, key=lambda one: one.name)), content.without)


def unlike(before: dict[str, str], after: dict[str, str]) -> dict[str, str]:
    """Tables that are not compared, and why."""
    changed = t("backup_postgres.changed")
    return {name: changed for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def digest_of(
    session: Session, database: str, table: tuple[str, str], digests: list[Digest], without: dict[str, str]
) -> None:
    schema, name = table
    shown = f"{database}: {schema}.{name}" if name else f"{database}: {schema}"
    hashed = HASH if session.info.server_version >= SHA256 else HASH_BEFORE_11
    where = sql.SQL("ONLY {} AS t").format(sql.Identifier(schema, name)) if name else sql.SQL(LARGE)
    statement = sql.SQL(SUM).format(hash=sql.SQL(hashed), table=where)
    try:
        # Rolled back, it keeps no lock: nobody waits for longer than one table takes.
        with session.transaction(force_rollback=True):
            row = session.execute(statement).fetchone()
    except NOT_DIGESTED as problem:
        without[shown] = t("backup_postgres.not_digested", reason=" ".join(str(problem).split()))
        return
    assert row is not None
    digests.append(Digest("rows", shown, str(row[1]), int(row[0])))


def sequences(session: Session) -> dict[str, tuple[int, int]]:
    """Where each is, and how far the log runs ahead: no snapshot holds them, they move on for themselves."""
    found = {}
    names: Rows = session.execute(SEQUENCE_NAMES).fetchall()
    for schema, name, ahead in names:
        with suppress(psycopg.errors.UndefinedTable):
            statement = sql.SQL("SELECT last_value FROM {}").format(sql.Identifier(schema, name))
            row = session.execute(statement).fetchone()
            found[f"{schema}.{name}"] = (int(row[0]) if row else 0, int(ahead))
    return found


def spans(
    database: str, before: dict[str, tuple[int, int]], after: dict[str, tuple[int, int]], logged: bool
) -> Iterator[Digest]:
    """Between which values each is found again: from what it was before to what it was afterwards, and what
    the log took in advance."""
    for name in sorted(before.keys() & after.keys()):
        ends = before[name][0], after[name][0], after[name][0] + (after[name][1] if logged else 0)
        yield Digest("definition", named(database, VALUE, name), f"{min(ends)}..{max(ends)}")


def within(expected: Digest, value: int) -> bool:
    low, _, high = expected.digest.partition("..")
    return int(low) <= value <= int(high)
