"""What a binary log and a dump have to look like, without a server."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.backups import Unsound
from tasks.backups.mysql.dump import END, Member, head
from tasks.backups.mysql.events import Damaged, Log, following, parse_gtids, shown
from tasks.backups.mysql.load import Renamed
from tasks.backups.mysql.points import Point, point_of
from tasks.backups.mysql.replay import check, way
from tasks.backups.mysql.source import option
from tasks.errors import OpsError
from tests.unit.backups.mysql.logs import made


def read(content: bytes, name: str = "binlog.000001", pieces: int = 7) -> Log:
    log = Log(name)
    for at in range(0, len(content), pieces):
        log.feed(content[at : at + pieces])
    log.finish()
    return log


def test_a_log_is_followed_in_pieces_of_any_length() -> None:
    content = made([1, 2, 3], following="binlog.000002")
    for pieces in (1, 7, 1000):
        log = read(content, pieces=pieces)
        assert [group.number for group in log.groups] == ["1-1", "1-2", "1-3"]
        assert (log.state, log.next_name, log.position) == ({"0": "1-3"}, "binlog.000002", len(content))
        assert log.groups[1].start == log.groups[0].end


@pytest.mark.parametrize("at", [0, 3, 10, 60, 120, 150, 200, -3])
def test_a_changed_bit_is_noticed(at: int) -> None:
    content = bytearray(made([1, 2, 3]))
    content[at] ^= 4
    with pytest.raises(Damaged):
        read(bytes(content))


@pytest.mark.parametrize("cut", [0, 2, 4, 50, -1, -30])
def test_a_log_cut_inside_of_an_event_is_noticed(cut: int) -> None:
    with pytest.raises(Damaged):
        read(made([1, 2])[:cut])


@pytest.fixture
def logs(tmp_path: Path) -> Callable[..., list[Path]]:
    def write(*contents: bytes) -> list[Path]:
        paths = [tmp_path / f"binlog.{number:06}" for number in range(1, len(contents) + 1)]
        for path, content in zip(paths, contents, strict=True):
            path.write_bytes(content)
        return paths

    return write


START = Point("binlog.000001", 4)


def test_the_way_ends_exactly_where_it_is_wanted(logs: Callable[..., list[Path]]) -> None:
    found = logs(
        made([1, 2, 3], times=[10, 20, 30], following="binlog.000002"),
        made([4, 5], before=3, times=[40, 50]),
    )
    check(found, START)
    to_gtid = way(found, START, {"gtid": "0-1-4"})
    assert (to_gtid.stop.file, to_gtid.stop.gtid) == ("binlog.000002", "0-1-4")
    assert way(found, START, {"time": "1970-01-01T00:00:25+00:00"}).stop.gtid == "0-1-2"
    assert way(found, START, {"time": "1970-01-01T00:00:05+00:00"}).nothing
    place = way(found, START, {"gtid": "0-1-2"}).stop
    assert way(found, START, place.said).stop == place
    with pytest.raises(Unsound, match="到不了 0-1-9"):
        way(found, START, {"gtid": "0-1-9"})
    with pytest.raises(Unsound, match="到不了"):
        way(found, START, {"file": "binlog.000001", "position": str(place.position + 1)})


def test_what_does_not_follow_is_noticed(logs: Callable[..., list[Path]]) -> None:
    first = made([1, 2], following="binlog.000002")
    with pytest.raises(Unsound, match="gtid"):  # a transaction in between is missing
        check(logs(first, made([4], before=3)), START)
    with pytest.raises(Unsound, match=r"之后应为 binlog\.000003"):
        check(logs(made([1, 2], following="binlog.000003"), made([3], before=2)), START)
    with pytest.raises(Unsound, match="不从上一份备份的位置"):  # reset, and the same name again
        check(logs(first), Point("binlog.000001", 4, "0-1-7"))
    with pytest.raises(Unsound, match="不从上一份备份的位置"):
        check(logs(first), Point("binlog.000001", 99_999, "0-1-2"))


def test_gtids_of_both_engines() -> None:
    uuid = "3e11fa47-71ca-11e1-9e33-c80aa9429562"
    assert parse_gtids("0-1-5,1-2-9") == {"0": "1-5", "1": "2-9"}
    assert parse_gtids(f"{uuid}:1-5:7,\n{uuid[:-1]}3:1") == {uuid: "7", f"{uuid[:-1]}3": "1"}
    assert shown({"1": "2-9", "0": "1-5"}) == "0-1-5,1-2-9"
    with pytest.raises(ValueError, match="yesterday"):
        parse_gtids("yesterday")
    assert following("binlog.000009") == "binlog.000010" and following("b.999999") == "b.1000000"
    assert point_of({"time": "now"}) is None


class Said:
    def __init__(self, *chunks: bytes) -> None:
        self.chunks = list(chunks)

    def read(self, size: int = -1, /) -> bytes:
        return self.chunks.pop(0) if self.chunks else b""


def test_a_dump_without_its_end_is_none() -> None:
    first = head("MY-01", {"file": "b.1", "gtid": "0-1-2"}, "1-data.sql")
    assert first == b"-- opsproof 1-data.sql of MY-01: file=b.1 gtid=0-1-2\n"
    whole = Member(Said(b"INSERT", b" 1;\n" + END + b" on today\n"), first)
    assert b"".join(iter(whole.read, b"")).startswith(first + b"INSERT")
    cut = Member(Said(b"INSERT", b" 1;\n"), first)
    with pytest.raises(OpsError, match="没有完整结尾"):
        list(iter(cut.read, b""))


def test_only_lines_that_use_a_schema_are_renamed() -> None:
    made_by = b"CREATE DATABASE /*!32312 IF NOT EXISTS*/ "
    lines = [made_by + b"`a` ;\n", b"USE `a`;\nINSERT INTO `a` VALUES", b" ('USE `a`')\n"]
    found = b"".join(iter(Renamed(lines, {"a": "b`c"}).read, b""))
    assert found == made_by + b"`b``c` ;\nUSE `b``c`;\nINSERT INTO `a` VALUES ('USE `a`')\n"


def test_a_password_in_an_option_file_is_what_it_was() -> None:
    assert option('a"b\\c#d\n') == '"a\\"b\\\\c#d\\n"'
