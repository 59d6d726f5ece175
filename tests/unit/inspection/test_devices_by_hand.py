"""A manual check as the command line takes it, and as the book keeps it."""

from datetime import timedelta
from pathlib import Path

import pyotp
import pytest

from flows.cli import main
from flows.device_note import entered
from tasks import clock
from tasks.contracts.activation import activate
from tasks.errors import Refused
from tasks.home import home
from tasks.inspection.findings import read_findings
from tasks.inspection.manual import Look
from tasks.model import Mode, Outcome, Status
from tasks.people import codes
from tasks.records import Book, Entry
from tests.unit.inventory.sound import write

OPERATORS = "operators:\n  - name: 值班甲\n    roles: [operator]\n    contracts: all\n"


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Book:
    monkeypatch.setenv("OPSPROOF_HOME", str(tmp_path / "var"))
    folder = write(tmp_path / "inventories")
    monkeypatch.setenv("OPSPROOF_INVENTORIES", str(folder))
    (folder / "operators.yml").write_text(OPERATORS, "utf-8")
    here = home()
    book = Book(here.ready(here.book))
    activate(book, "shop", "甲", clock.now())
    return book


@pytest.fixture
def device() -> str:
    return "CAM-1"


def check(*words: str) -> int:
    return main(["device", "note", *words, "--contract", "shop"])


def last(book: Book) -> Entry:
    return list(book.entries(contract="shop"))[-1]


def test_what_was_seen_is_in_the_book_with_both_times(book: Book, device: str) -> None:
    at = clock.now() - timedelta(hours=3)
    assert check(device, "--by", "值班甲", "--result", "ok", "--at", at.isoformat()) == 0
    record = last(book).record
    assert (record.routine, record.mode, record.outcome) == ("device-inspection", Mode.REAL, Outcome.OK)
    assert record.started_at == at and record.ended_at - at > timedelta(hours=2)
    assert record.facts["checked_at"] != record.facts["entered_at"]
    assert record.topics == ("device",) and record.started_by == "值班甲"


def test_what_was_wrong_needs_words(book: Book, device: str) -> None:
    assert check(device, "--by", "值班甲", "--result", "fail") == 1
    assert check(device, "--by", "值班甲", "--result", "fail", "--note", "不开机\x1b[31m") == 1
    entry = last(book)
    (found,) = read_findings(book.read(entry.record.evidence[0]))
    assert found.status is Status.FAIL and "不开机" in found.summary and "\x1b" not in found.summary
    assert entry.record.outcome is Outcome.FINDINGS


def test_what_is_refused_leaves_no_record(book: Book, device: str) -> None:
    before = last(book).seq
    assert check("NO-SUCH", "--by", "值班甲", "--result", "ok") == 1
    assert check(device, "--by", "谁", "--result", "ok") == 1
    assert check(device, "--by", "值班甲", "--result", "ok", "--at", "gestern") == 1
    assert check(device, "--by", "值班甲", "--result", "ok", "--at", "2999-01-01T00:00") == 1
    assert last(book).seq == before


def test_the_form_is_signed_with_a_code_that_is_good_once(book: Book, device: str) -> None:
    secret = codes.new_secret()
    codes.enrol(home(), "值班甲", secret)
    look = Look(names=(device,), by="值班甲", sound=False, note="无图像")
    before, code = last(book).seq, pyotp.TOTP(secret).at(clock.now())
    with pytest.raises(Refused):
        entered("shop", look, "000000" if code != "000000" else "111111")
    with pytest.raises(Refused, match="NO-SUCH"):  # mistyped: the code is still good
        entered("shop", Look(names=("NO-SUCH",), by="值班甲", sound=True), code)
    assert last(book).seq == before
    assert entered("shop", look, code).record.outcome is Outcome.FINDINGS
    with pytest.raises(Refused):
        entered("shop", look, code)
    assert last(book).seq == before + 1
