"""Reading on in a log: in every shell, over rotation, emptying, half lines and a gigabyte at once."""

import os
import random
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tasks.checks.linux.positions import HOW, PLACED, READ_ON
from tests.unit.checks.test_script import SHELLS, shell


@dataclass
class Reader:
    argv: list[str]
    log: Path
    was: dict[str, str] = field(default_factory=dict)
    how: str = ""
    skipped: int = 0

    def read(self) -> bytes:
        """What is new, and from then on it is old."""
        told = "".join(f"was_{name}='{text}'\n" for name, text in self.was.items())
        script = f'{told}{READ_ON}\nplace "{self.log}" || exit 1; placed "{self.log}"; fresh "{self.log}"\n'
        done = subprocess.run(self.argv, input=script.encode(), capture_output=True, check=True, timeout=20)
        assert not done.stderr
        line, _, new = done.stdout.partition(b"\n")
        found = PLACED.fullmatch(line.decode())
        assert found and found[1] in HOW, line
        self.how, self.skipped = found[1], int(found[2])
        self.was = dict(zip(("inode", "size", "span", "sum"), found.groups()[2:], strict=True))
        return new


@pytest.fixture(params=SHELLS)
def reader(request: pytest.FixtureRequest, tmp_path: Path) -> Reader:
    log = tmp_path / "messages"
    log.write_bytes(b"first\n")
    return Reader(shell(request.param), log)


def write(path: Path, content: bytes) -> None:
    with path.open("ab") as file:
        file.write(content)


def test_only_what_is_new_and_only_whole_lines(reader: Reader) -> None:
    assert reader.read() == b"first\n" and reader.how == "first"
    assert reader.read() == b"" and reader.how == "same"
    write(reader.log, b"second\nhalf a li")
    assert reader.read() == b"second\n"
    write(reader.log, b"ne.")
    assert reader.read() == b""
    write(reader.log, b"\n\xd6\xd0\xce\xc4 GBK\n")
    assert reader.read() == b"half a line.\n\xd6\xd0\xce\xc4 GBK\n"


def test_rotation_by_name_by_copy_and_twice_between_two_looks(reader: Reader) -> None:
    reader.read()
    write(reader.log, b"unread\n")
    reader.log.rename(reader.log.with_name("messages-20261120"))
    reader.log.write_bytes(b"new file\n")
    assert reader.read() == b"unread\nnew file\n" and reader.how == "rotated"
    write(reader.log, b"unread, too\n")
    shutil.copy(reader.log, reader.log.with_name("messages.1"))
    os.truncate(reader.log, 0)
    write(reader.log, b"after the copy, and longer than what was there before\n")
    assert reader.read().startswith(b"unread, too\nafter") and reader.how == "rotated"
    reader.log.unlink()
    reader.log.write_bytes(b"other\n")
    assert reader.read() == b"other\n" and reader.how in ("lost", "emptied")
    os.truncate(reader.log, 0)
    assert reader.read() == b"" and reader.how == "emptied"
    write(reader.log, b"grown\n")
    assert reader.read() == b"grown\n" and reader.how == "same"


def test_two_rotations_between_two_looks(reader: Reader) -> None:
    reader.read()
    for name, age in (("messages-20261119", 60), ("messages-20261120", 30)):
        write(reader.log, f"unread {name}\n".encode())
        old = reader.log.rename(reader.log.with_name(name))
        os.utime(old, (time.time() - age, time.time() - age))
        reader.log.write_bytes(b"begun\n")
    assert reader.read() == b"unread messages-20261119\nbegun\nunread messages-20261120\nbegun\n"
    assert reader.read() == b""


def test_a_gigabyte_at_once_is_bounded(reader: Reader) -> None:
    reader.read()
    os.truncate(reader.log, 2**30)
    write(reader.log, b"\nthe end\n")
    started = time.monotonic()
    new = reader.read()
    assert len(new) == 4 * 2**20 and new.endswith(b"the end\n") and reader.skipped > 10**9
    assert time.monotonic() - started < 5
    assert reader.read() == b""


def test_nothing_is_lost_and_nothing_comes_twice_over_many_rotations(tmp_path: Path) -> None:
    log = tmp_path / "messages"
    log.write_bytes(b"line 0\n")
    reader, chance, written, got = Reader(shell("dash"), log), random.Random(7), [b"line 0\n"], []
    for step in range(1, 40):
        for _ in range(chance.randrange(3)):
            written.append(b"line %d %d\n" % (step, chance.randrange(10**9)))
            write(log, written[-1])
        if chance.random() < 0.3 and log.stat().st_size:
            got.append(reader.read())
            log.rename(tmp_path / f"messages-{step:03}")
            log.touch()
        if chance.random() < 0.5:
            got.append(reader.read())
    got.append(reader.read())
    assert b"".join(got) == b"".join(written)
