"""`opsproof record` and `opsproof book` as their users meet them."""

import json
import re
from pathlib import Path

import pytest

from flows.cli import main
from tasks.model import Tier
from tasks.records import Book, verify_document
from tests.bench.book_material import record


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Book:
    monkeypatch.setenv("OPSPROOF_HOME", str(tmp_path / "home"))
    made = Book(tmp_path / "home" / "book")
    kept = made.keep("输出".encode(), "raw.txt", "text/plain", Tier.FAIR)
    made.append_all(record(n, ("local", "office-oa")[n % 2], [kept]) for n in range(60))
    return made


Output = pytest.CaptureFixture[str]


def as_json(capsys: Output, *arguments: str) -> list[dict[str, object]]:
    main([*arguments, "--json"])
    return json.loads(capsys.readouterr().out)


def test_list(book: Book, capsys: Output) -> None:
    assert main(["record", "list"]) == 0
    out = capsys.readouterr().out
    assert len(out.splitlines()) == 51
    assert "入簿时间" in out
    assert "正常" in out
    rows = as_json(capsys, "record", "list", "--limit", "0", "--contract", "local")
    assert [row["seq"] for row in rows] == list(range(30, 0, -1))
    assert {row["outcome"] for row in rows} == {"ok"}
    rows = as_json(capsys, "record", "list", "--since", "2026-03-03", "--until", "2026-03-03")
    assert len(rows) == 24
    rows = as_json(capsys, "record", "list", "--since", "2026-03-03T08:00", "--until", "2026-03-03T10:00:00")
    assert len(rows) == 2
    assert as_json(capsys, "record", "list", "--routine", "none") == []
    assert len(as_json(capsys, "record", "list", "--outcome", "findings")) == 30
    assert main(["record", "list", "--since", "soon"]) == 1
    assert "时间无法识别" in capsys.readouterr().err


def test_show(book: Book, capsys: Output, tmp_path: Path) -> None:
    assert main(["record", "show", "local", "3"]) == 0
    out = capsys.readouterr().out
    for part in ("开始时间", "入簿时间", "raw.txt", "较敏感", "oa-web-03", book.entry("local", 3).hash):
        assert part in out
    assert main(["record", "show", "local", "3", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert verify_document(document, book.entry("local", 3).hash) == ()
    target = str(tmp_path / "raw.txt")
    assert main(["record", "show", "local", "3", "--evidence", "1", "--output", target]) == 0
    assert Path(target).read_text() == "输出"
    assert main(["record", "show", "local", "3", "--evidence", "1", "--output", target]) == 1
    assert main(["record", "show", "local", "3", "--evidence", "2", "--output", target + "2"]) == 1
    assert main(["record", "show", "local", "3", "--evidence", "1"]) == 1
    assert main(["record", "show", "local", "999"]) == 1
    assert main(["record", "show", "local", "3", "--evidence", "1", "--output", "/dev/null/x"]) == 2


def test_verify_and_head(book: Book, capsys: Output) -> None:
    assert main(["record", "verify"]) == 0
    shown = capsys.readouterr()
    assert "record head" in shown.err
    assert re.search(r"local +30 +1 ", shown.out)
    assert main(["record", "head"]) == 0
    head = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("local:"))
    assert main(["record", "verify", "--head", head]) == 0
    assert "record head" not in capsys.readouterr().err
    short = head.removeprefix("local:")
    assert main(["record", "verify", "--contract", "local", "--head", short]) == 0
    assert main(["record", "verify", "--head", head[:-1] + ("0" if head[-1] != "0" else "1")]) == 1
    assert "甲方留存" in capsys.readouterr().out
    for wrong in (short, "local:1:abc", "x", "local:-1:" + "0" * 64):
        assert main(["record", "verify", "--head", wrong]) == 1
        assert "链首值无法识别" in capsys.readouterr().err


def test_verify_names_what_is_wrong(book: Book, capsys: Output) -> None:
    (item,) = book.entry("local", 1).record.evidence
    book.blobs.path(item.digest).unlink()
    assert main(["record", "verify"]) == 1
    assert f"local 第 1 号: 证据“raw.txt”缺失：{item.digest}" in capsys.readouterr().out
    rows = as_json(capsys, "record", "verify")
    (problem,) = [problem for row in rows for problem in row["problems"]]  # type: ignore[attr-defined]
    assert (problem["what"], problem["seq"], problem["subject"]) == ("blob_missing", 1, item.digest)
    book.database.path.write_bytes(b"garbage" * 999)
    assert main(["record", "verify"]) == 1
    assert "数据库损坏" in capsys.readouterr().out
    assert as_json(capsys, "record", "verify")[-1]["problems"]
    assert main(["record", "list"]) == 2


def test_backup_and_restore(book: Book, capsys: Output, tmp_path: Path) -> None:
    archive = str(tmp_path / "copy.tar.zst")
    assert main(["book", "backup", archive]) == 0
    assert str(book.head("local")) in capsys.readouterr().out
    assert main(["book", "backup", archive]) == 1
    assert main(["book", "restore", archive]) == 1
    assert "--replace" in capsys.readouterr().err
    assert main(["book", "restore", archive, "--replace"]) == 0
    assert "已移到" in capsys.readouterr().err
    assert main(["book", "restore", archive, "--to", str(tmp_path / "new")]) == 0
    assert Book(tmp_path / "new").verify().ok
    assert main(["book", "restore", str(tmp_path / "none")]) == 1


def test_an_empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    monkeypatch.setenv("OPSPROOF_HOME", str(tmp_path / "home"))
    for arguments in (["list"], ["verify"], ["head"]):
        assert main(["record", *arguments]) == 0
        assert "（无）" in capsys.readouterr().out
    assert not (tmp_path / "home").exists()
