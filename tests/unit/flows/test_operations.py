"""Operations as the book has them: by session, once, with what was imported."""

import json
from pathlib import Path

import pytest

from flows.cli import main
from tasks import clock, operations
from tasks.home import Home
from tasks.inventory.credentials import variable
from tasks.model import Outcome, Record, Tier
from tasks.operations import Operation, Operations
from tasks.records import Book
from tests.unit.flows.installed import install

AT = clock.parse("2026-11-20T09:00:00")
THAT_DAY = ("--since", "2026-11-20", "--until", "2026-11-20")
LOG = "2026-11-20 09:00:00 uptime\n 10:00 up\n2026-11-20 09:01:00 mysql -phunter2\n"


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("OPSPROOF_HOME", str(tmp_path / "var"))
    monkeypatch.setenv("OPSPROOF_INVENTORIES", str(tmp_path / "inventories"))
    made = install(tmp_path)
    people = "operators:\n- {name: 张三, roles: [operator], contracts: all}\n"
    (made.inventories / "operators.yml").write_text(people, "utf-8")
    return made


def sent(text: str, target: str = "a", at: float = 0) -> Operation:
    from datetime import timedelta

    moment = AT + timedelta(seconds=at)
    return Operation(at=moment, target=target, way="ssh", text=text, seconds=0.1, exit_code=0, digest="d")


def run_of(house: Home, *found: Operation, journal: bytes = b"") -> None:
    book, noted = Book(house.book), Operations()
    for one in found:
        noted.add(one)
    kept = [book.keep(noted.content(), operations.FILE, "application/json", Tier.FAIR)]
    if journal:
        kept.append(book.keep(journal, "p1.jsonl", "application/jsonl", Tier.FAIR))
    book.append(
        Record(
            contract="local",
            routine="service",
            title="启停",
            started_at=AT,
            ended_at=AT,
            started_by="张三",
            outcome=Outcome.OK,
            evidence=tuple(kept),
        )
    )


def listed(capsys: pytest.CaptureFixture[str], *more: str) -> list[dict[str, object]]:
    capsys.readouterr()
    assert main(["operations", "list", "--contract", "local", *more, "--json"]) == 0
    return list(json.loads(capsys.readouterr().out))


def texts(one: dict[str, object]) -> list[str]:
    return [sent["text"] for sent in one["operations"]]  # type: ignore[attr-defined]


def said_by_a_playbook(one: Operation) -> dict[str, object]:
    return {
        "at": one.at.isoformat(),
        "event": "sent",
        "sent_at": one.at.isoformat(),
        "target": one.target,
        "command": one.text,
        "seconds": one.seconds,
        "exit_code": one.exit_code,
        "digest": one.digest,
        "failure": "",
    }


def test_what_a_playbook_wrote_down_as_well_is_told_once(
    house: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    both, earlier = sent("systemctl stop x"), sent("systemctl stop y", at=-60)
    lines = [said_by_a_playbook(both), {"event": "begun", "at": AT.isoformat()}, said_by_a_playbook(earlier)]
    run_of(house, both, journal="\n".join(map(json.dumps, lines)).encode() + b'\n{"cut')
    (found,) = listed(capsys, *THAT_DAY)
    assert texts(found) == ["systemctl stop y", "systemctl stop x"] and found["source"] == "routine"


def test_a_playbook_that_goes_on_tells_nothing_twice(house: Home, capsys: pytest.CaptureFixture[str]) -> None:
    first = sent("systemctl stop x", at=-60)
    run_of(house, first)
    run_of(house, sent("systemctl start x"), journal=json.dumps(said_by_a_playbook(first)).encode())
    assert [texts(one) for one in listed(capsys, *THAT_DAY)] == [["systemctl stop x"], ["systemctl start x"]]


def test_one_host_one_run_and_a_run_that_sent_nothing(
    house: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    run_of(house, sent("id", "a"), sent("df", "b", 1))
    (found,) = listed(capsys, *THAT_DAY, "--host", "b")
    assert texts(found) == ["df"]
    assert listed(capsys, *THAT_DAY, "--host", "c") == []
    (found,) = listed(capsys, "--run", "2")
    assert texts(found) == ["id", "df"]
    assert main(["operations", "list", "--contract", "local", "--run", "1"]) == 1


def test_the_report_is_a_record_with_page_document_and_workbook(
    house: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    run_of(house, sent("id", "a"))
    assert main(["operations", "report", "--contract", "local", *THAT_DAY, "--by", "张三"]) == 0
    entry = next(Book(house.book).entries(contract="local", routine="session", newest_first=True))
    assert [piece.name.rpartition(".")[2] for piece in entry.record.evidence] == ["html", "docx", "xlsx"]
    assert entry.record.topics == ("session",) and entry.record.facts["sessions"] == [2]
    assert [one["seq"] for one in listed(capsys)] == [2]  # the report itself is no session


def imported(*more: str) -> int:
    return main(["session", "import", *more, "--contract", "local", "--by", "张三"])


def test_a_log_of_a_jump_host_is_entered_once_with_both_times_and_no_secret(
    house: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(variable("db", "user"), "x")
    monkeypatch.setenv(variable("db", "password"), "hunter2")
    hosts = house.inventories / "local/hosts.yml"
    hosts.write_text(
        hosts.read_text("utf-8").replace("name: localhost", "name: localhost\n        credential: db")
    )
    path = tmp_path / "web.log"
    path.write_text(LOG, "utf-8")
    assert imported(str(path), "--host", "localhost") == 0
    (found,) = listed(capsys, *THAT_DAY)
    assert (found["source"], texts(found)) == ("imported", ["uptime", "mysql -p******"])
    book = Book(house.book)
    record = next(book.entries(contract="local", routine="session", newest_first=True)).record
    assert record.started_at == AT and "导入" in record.summary
    assert record.facts["happened_at"] == AT.isoformat() and record.facts["entered_by"] == "张三"
    assert record.facts["sha256"] == operations.digest_of(LOG.encode()) and record.facts["masked"] is True
    assert b"hunter2" not in book.read(record.evidence[0])
    capsys.readouterr()
    assert imported(str(path), "--host", "localhost") == 1
    assert "已经导入过：第 2 号" in capsys.readouterr().err


def test_the_original_is_kept_byte_for_byte_and_nothing_is_entered_of_a_batch_with_a_fault(
    house: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    content = "时间,主机,用户,命令\n2026-11-20 09:00:00,localhost,李四,查看 id\n".encode("gbk")
    good.write_bytes(content)
    bad.write_text("时间,命令\n昨天,id\n", "utf-8")
    assert imported(str(good), str(bad), "--host", "localhost") == 1
    assert "第 2 行" in capsys.readouterr().err and listed(capsys, *THAT_DAY) == []
    assert imported(str(good)) == 0
    (found,) = listed(capsys, *THAT_DAY)
    assert (found["who"], texts(found)) == ("李四", ["查看 id"])
    record = next(Book(house.book).entries(contract="local", routine="session")).record
    assert Book(house.book).read(record.evidence[0]) == content
