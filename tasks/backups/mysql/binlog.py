"""Binary logs: shipped as the server sends them to a replica, checked, and replayed up to one point.

The server's own program reads them by the replication protocol: that needs REPLICATION SLAVE and no right in
the host's file system, what the server encrypts arrives in the clear, and nothing is put down there: a pipe
with a name stands where the program would write its file.
"""

import shlex
from collections.abc import Callable
from typing import Any

import pymysql

from tasks.backups import ChainBroken, Sink, Unsound
from tasks.backups.manifest import Manifest
from tasks.backups.mysql.asking import ask
from tasks.backups.mysql.events import Damaged, Log, parse_gtids, shown
from tasks.backups.mysql.points import Point
from tasks.backups.mysql.rows import said
from tasks.backups.mysql.source import Source
from tasks.errors import OpsError
from tasks.texts import t
from tasks.transports.streaming import Ended, Stream

# Of a backup: the logs, in their order, beside whatever else it has.
MEMBERS = "log-"
PROGRAMS = ("mariadb-binlog", "mysqlbinlog")
BEGINNING = 4
# No right to close the log that is being written: it is taken as far as it is.
DENIED = frozenset({1227, 1044, 1045})
# Purged since it was listed, in the server's words.
GONE = "Could not find first log file"
# The reader must not wait for a program that ended before it opened its file.
SCRIPT = """umask 077
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
trap 'exit 143' HUP INT TERM
mkfifo "$folder"/{name} || exit 1
cat "$folder"/{name} & reader=$!
run --read-from-remote-server --raw --result-file="$folder/" {name} >/dev/null
code=$?
[ $code -eq 0 ] || { kill $reader; exit $code; }
wait $reader"""


class Passing:
    """A log on its way to storage, its structure followed."""

    def __init__(self, stream: Stream, log: Log) -> None:
        self._stream, self._log = stream, log

    def read(self, size: int = -1, /) -> bytes:
        chunk = self._stream.read(size)
        try:
            self._log.feed(chunk) if chunk else self._log.finish()
        except Damaged as problem:
            raise damaged(self._log, problem) from problem
        self._log.groups.clear()
        return chunk


def damaged(log: Log, problem: Damaged) -> OpsError:
    return OpsError(t("backup_mysql_dump.log_damaged", name=log.name, why=problem))


def ship(
    source: Source,
    connection: Any,
    since: Point,
    upto: Point,
    sink: Sink,
    say: Callable[[str], None] = lambda _: None,
) -> Point:
    """Every log from that of `since` to that of `upto`, whole. Where they end, and the next ones begin."""
    close_current(connection)
    present = names(connection)
    if since.file not in present:
        raise ChainBroken(t("backup_mysql_dump.gap", name=since.file))
    wanted = present[present.index(since.file) : present.index(upto.file) + 1]
    end, state = since, starting(since)
    for name in wanted:
        log = Log(name, state, frozenset({since.position}))
        send(source, log, sink)
        if name == since.file and (why := other(log, since)):
            raise ChainBroken(t("backup_mysql_dump.other_log", name=name, why=why))
        say(t("backup_mysql_dump.shipped", name=name, mib=log.position / 2**20))
        state, end = log.state, ending(log)
    return end


def complete(manifest: Manifest, since: Point, end: Point) -> None:
    """All that `ship` sent from there to there is among its members, needed for a restore or not."""
    first, last = number(since.file), number(end.file) - (end.position <= BEGINNING)
    names = [one.name.removeprefix(MEMBERS) for one in manifest.members if one.name.startswith(MEMBERS)]
    held = {number(name) for name in names}
    if not held or (min(held), max(held), len(held)) != (first, last, last - first + 1):
        raise Unsound(t("backup_mysql.log_lost", name=manifest.name, first=since.file, last=end.file))


def number(name: str) -> int:
    digits = name.rpartition(".")[2]
    return int(digits) if digits.isdecimal() else -1


def close_current(connection: Any) -> None:
    try:
        ask(connection, "FLUSH BINARY LOGS")
    except pymysql.MySQLError as problem:
        if problem.args[0] not in DENIED:
            raise OpsError(t("backup_mysql_dump.no_logs", reason=said(problem))) from problem


def names(connection: Any) -> list[str]:
    """That are still there, the oldest first."""
    try:
        return [str(row[0]) for row in ask(connection, "SHOW BINARY LOGS")]
    except pymysql.MySQLError as problem:
        raise OpsError(t("backup_mysql_dump.no_logs", reason=said(problem))) from problem


def send(source: Source, log: Log, sink: Sink) -> None:
    script = SCRIPT.replace("{name}", shlex.quote(log.name))
    try:
        with source.run(PROGRAMS, script) as stream:
            sink.send(MEMBERS + log.name, Passing(stream, log))
    except Ended as problem:
        if GONE not in str(problem):
            raise
        raise ChainBroken(t("backup_mysql_dump.gap", name=log.name)) from problem


def starting(since: Point) -> dict[str, str]:
    """A log of MariaDB begins with what was before it; of MySQL we have to know."""
    known = parse_gtids(since.gtid)
    return {} if any(key.isdecimal() for key in known) else known


def ending(log: Log) -> Point:
    """A log that was closed is not needed again; another one is taken whole the next time."""
    if log.next_name:
        return Point(log.next_name, BEGINNING, shown(log.state))
    return Point(log.name, log.position, shown(log.state))


def other(log: Log, since: Point) -> str:
    """Why it is not the log that `since` is a point of; empty: it is. A server whose logs were reset begins
    anew with the same names."""
    if log.position < since.position:
        return t("backup_mysql_dump.shorter", size=log.position, position=since.position)
    seen = log.seen.get(since.position)
    if seen is None and since.position > BEGINNING:
        return t("backup_mysql_dump.no_boundary", position=since.position)
    if seen is not None and seen != parse_gtids(since.gtid):
        return t("backup_mysql_dump.other_gtid", expected=since.gtid, found=shown(seen))
    return ""
