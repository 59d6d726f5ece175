"""MySQL and MariaDB by their own dump program, rows counted in the same snapshot; binary logs in between."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pymysql
import zstandard

from tasks.backups import METHODS, Disturbed, Fetched, Order, Sink, Taken, Unsound
from tasks.backups.digests import Digest
from tasks.backups.manifest import Kind, Manifest
from tasks.backups.mysql import accounts, floats, sentinel
from tasks.backups.mysql.asking import ask, is_mariadb, setting
from tasks.backups.mysql.binlog import MEMBERS as LOGS
from tasks.backups.mysql.binlog import complete, ending, ship
from tasks.backups.mysql.digests import SESSIONS, Snapshot, log_position, restored, snapshot
from tasks.backups.mysql.dump import (
    DATA,
    END,
    PROGRAMS,
    TRIGGERS,
    Begun,
    Member,
    head,
    options,
    waiting,
)
from tasks.backups.mysql.install import installed
from tasks.backups.mysql.load import into_live, into_scratch, schemas_in
from tasks.backups.mysql.points import Point, point_of
from tasks.backups.mysql.replay import Reading, replay, way
from tasks.backups.mysql.rows import concerns, said, tables
from tasks.backups.mysql.server import KEPT, LOGGED, Server, program, server
from tasks.backups.mysql.source import Source, live, source_of
from tasks.backups.road import Chunks
from tasks.backups.scratch import Scratch
from tasks.errors import OpsError, Refused
from tasks.model import Target
from tasks.texts import t
from tasks.transports import Access
from tasks.transports.streaming import Ended

CHUNK = 2**20
# In the order in which they are loaded.
ROWS, FLOATS, TRIGGERED, ACCOUNTS = "1-data.sql", "2-floats.sql", "3-triggers.sql", "4-accounts.sql"
DONE = b"-- opsproof: complete\n"
# The dump program met a table that is another one than in its snapshot, or gone.
CHANGED = re.compile(r"\b(1412|1146|1051|1049|1356)\b")
PLACE = re.compile(rb"MASTER_LOG_FILE='([^']+)', MASTER_LOG_POS=(\d+)")
VERSION = re.compile(rb"^-- Server version\s+(\S+)", re.M)


@METHODS.add("mysql-dump")
class MysqlDump:
    kinds = frozenset({Kind.FULL, Kind.LOG})
    serves = ("database", "mysql")

    def take(self, order: Order, sink: Sink) -> Taken:
        source = source_of(order)
        try:
            if order.sentinel:
                with closing(source.connect()) as connection:
                    sentinel.plant(connection, order.sentinel)
            return logs(order, source, sink) if order.kind is Kind.LOG else full(order, source, sink)
        except pymysql.MySQLError as problem:
            reason = said(problem)
            raise OpsError(t("backups.source_failed", name=order.target.name, reason=reason)) from problem

    def unpack(self, chain: Sequence[Fetched], scratch: Scratch) -> None:
        whole = chain[0]
        for member in whole.manifest.members:
            kept(whole, member.name, scratch.folder)
        present = {member.name for member in whole.manifest.members}
        if missing := {ROWS, TRIGGERED, ACCOUNTS} - present:
            raise Unsound(t("backup_mysql_dump.no_member", member=min(missing)))
        checked_logs(chain, scratch)

    def load(
        self,
        chain: Sequence[Fetched],
        scratch: Scratch,
        target: Target,
        access: Access,
        say: Callable[[str], None],
    ) -> None:
        """Into a live server, in place of its schemas of the same names; its accounts stay as they are."""
        whole, *later = chain
        if later:  # the dump alone would be older than what was asked for
            raise Refused(t("backup_mysql_dump.only_full", name=whole.manifest.name))
        members = sorted(one.name for one in whole.manifest.members if one.name != ACCOUNTS)
        same = {name: name for name in schemas_in(scratch.folder / f"{ROWS}.zst")}
        try:
            into_live(whole, members, live(target, access), same, replace=True, say=say)
        except pymysql.MySQLError as problem:
            raise OpsError(t("backup_mysql_dump.not_loaded", reason=said(problem))) from problem
        say(t("backup_mysql_dump.accounts_left"))

    @contextmanager
    def opened(
        self, chain: Sequence[Fetched], scratch: Scratch, until: Mapping[str, str]
    ) -> Iterator["Open"]:
        manifest = chain[0].manifest
        facts = manifest.facts
        path = program(facts["flavour"], facts["version"])
        data = installed(scratch, path, facts)
        found = log_files(scratch)
        with server(scratch, data, path, facts, LOGGED if found else ()) as running:
            loaded(running, manifest, scratch)
            since = point_of(manifest.point)
            if since is not None:
                with closing(running.connect()) as connection:
                    options = [f"--defaults-file={running.login}"]
                    replay(way(found, since, until), connection, options, scratch.folder)
            running.freeze()
            yield Open(running, schemas_of(manifest))


class Open:
    def __init__(self, running: Server, schemas: Collection[str]) -> None:
        self._running, self._schemas = running, schemas

    def digests(self, expected: Sequence[Digest]) -> tuple[Digest, ...]:
        try:
            return restored(self._running.connect, expected, SESSIONS, self._schemas)
        except (OpsError, pymysql.MySQLError) as problem:
            raise Unsound(t("backups.unsound", reason=problem)) from problem

    def sentinel(self) -> str:
        with closing(self._running.connect()) as connection:
            return sentinel.planted(connection)


# From the source.


def full(order: Order, source: Source, sink: Sink) -> Taken:
    with ExitStack() as stack:
        first = stack.enter_context(closing(source.connect()))
        chosen = chosen_schemas(first, order)
        every = chosen or [name for name in schemas_there(first) if concerns(name, ())]
        mariadb, logged = is_mariadb(first), setting(first, "log_bin") == "ON"
        words = options(DATA, every, tables(first, chosen), mariadb, logged)
        line, stream = stack.enter_context(waiting(source, words))
        begun = Begun(line, stream)
        seen = stack.enter_context(snapshot(source.connect, SESSIONS, chosen, begun))
        facts = {**known(first), "schemas": "\n".join(chosen), "begun_seconds": f"{begun.seconds:.3f}"}
        dumped(order, seen, stream, sink)
        extra(order, source, seen, every, sink)
        found = seen.digests() if order.digests else None
    return Taken(
        point=seen.point,
        digests=found.digests if found else (),
        not_digested=found.not_digested if found else {},
        facts=facts,
    )


def dumped(order: Order, seen: Snapshot, stream: Any, sink: Sink) -> None:
    member = Member(stream, head(order.target.name, seen.point, ROWS))
    with disturbed():
        sink.send(ROWS, member)
    place = PLACE.search(member.first)
    if place and (place[1].decode(), place[2].decode()) != (seen.point["file"], seen.point["position"]):
        raise Disturbed(t("backup_mysql_dump.other_snapshot"))


def extra(order: Order, source: Source, seen: Snapshot, every: Sequence[str], sink: Sink) -> None:
    """What the dump program does not write, or not exactly, or too early."""
    name, control = order.target.name, seen.control
    if rounded := floats.inexact(seen.tables):
        written = floats.statements(seen.sessions[0], rounded, is_mariadb(control))
        sink.send(FLOATS, Chunks(framed(name, seen, FLOATS, written)))
    words = options(TRIGGERS, every, (), is_mariadb(control), logs=False)
    with source.run(PROGRAMS, f"run {words}") as stream, disturbed():
        sink.send(TRIGGERED, Member(stream, head(name, seen.point, TRIGGERED)))
    everybody = [] if seen.schemas else [accounts.statements(control)]
    sink.send(ACCOUNTS, Chunks(framed(name, seen, ACCOUNTS, everybody)))


def framed(name: str, seen: Snapshot, member: str, chunks: Any) -> Iterator[bytes]:
    yield head(name, seen.point, member)
    yield from chunks
    yield DONE


@contextmanager
def disturbed() -> Iterator[None]:
    try:
        yield
    except Ended as problem:
        if CHANGED.search(str(problem)):
            raise Disturbed(t("backup_mysql_dump.changed", reason=problem)) from problem
        raise


def logs(order: Order, source: Source, sink: Sink) -> Taken:
    since = point_of(order.parent.point)
    if since is None:
        raise OpsError(t("backup_mysql_dump.no_binlog", name=order.target.name))
    if order.job.schemas or order.job.exclude:
        raise OpsError(t("backup_mysql_dump.logs_of_all"))
    with ExitStack() as stack:
        first = stack.enter_context(closing(source.connect()))
        if not order.digests:
            now = log_position(first)
            end = shipped(order, source, first, since, now, sink)
            return Taken(point={**now, **end.said}, facts=known(first))
        seen = stack.enter_context(snapshot(source.connect))
        end = shipped(order, source, first, since, seen.point, sink)
        found = seen.digests()
        return Taken(
            point={**seen.point, **end.said},
            digest_point=seen.point,
            digests=found.digests,
            not_digested=found.not_digested,
            facts=known(first),
        )


def shipped(
    order: Order, source: Source, connection: Any, since: Point, now: Mapping[str, str], sink: Sink
) -> Point:
    upto = point_of(now)
    if upto is None:
        raise OpsError(t("backup_mysql_dump.no_binlog", name=order.target.name))
    return ship(source, connection, since, upto, sink, order.say)


def known(connection: Any) -> dict[str, str]:
    """What a scratch server has to have in common with the source."""
    facts = {name: text for name in KEPT if (text := setting(connection, name))}
    flavour = "mariadb" if is_mariadb(connection) else "mysql"
    return {**facts, "flavour": flavour, "version": str(ask(connection, "SELECT VERSION()")[0][0])}


def schemas_there(connection: Any) -> list[str]:
    return [str(row[0]) for row in ask(connection, "SHOW DATABASES")]


def chosen_schemas(connection: Any, order: Order) -> list[str]:
    """Empty: all there are."""
    job = order.job
    if not job.schemas and not job.exclude:
        return []
    wanted = [*job.schemas, *([sentinel.SCHEMA] if order.sentinel else [])] if job.schemas else ["*"]
    found = [
        name
        for name in schemas_there(connection)
        if concerns(name, ())
        and any(fnmatchcase(name, one) for one in wanted)
        and not any(fnmatchcase(name, one) for one in job.exclude)
    ]
    if not found:
        raise OpsError(t("backup_mysql_dump.no_schema", names=" ".join(wanted)))
    return found


# Back again.


def schemas_of(manifest: Manifest) -> list[str]:
    return list(filter(None, manifest.facts.get("schemas", "").split("\n")))


def kept(whole: Fetched, member: str, folder: Path) -> None:
    """Packed again, for it is read once more; whole, of this backup and of this server."""
    manifest, beginning, last = whole.manifest, b"", b""
    with (
        whole.open(member) as stream,
        (folder / f"{member}.zst").open("wb") as file,
        zstandard.ZstdCompressor(1).stream_writer(file) as packed,
    ):
        while chunk := stream.read(CHUNK):
            beginning += chunk[: max(8192 - len(beginning), 0)]
            last = (last + chunk)[-4096:]
            packed.write(chunk)
    if not beginning.startswith(head(manifest.target, manifest.point, member)):
        raise Unsound(t("backup_mysql_dump.other_head", member=member))
    of_ours = member in (FLOATS, ACCOUNTS)
    if (not last.endswith(DONE)) if of_ours else (END not in last.rstrip(b"\n").rsplit(b"\n", 1)[-1]):
        raise Unsound(t("backup_mysql_dump.no_end_there", member=member))
    version = VERSION.search(beginning)
    if not of_ours and (version is None or version[1].decode() != manifest.facts["version"]):
        raise Unsound(t("backup_mysql_dump.other_version", member=member))


def log_files(scratch: Scratch) -> list[Path]:
    """In their order, as their names count."""
    found = (scratch.folder / "logs").glob("*")
    return sorted(found, key=lambda path: int(path.name.rsplit(".", 1)[1]))


def checked_logs(chain: Sequence[Fetched], scratch: Scratch) -> None:
    """They follow one another from the dump's point on, and each backup ends where it said."""
    folder = scratch.folder / "logs"
    since = before = point_of(chain[0].manifest.point)
    for link in chain[1:]:
        folder.mkdir(exist_ok=True)
        reached = point_of(link.manifest.point)
        assert since and before and reached
        complete(link.manifest, before, reached)
        before = reached
        for member in link.manifest.members:
            with (
                link.open(member.name) as stream,
                (folder / member.name.removeprefix(LOGS)).open("wb") as file,
            ):
                while chunk := stream.read(CHUNK):
                    file.write(chunk)
        reading = Reading(log_files(scratch), since)
        for _ in reading.transactions():
            pass
        if reached != (found := ending(reading.log)):
            raise Unsound(
                t("backup_mysql_dump.other_end", name=link.manifest.name, expected=reached, found=found)
            )


def loaded(running: Server, manifest: Manifest, scratch: Scratch) -> None:
    with closing(running.connect()) as connection:
        if not schemas_of(manifest):
            accounts.clear(connection)
    for member in sorted(one.name for one in manifest.members):
        path = scratch.folder / f"{member}.zst"
        with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as stream:
            into_scratch(stream, running.login, scratch.folder)
        path.unlink()
    with closing(running.connect()) as connection:
        ask(connection, "FLUSH PRIVILEGES")  # as a server would see them that had just been started
