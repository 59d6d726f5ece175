"""Where a snapshot and the log agree, what a piece of log says, and what stands in for a password."""

import struct
import subprocess
from datetime import UTC, datetime
from typing import Any

import pytest

from tasks.backups import CouldNotLook, Unsound
from tasks.backups.manifest import Kind, Manifest
from tasks.backups.methods.postgres_physical import recovery
from tasks.backups.postgres import wal
from tasks.backups.postgres.cluster import blamed
from tasks.backups.postgres.digests import spans, unlike, within
from tasks.backups.postgres.files import follows
from tasks.backups.postgres.point import Seen, agreed, before_header
from tasks.backups.postgres.programs import script
from tasks.backups.postgres.sessions import Way
from tasks.backups.postgres.wal import Log, Record
from tasks.errors import OpsError
from tasks.inventory.credentials import Credential
from tasks.model import Database

PASSWORD = "it's lab-only $HOME"


def commits(*xids: int) -> list[Record]:
    return [Record(100 * place, 100 * place + 40, xid) for place, xid in enumerate(xids, 1)]


def test_commits_that_are_seen_come_first() -> None:
    seen = Seen(10, 15, frozenset({12}))
    assert agreed(commits(9, 10, 11), [seen]) is None
    assert agreed(commits(9, 11, 12, 15), [seen]) == Record(300, 340, 12)
    assert agreed(commits(9, 12, 11), [seen]) is False, "one was missed and its successor seen"
    assert agreed(commits(9, 0, 11), [seen]) is False, "nobody knows which one it was"
    assert agreed([], [seen]) is None


def test_databases_have_to_agree() -> None:
    one, other = Seen(10, 15, frozenset({12})), Seen(10, 15, frozenset({12, 13}))
    assert agreed(commits(11, 13, 12), [one, other]) is False
    assert agreed(commits(11, 12, 15), [one, other]) == Record(200, 240, 12)


def test_numbers_of_transactions_begin_anew_after_32_bits() -> None:
    seen = Seen(2**32 - 5, 2**32 + 5, frozenset({2**32 + 1}))
    assert [seen.sees(xid) for xid in (2**32 - 6, 2**32 - 1, 0, 1, 4, 5)] == [
        True,
        True,
        True,
        False,
        True,
        False,
    ]


SEGMENT = 2**20


def page(address: int, left: int = 0) -> bytes:
    long = address % SEGMENT == 0
    flags = (wal.LONG if long else 0) | (wal.CONTINUED if left else 0)
    header = struct.pack("<HHIQI4x", 0xD110, flags, 1, address, left)
    return header + (struct.pack("<QII", 4711, SEGMENT, wal.PAGE) if long else b"")


def record(size: int, xid: int = 0, info: int = 0, manager: int = 10, body: bytes = b"") -> bytes:
    content = wal.HEADER.pack(size, xid, 0, info, manager, 0) + body
    return content.ljust(size, b"x").ljust(-(-size // 8) * 8, b"\0")


def written(start: int, *records: bytes, left: bytes = b"") -> bytes:
    """As the server lays it out: over pages, each with a header."""
    data, rest = bytearray(page(start, len(left))), b""
    for one in (left.ljust(-(-len(left) // 8) * 8, b"\0"), *records):
        rest = one
        while rest:
            room = wal.PAGE - len(data) % wal.PAGE
            if room == wal.PAGE:
                data += page(start + len(data), len(rest))
                room = wal.PAGE - len(data) % wal.PAGE
            data, rest = data + rest[:room], rest[room:]
    return bytes(data)


def test_records_are_found_over_pages_and_behind_one_that_began_earlier() -> None:
    start = 5 * SEGMENT + wal.PAGE
    long, commit = record(9000), record(34, 77, manager=wal.XACT)
    content = written(start, long, commit, left=b"z" * 50)
    log = Log(start, SEGMENT)
    log.data += content
    found = list(log.records(start + len(content)))
    assert [one.xid for one in found] == [None, 77]
    assert found[0].lsn == start + wal.SHORT_HEADER + 56
    assert found[1].end == start + len(content)


def test_a_segment_left_early_goes_on_in_the_next() -> None:
    content = written(SEGMENT, record(24, info=wal.SWITCH, manager=wal.XLOG)).ljust(SEGMENT, b"\0")
    content += written(2 * SEGMENT, record(34, 8, manager=wal.XACT))
    log = Log(SEGMENT, SEGMENT)
    log.data += content
    assert [one.xid for one in log.records(SEGMENT + len(content))] == [None, 8]


def test_a_log_that_is_none_is_told() -> None:
    log = Log(SEGMENT, SEGMENT)
    log.data += bytes(wal.PAGE)
    with pytest.raises(OpsError, match="0/100000"):
        list(log.records(SEGMENT + 100))


def test_a_prepared_transaction_is_named_where_it_is_understood() -> None:
    flags = wal.TWO_PHASE | 2
    body = struct.pack("<BB", 255, 40) + bytes(8) + struct.pack("<IIIII", flags, 2, 5, 6, 99)
    assert wal.prepared(body) == 99
    assert wal.prepared(b"") == 0
    content = record(60, 3, info=wal.COMMIT_PREPARED, manager=wal.XACT, body=body)
    assert wal.told(0, 64, content).xid == 99


def test_positions() -> None:
    assert wal.text(wal.number("1A/2B00F8")) == "1A/2B00F8"
    assert wal.segment_name(2, wal.number("1A/2B00F8"), 2**24) == "000000020000001A00000000"
    assert wal.segment_name(1, wal.number("0/A00000"), 2**20) == "00000001000000000000000A"
    assert (
        before_header(8192 + 24) == 8192 and before_header(2**20 + 40) == 2**20 and before_header(100) == 100
    )


def test_a_sequence_is_found_between_what_it_was_and_what_the_log_took() -> None:
    (span,) = spans("db", {"s.q": (10, 165)}, {"s.q": (20, 165)}, logged=True)
    assert within(span, 10) and within(span, 185) and not within(span, 9) and not within(span, 186)
    (down,) = spans("db", {"s.q": (-5, -33)}, {"s.q": (-9, -33)}, logged=False)
    assert down.digest == "-9..-5"


def test_tables_that_were_rewritten_are_not_compared() -> None:
    assert set(unlike({"a": "1", "b": "1", "c": "1"}, {"a": "1", "b": "2", "d": "1"})) == {"b", "c", "d"}


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("FATAL: could not write: No space left on device", CouldNotLook),
        ('ERROR: extension "postgis" is not available', CouldNotLook),
        ("pg_verifybackup: error: checksum mismatch for file", Unsound),
        ("FATAL: recovery ended before configured recovery target was reached", Unsound),
    ],
)
def test_what_a_host_lacks_is_not_the_backups_fault(said: str, kind: type[Exception]) -> None:
    assert type(blamed(said)) is kind


def manifest(**facts: str) -> Manifest:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    said: dict[str, Any] = {"system": "1", "timeline": "1", "segment": "16777216", **facts}
    return Manifest(
        contract="c", system="s", target="t", engine="postgres", job="j", method="postgres-physical",
        kind=Kind.LOG, chain=1, number=1, started_at=now, ended_at=now, point={}, facts=said,
    )  # fmt: skip


def test_links_that_do_not_follow_are_refused() -> None:
    first = manifest(log_start="0/1000000", log_end="0/2000100")
    follows(first, manifest(log_start="0/2000000"))
    with pytest.raises(Unsound, match="缺口"):
        follows(first, manifest(log_start="0/3000000"))
    with pytest.raises(Unsound, match="时间线"):
        follows(first, manifest(log_start="0/2000000", timeline="2"))


def test_where_a_restore_stops() -> None:
    assert "recovery_target_lsn" not in recovery("1", {})
    assert recovery("3", {"lsn": "0/1", "time": "2026-01-01"})["recovery_target_lsn"] == "0/1"
    assert recovery("3", {"name": "before"})["recovery_target_name"] == "before"
    said = str(recovery("1", {"time": "2026-01-01T10:00:00+08:00"})["recovery_target_time"])
    assert datetime.fromisoformat(said) == datetime(2026, 1, 1, 2, tzinfo=UTC)
    with pytest.raises(CouldNotLook):
        recovery("1", {"time": "yesterday"})


def test_a_password_is_in_the_environment_of_its_program_alone() -> None:
    database = Database(contract="c", part="p", name="db", engine="postgres", address="127.0.0.1")
    way = Way(database, Credential("x", "me", PASSWORD))
    said = script(way, 150000, "pg_dump", ["--snapshot=a b"], "d'b", {"pg_dump": "/usr/bin/env"})
    assert PASSWORD not in repr(way) and said.count("lab-only") == 1
    shown = said.replace("exec", "exec echo").replace('"$found"', "")
    assert (
        "lab-only"
        not in subprocess.run(["sh", "-c", shown], capture_output=True, text=True, check=True).stdout
    )
    done = subprocess.run(
        ["sh", "-c", said.replace("'--snapshot=a b'", "")], capture_output=True, text=True, check=True
    )
    assert f"PGPASSWORD={PASSWORD}\n" in done.stdout and "PGDATABASE=d'b\n" in done.stdout


def test_a_program_that_is_not_there_is_told() -> None:
    database = Database(contract="c", part="p", name="db", engine="postgres", address="127.0.0.1")
    said = script(Way(database, None), 990000, "pg_nothing", [], "db", gentle=True)
    done = subprocess.run(["sh", "-c", said], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (127, "opsproof: no pg_nothing\n")
