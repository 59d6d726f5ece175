"""Binary logs that came back: checked, and replayed on a scratch server up to exactly one point."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tasks.backups import CouldNotLook, Unsound
from tasks.backups.mysql.asking import ask, is_mariadb, setting
from tasks.backups.mysql.binlog import BEGINNING, PROGRAMS, other, starting
from tasks.backups.mysql.events import Damaged, Group, Log, following, parse_gtids, shown
from tasks.backups.mysql.points import Point
from tasks.backups.scratch import alone
from tasks.texts import t

CHUNK = 2**20
CLIENTS = ("mariadb", "mysql")
LAST = 2000


@dataclass(frozen=True, slots=True)
class Way:
    """From `since` on through `logs` to `stop`. `passed`: of each domain or server the last transaction."""

    logs: Sequence[Path]
    since: Point
    stop: Point
    passed: Mapping[str, str]

    @property
    def nothing(self) -> bool:
        return not self.logs or (self.since.file, self.since.position) == (self.stop.file, self.stop.position)


class Reading:
    """All logs event by event. `state`: after the transaction that was given last."""

    def __init__(self, logs: Sequence[Path], since: Point, position: int = 0) -> None:
        self.logs, self.since = logs, since
        self.watch = frozenset({since.position, position})
        self.state = parse_gtids(since.gtid)
        self.log = Log("")

    def transactions(self) -> Iterator[tuple[Path, Group]]:
        """Those after `since`; Unsound where the logs do not follow one another from there."""
        state = starting(self.since)
        for path in self.logs:
            if self.log.name:
                follows(self.log, path.name)
            self.log = log = Log(path.name, state, self.watch)
            first = path == self.logs[0]
            for group in self._groups(path, log):
                if first and group.start < self.since.position:
                    continue
                if group.key:
                    self.state[group.key] = group.number
                yield path, group
            if first and (why := self._other(log)):
                raise Unsound(t("backup_mysql_dump.not_at_start", point=self.since.file, why=why))
            state = log.state

    def _groups(self, path: Path, log: Log) -> Iterator[Group]:
        try:
            with path.open("rb") as file:
                while chunk := file.read(CHUNK):
                    log.feed(chunk)
                    while log.groups:
                        yield log.groups.popleft()
            log.finish()
        except Damaged as problem:
            text = t("backup_mysql_dump.log_damaged", name=path.name, why=problem)
            raise Unsound(text) from problem
        yield from log.groups

    def _other(self, log: Log) -> str:
        if log.name != self.since.file:
            return log.name
        return other(log, self.since)


def follows(log: Log, name: str) -> None:
    expected = log.next_name or following(log.name)
    if name != expected:
        text = t("backup_mysql_dump.not_following", name=log.name, expected=expected, found=name)
        raise Unsound(text)


def check(logs: Sequence[Path], since: Point) -> None:
    """All of them, to the end."""
    for _ in Reading(logs, since).transactions():
        pass


def way(logs: Sequence[Path], since: Point, until: Mapping[str, str]) -> Way:
    """Up to where `until` is: a position, or the end of a transaction of that number, or of the last one
    that was written by that time."""
    if "file" in until:
        return to_position(logs, since, until["file"], int(until["position"]))
    if until.get("gtid"):
        return to_gtid(logs, since, until["gtid"])
    if "time" in until:
        return to_time(logs, since, until["time"])
    return Way((), since, since, {})


def to_position(logs: Sequence[Path], since: Point, file: str, position: int) -> Way:
    if (file, position) == (since.file, since.position):
        return Way((), since, since, {})
    if logs and file == following(logs[-1].name) and position <= BEGINNING:
        file, position = logs[-1].name, logs[-1].stat().st_size
    used = through(logs, file)
    reading, passed, state = Reading(used, since, position), dict[str, str](), since.gtid
    for path, group in reading.transactions():
        if path.name == file and group.start >= position:
            break
        passed[group.key], state = group.number, shown(reading.state)
    if reading.log.name != file or position not in (*reading.log.seen, reading.log.position):
        end = f"{reading.log.name}:{reading.log.position}"
        raise Unsound(t("backup_mysql_dump.no_point", point=f"{file}:{position}", end=end))
    return Way(used, since, Point(file, position, state), passed)


def to_gtid(logs: Sequence[Path], since: Point, gtid: str) -> Way:
    try:
        wanted = parse_gtids(gtid)
    except ValueError as problem:
        raise CouldNotLook(t("backup_mysql_dump.bad_point", point=gtid)) from problem
    reading, passed = Reading(logs, since), dict[str, str]()
    if wanted.items() <= reading.state.items():
        return Way((), since, since, {})
    for path, group in reading.transactions():
        passed[group.key] = group.number
        if wanted.items() <= reading.state.items():
            return Way(
                through(logs, path.name), since, Point(path.name, group.end, shown(reading.state)), passed
            )
    raise Unsound(t("backup_mysql_dump.no_point", point=gtid, end=shown(reading.state)))


def to_time(logs: Sequence[Path], since: Point, time: str) -> Way:
    """Seconds are all that a log knows: what was written within that second is in."""
    try:
        limit = datetime.fromisoformat(time).timestamp()
    except ValueError as problem:
        raise CouldNotLook(t("backup_mysql_dump.bad_point", point=time)) from problem
    stop, passed, state = since, dict[str, str](), since.gtid
    reading = Reading(logs, since)
    for path, group in reading.transactions():
        if group.time > limit:
            break
        passed[group.key] = group.number
        stop, state = Point(path.name, group.end), shown(reading.state)
    return Way(through(logs, stop.file), since, Point(stop.file, stop.position, state), passed)


def through(logs: Sequence[Path], last: str) -> Sequence[Path]:
    names = [path.name for path in logs]
    return logs[: names.index(last) + 1] if last in names else logs


def replay(found: Way, connection: Any, login: Sequence[str], folder: Path) -> None:
    """`connection` is to the scratch server, `login` how its client gets there. Afterwards the server itself
    says that it is where it should be."""
    if found.nothing:
        return
    mysql_without = not is_mariadb(connection) and setting(connection, "gtid_mode") != "ON"
    if setting(connection, "log_bin") != "ON":
        raise CouldNotLook(t("backup_mysql_dump.no_scratch_log"))
    reader = [
        program(PROGRAMS),
        "--no-defaults",
        f"--start-position={found.since.position}",
        f"--stop-position={found.stop.position}",
        "--verify-binlog-checksum",
        # Where the source let numbers go backwards, so does the replay.
        "--loose-skip-gtid-strict-mode",
        *(["--skip-gtids"] if mysql_without else []),
        *map(str, found.logs),
    ]
    client = [program(CLIENTS), *login, "--binary-mode", "--max-allowed-packet=1G", "--local-infile=1"]
    piped(reader, client, folder)
    arrived(found, connection)


def program(names: Sequence[str]) -> str:
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        raise CouldNotLook(t("backup_mysql_dump.no_replay", names=" / ".join(names)))
    return path


def piped(reader: Sequence[str], client: Sequence[str], folder: Path) -> None:
    """Both have to end well: half a log would be a success for the one that only reads it."""
    with tempfile.TemporaryFile(dir=folder) as words:
        first = subprocess.Popen([*alone(""), *reader], stdout=subprocess.PIPE, stderr=words, cwd=folder)
        assert first.stdout is not None
        second: subprocess.Popen[bytes] | None = None
        try:
            second = subprocess.Popen(
                [*alone(""), *client], stdin=first.stdout, stdout=words, stderr=words, cwd=folder
            )
            first.stdout.close()
            codes = second.wait(), first.wait()
        finally:
            for process in filter(None, (second, first)):
                process.kill()
                process.wait()
        if codes != (0, 0):
            words.seek(0)
            last = " ".join(words.read()[-LAST:].decode("utf-8", "replace").split())
            raise Unsound(t("backup_mysql_dump.replay_failed", reason=last or codes))


def arrived(found: Way, connection: Any) -> None:
    expected = {key: number for key, number in found.passed.items() if key}
    if is_mariadb(connection):
        reached = parse_gtids(ask(connection, "SELECT @@global.gtid_binlog_pos")[0][0] or "")
    elif expected and setting(connection, "gtid_mode") == "ON":
        reached = parse_gtids(ask(connection, "SELECT @@global.gtid_executed")[0][0] or "")
    else:  # a server that numbers nothing: its client's success is all there is
        return
    if not expected.items() <= reached.items():
        text = t("backup_mysql_dump.not_reached", expected=shown(expected), found=shown(reached))
        raise Unsound(text)
