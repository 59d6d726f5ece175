"""A dump into a server, by the engine's own client, which stops at the first error."""

import re
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import IO

import zstandard

from tasks.backups import CouldNotLook, Fetched, Unsound
from tasks.backups.mysql.asking import ask
from tasks.backups.mysql.replay import CLIENTS, program
from tasks.backups.mysql.source import Source
from tasks.backups.scratch import alone
from tasks.errors import Refused
from tasks.texts import listed, t

CHUNK = 2**20
LAST = 2000
# Line ends in routines stay what they are; no packet is too long.
OPTIONS = ("--binary-mode", "--max-allowed-packet=1G", "--default-character-set=utf8mb4")
MAKES = re.compile(rb"CREATE DATABASE .*?`((?:[^`]|``)+)`")
NO_LOG = "--init-command=SET sql_log_bin=0"


def into_scratch(stream: IO[bytes], login: Path, folder: Path) -> None:
    """Unsound with the server's own words where it does not load."""
    client = [program(CLIENTS), f"--defaults-file={login}", *OPTIONS, NO_LOG]
    with tempfile.TemporaryFile(dir=folder) as words:
        process = subprocess.Popen(
            [*alone(""), *client], stdin=subprocess.PIPE, stdout=words, stderr=words, cwd=folder
        )
        try:
            pour(stream, process)
            code = process.wait()
        finally:
            process.kill()
            process.wait()
        if code:
            words.seek(0)
            last = " ".join(words.read()[-LAST:].decode("utf-8", "replace").split())
            raise (CouldNotLook if code < 0 else Unsound)(
                t("backup_mysql_dump.not_loaded", reason=last or code)
            )


def pour(stream: IO[bytes], process: "subprocess.Popen[bytes]") -> None:
    assert process.stdin is not None
    try:
        with process.stdin as line:
            while chunk := stream.read(CHUNK):
                line.write(chunk)
    except BrokenPipeError:
        return  # its exit code says why


class Renamed:
    """A dump on its way, its schemas under other names: whole lines that make or use one. What names a schema
    inside a view, trigger or routine stays as it is."""

    def __init__(self, chunks: Iterable[bytes], names: Mapping[str, str]) -> None:
        self._lines = lines(chunks)
        self._names = {
            b"`" + old.replace("`", "``").encode() + b"`": b"`" + new.replace("`", "``").encode() + b"`"
            for old, new in names.items()
        }

    def read(self, size: int = -1, /) -> bytes:
        found, length = [], 0
        for line in self._lines:
            found.append(self._line(line))
            length += len(line)
            if length >= CHUNK:
                break
        return b"".join(found)

    def _line(self, line: bytes) -> bytes:
        if self._names and line.startswith((b"USE `", b"CREATE DATABASE ")):
            for old, new in self._names.items():
                if old in line:
                    return line.replace(old, new, 1)
        return line


def lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    left = b""
    for chunk in chunks:
        *whole, left = (left + chunk).split(b"\n")
        for line in whole:
            yield line + b"\n"
    if left:
        yield left


def schemas_in(dump: Path) -> list[str]:
    """Those that a packed dump makes, by its own statements."""
    with dump.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as stream:
        found = [
            match[1] for line in lines(iter(lambda: stream.read(CHUNK), b"")) if (match := MAKES.match(line))
        ]
    return [name.decode().replace("``", "`") for name in dict.fromkeys(found)]


def into_live(
    full: Fetched,
    members: Sequence[str],
    target: Source,
    schemas: Mapping[str, str],
    *,
    replace: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> None:
    """`schemas`: those of the dump → the names they get. One that is there is refused, or emptied by
    `replace`."""
    with closing(target.connect()) as connection:
        present = {str(row[0]) for row in ask(connection, "SHOW DATABASES")}
        taken = sorted(present.intersection(schemas.values()))
        if taken and not replace:
            raise Refused(t("backup_mysql_dump.schema_there", names=listed(taken)))
        for name in taken:
            ask(connection, f"DROP DATABASE `{name.replace('`', '``')}`")
    for member in members:
        say(t("backup_mysql_dump.loading", member=member))
        with full.open(member) as stream:
            feed = Renamed(iter(lambda: stream.read(CHUNK), b""), schemas)
            script = f"run {' '.join(OPTIONS)}"
            with target.run(CLIENTS, script, feed=feed) as heard:
                while heard.read(CHUNK):
                    pass
