"""Files of the synthetic Oracle: instances, control files, pieces with checksums, logs."""

import fcntl
import json
import os
import struct
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

BLOCK = 4096
MAGIC = b"SYNTHETIC-PIECE "
RECORD = struct.Struct(">IIII")


class Ora(Exception):
    """An error stack: the lines, the cause last."""

    def __init__(self, *lines: str) -> None:
        super().__init__(lines[-1])
        self.lines = lines


def home() -> Path:
    return Path(os.environ["ORACLE_HOME"])


def faults(at: Path | None = None) -> set[str]:
    path = (at or home()) / "faults"
    return set(path.read_text().split()) if path.exists() else set()


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())  # type: ignore[no-any-return]


def write(path: Path, content: Any) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps(content))
    temporary.replace(path)


class Instance:
    """`dbs/<SID>.json`: status, parameters, the process that stands for PMON."""

    def __init__(self, at: Path, sid: str) -> None:
        self.home, self.sid = at, sid
        self.path = at / "dbs" / f"{sid}.json"

    @property
    def state(self) -> dict[str, Any]:
        return read(self.path) if self.path.exists() else {}

    def keep(self, **said: Any) -> None:
        write(self.path, {**self.state, **said})

    @property
    def status(self) -> str:
        return str(self.state.get("status", ""))

    @property
    def parameters(self) -> dict[str, str]:
        return dict(self.state.get("parameters", {}))

    @property
    def control(self) -> Path:
        return Path(self.parameters["control_files"].split(",")[0])

    @contextmanager
    def locked(self) -> Iterator[dict[str, Any]]:
        """The control file, changed by one at a time."""
        with (self.home / "dbs" / f"{self.sid}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            content = read(self.control)
            yield content
            write(self.control, content)


def current() -> Instance:
    return Instance(home(), os.environ["ORACLE_SID"])


def blocks(content: bytes) -> list[bytes]:
    return [content[n : n + BLOCK] for n in range(0, len(content), BLOCK)]


def sums(content: bytes) -> list[int]:
    return [zlib.crc32(block) for block in blocks(content)]


def checked(*parts: bytes) -> int:
    total = 0
    for part in parts:
        total = zlib.crc32(part, total)
    return total


def write_piece(path: Path, header: dict[str, Any], records: list[tuple[int, int, bytes]]) -> None:
    """Header and records: number of the file, number of the block, checksum over all three, the block."""
    if "disk_full" in faults():
        path.write_bytes(b"half")
        raise Ora(
            "RMAN-03009: failure of backup command on d1 channel at 2026-11-21T03:00:05",
            f'ORA-19502: write error on file "{path}", block number 1 (block size=8192)',
            "ORA-27072: File I/O error",
            "Linux-x86_64 Error: 28: No space left on device",
        )
    said = json.dumps({**header, "records": len(records)}, sort_keys=True).encode()
    with path.open("wb") as file:
        file.write(MAGIC + b"%08x %08x\n" % (len(said), zlib.crc32(said)) + said)
        for number, (which, block, data) in enumerate(records):
            if "killed" in faults() and number == len(records) // 2:
                file.flush()
                os.kill(os.getpid(), 9)
            if "slow" in faults():
                time.sleep(0.05)
            frame = struct.pack(">III", which, block, len(data))
            file.write(RECORD.pack(which, block, len(data), checked(frame, data)) + data)


def read_header(path: Path) -> tuple[dict[str, Any], int]:
    content = path.read_bytes()
    if not content.startswith(MAGIC):
        raise Ora(
            f"ORA-19870: error while restoring backup piece {path}", "ORA-19587: error occurred reading"
        )
    line, _, rest = content[len(MAGIC) :].partition(b"\n")
    try:
        size, crc = (int(one, 16) for one in line.split(b" "))
        said = rest[:size]
        if zlib.crc32(said) != crc or len(line) != 17:
            raise ValueError
        return json.loads(said), len(MAGIC) + len(line) + 1 + size
    except ValueError:
        raise Ora(f"ORA-19870: error while restoring backup piece {path}", "ORA-19608: not a piece") from None


def read_piece(path: Path) -> tuple[dict[str, Any], list[tuple[int, int, bytes]]]:
    header, at = read_header(path)
    content = path.read_bytes()
    records = []
    while at < len(content):
        if len(content) - at < RECORD.size:
            raise damaged(path)
        which, block, size, crc = RECORD.unpack_from(content, at)
        data = content[at + RECORD.size : at + RECORD.size + size]
        if len(data) != size or checked(struct.pack(">III", which, block, size), data) != crc:
            raise damaged(path)
        records.append((which, block, data))
        at += RECORD.size + size
    if len(records) != header["records"]:
        raise damaged(path)
    return header, records


def damaged(path: Path) -> Ora:
    return Ora(
        f"ORA-19870: error while restoring backup piece {path}",
        f'ORA-19599: block number 1 is corrupt in backup piece "{path}"',
    )
