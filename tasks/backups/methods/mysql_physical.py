"""MySQL and MariaDB, physically: the engine's files as mariadb-backup or xtrabackup streams them.

The rows are digested after the backup, at a later point of the binary log; the logs up to there go along, so
that a restore can be rolled forward to exactly that point.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pymysql

from tasks import clock
from tasks.backups import METHODS, ChainBroken, Disturbed, Fetched, Order, Sink, Taken, Unsound
from tasks.backups.digests import Digest
from tasks.backups.manifest import Kind, Manifest
from tasks.backups.mysql import tool
from tasks.backups.mysql.asking import ask, is_mariadb, setting
from tasks.backups.mysql.binlog import MEMBERS, complete, ship
from tasks.backups.mysql.digests import SESSIONS, Found, digests, restored, standing
from tasks.backups.mysql.points import point_of
from tasks.backups.mysql.replay import Way, check, replay, way
from tasks.backups.mysql.rows import said
from tasks.backups.mysql.sentinel import plant, planted
from tasks.backups.mysql.server import KEPT, LOGGED, Server, program, server
from tasks.backups.mysql.source import Source, source_of
from tasks.backups.scratch import Scratch
from tasks.databases.asking import endpoints
from tasks.databases.mysql import replicating
from tasks.errors import OpsError
from tasks.model import Database
from tasks.texts import t

DATA, LOGS = "data", "logs"
SENTINEL_SECONDS = 60


@METHODS.add("mysql-physical")
class MySqlPhysical:
    kinds = frozenset({Kind.FULL, Kind.INCREMENTAL, Kind.LOG})
    serves = ("database", "mysql")

    def take(self, order: Order, sink: Sink) -> Taken:
        source = source_of(order)
        try:
            sentinel(order, source)
            with closing(source.connect()) as control:
                if order.kind is Kind.LOG:
                    return logs_only(order, source, control, sink)
                facts = facts_of(control)
            return whole(order, source, facts, sink)
        except pymysql.MySQLError as problem:
            raise OpsError(
                t("backups.source_failed", name=order.target.name, reason=said(problem))
            ) from problem

    def unpack(self, chain: Sequence[Fetched], scratch: Scratch) -> None:
        with_all(chain)
        data = scratch.folder / DATA
        links = [one for one in chain if one.manifest.kind is not Kind.LOG]
        before: Manifest | None = None
        for number, one in enumerate(links):
            folder = scratch.folder / f"increment{number}" if number else data
            tool.unpack(one, folder)
            same(one.manifest, before, tool.told(folder))
            flavour = one.manifest.facts["flavour"]
            tool.prepare(flavour, data, folder if number else None, last=one is links[-1])
            before = one.manifest
        tool.check_pages(data)
        fetch_logs(chain, scratch)

    @contextmanager
    def opened(
        self, chain: Sequence[Fetched], scratch: Scratch, until: Mapping[str, str]
    ) -> Iterator["Restored"]:
        base = base_of([one.manifest for one in chain])
        since = point_of(base.point)
        road = way(log_files(chain, scratch), since, until) if since else None
        options = LOGGED if road and not road.nothing else ()
        path = program(base.facts["flavour"], base.facts["version"])
        with server(scratch, scratch.folder / DATA, path, base.facts, options) as started:
            if road:
                roll(started, road, scratch.folder)
            started.freeze()
            yield Restored(started)


class Restored:
    def __init__(self, started: Server) -> None:
        self._server = started

    def digests(self, expected: Sequence[Digest]) -> tuple[Digest, ...]:
        try:
            return restored(self._server.connect, expected)
        except (OpsError, pymysql.MySQLError) as problem:
            text = f"{said(problem)} {self._server.last_words() if self._server.gone() else ''}"
            raise Unsound(t("backups.unsound", reason=text)) from problem

    def sentinel(self) -> str:
        with closing(self._server.connect()) as connection:
            return planted(connection)


def facts_of(control: Any) -> dict[str, str]:
    """What the server is, as far as opening its files depends on it."""
    version = control.get_server_info().removeprefix("5.5.5-")
    kept = {name: setting(control, name) for name in (*KEPT, "datadir", "log_bin")}
    identity = setting(control, "server_uuid") or setting(control, "server_uid")
    flavour = "mariadb" if is_mariadb(control) else "mysql"
    known = {"flavour": flavour, "version": version, "server": identity, **kept}
    return {name: text for name, text in known.items() if text}


def sentinel(order: Order, source: Source) -> None:
    """Into the primary; a standby that is backed up gets it from there."""
    if not order.sentinel:
        return
    database = order.target
    assert isinstance(database, Database)
    primary = replace(source, endpoint=endpoints(database, order.access.hosts)[0])
    with closing(primary.connect()) as connection:
        plant(connection, order.sentinel)
    until = time.monotonic() + SENTINEL_SECONDS
    with closing(source.connect()) as connection:
        while planted(connection) != order.sentinel:
            if time.monotonic() > until:
                raise OpsError(t("backup_mysql.sentinel_late", seconds=SENTINEL_SECONDS))
            time.sleep(0.5)


def whole(order: Order, source: Source, facts: dict[str, str], sink: Sink) -> Taken:
    options = {"datadir": facts["datadir"], "parallel": str(tool.PARALLEL)}
    since = "0"
    if order.kind is Kind.INCREMENTAL:
        base = base_of(order.chain)
        if base.facts.get("server") != facts.get("server"):
            raise ChainBroken(t("backup_mysql.other_source"))
        since = options["incremental-lsn"] = base.point["lsn"]
    if source.endpoint.role == "standby":
        options["slave-info"] = ""
    heard = tool.stream(source, facts["flavour"], options, sink)
    point = {"lsn": heard.to_lsn, **heard.log, "time": clock.now().isoformat(timespec="seconds")}
    facts |= {"from_lsn": since, "last_lsn": heard.last_lsn}
    if not order.digests:
        return Taken(point=point, facts=facts)
    try:
        seen = looked_at(order, source)
    except OpsError as problem:
        return Taken(point=point, facts=facts, not_digested={order.target.name: str(problem)})
    return compared(order, source, point, facts, seen, sink)


def compared(
    order: Order, source: Source, point: Mapping[str, str], facts: Mapping[str, str], seen: Found, sink: Sink
) -> Taken:
    """With the logs from the backup to the snapshot of the digests; without logs only where nothing at all
    was written in between."""
    since, upto = point_of(point), point_of(seen.point)
    if since is None or upto is None:
        if seen.point.get("lsn") != facts["last_lsn"]:
            return Taken(point=point, facts=facts, not_digested={order.target.name: t("backup_mysql.no_log")})
        return Taken(point=point, digests=seen.digests, not_digested=seen.not_digested, facts=facts)
    with closing(source.connect()) as control:
        if unlogged(control):
            return Taken(
                point=point, facts=facts, not_digested={order.target.name: t("backup_mysql.unlogged")}
            )
        try:
            ship(source, control, since, upto, sink, order.say)
        except ChainBroken as problem:  # it is no chain of backups that broke
            raise Disturbed(str(problem)) from problem
    return Taken(
        point=point,
        digest_point=seen.point,
        digests=seen.digests,
        not_digested=seen.not_digested,
        facts=facts,
    )


def unlogged(control: Any) -> bool:
    """A standby that does not write down what it gets from its primary."""
    name = "log_slave_updates" if is_mariadb(control) else "log_replica_updates"
    writes = setting(control, name) or setting(control, "log_slave_updates")
    known = {"flavour": "mariadb" if is_mariadb(control) else "mysql", "version": control.get_server_info()}
    follows = ask(control, replicating(known))
    return bool(follows) and writes != "ON"


def logs_only(order: Order, source: Source, control: Any, sink: Sink) -> Taken:
    """From where the last logs of this chain ended, or from its last backup of the files."""
    last = order.parent
    since, upto = point_of(last.point), standing(control)
    if since is None or upto is None:
        raise OpsError(t("backup_mysql.logs_off"))
    seen = looked_at(order, source) if order.digests else None
    upto = (point_of(seen.point) if seen else None) or upto
    end = ship(source, control, since, upto, sink, order.say)
    return Taken(
        point={**end.said, "time": clock.now().isoformat(timespec="seconds")},
        digest_point=seen.point if seen else {},
        digests=seen.digests if seen else (),
        not_digested=seen.not_digested if seen else {},
        facts={name: last.facts[name] for name in ("flavour", "version", "server") if name in last.facts},
    )


def looked_at(order: Order, source: Source) -> Found:
    return digests(source.connect, 1 if order.job.load.rate else SESSIONS)


def base_of(chain: Sequence[Manifest]) -> Manifest:
    """The last that holds files: what comes after it are logs."""
    return next(one for one in reversed(chain) if one.kind is not Kind.LOG)


def same(manifest: Manifest, before: Manifest | None, told: Mapping[str, str]) -> None:
    """What the backup says of itself is what its manifest says, and it goes on where the one before ended:
    another backup under this one's name is none of it."""
    inside = {
        "lsn": told.get("innodb_to_lsn", ""),
        "from_lsn": told.get("innodb_from_lsn", ""),
        "version": told.get("server_version", "").removesuffix("-log"),
        **tool.log_in("binlog position: " + told.get("binlog_pos", "")),
    }
    expected = {
        "from_lsn": before.point["lsn"] if before else "0",
        "version": manifest.facts["version"].removesuffix("-log"),
        **{name: text for name, text in manifest.point.items() if name != "time"},
    }
    if inside != expected:
        differing = sorted(
            name for name in inside.keys() | expected.keys() if inside.get(name) != expected.get(name)
        )
        shown = ", ".join(f"{one}: {inside.get(one, '—')} ≠ {expected.get(one, '—')}" for one in differing)
        raise Unsound(t("backup_mysql.other_backup", name=manifest.name, differing=shown))


def with_all(chain: Sequence[Fetched]) -> None:
    """Each has what `take` always sends: a log that no restore needs is missing from a damaged one alone."""
    before: Manifest | None = None
    for one in [link.manifest for link in chain]:
        files = one.kind is not Kind.LOG
        if files and tool.MEMBER not in {member.name for member in one.members}:
            raise Unsound(t("backup_mysql_dump.no_member", member=tool.MEMBER))
        since = point_of(one.point if files or before is None else before.point)
        end = point_of(one.digest_point if files else one.point)
        if since and end:
            complete(one, since, end)
        before = one


def with_logs(chain: Sequence[Fetched]) -> Sequence[Fetched]:
    """Whose logs lead on from the files: those that follow, or else what went along with the digests."""
    following = [one for one in chain if one.manifest.kind is Kind.LOG]
    return following or chain[-1:]


def fetch_logs(chain: Sequence[Fetched], scratch: Scratch) -> None:
    (scratch.folder / LOGS).mkdir()
    for one in with_logs(chain):
        for member in one.manifest.members:
            if member.name.startswith(MEMBERS):
                path = scratch.folder / LOGS / member.name.removeprefix(MEMBERS)
                with one.open(member.name) as stream, path.open("wb") as file:
                    while chunk := stream.read(tool.CHUNK):
                        file.write(chunk)
    since = point_of(base_of([one.manifest for one in chain]).point)
    if since and (logs := log_files(chain, scratch)):
        check(logs, since)


def log_files(chain: Sequence[Fetched], scratch: Scratch) -> list[Path]:
    members = [member.name for one in with_logs(chain) for member in one.manifest.members]
    logs = [name.removeprefix(MEMBERS) for name in members if name.startswith(MEMBERS)]
    return [scratch.folder / LOGS / name for name in dict.fromkeys(logs)]


def roll(started: Server, road: Way, folder: Path) -> None:
    with closing(started.connect()) as connection:
        replay(road, connection, [f"--defaults-file={started.login}"], folder)
