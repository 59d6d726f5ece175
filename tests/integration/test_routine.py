"""A routine run past Prefect: what it leaves in the book, however it ends."""

import io
import threading
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from docx import Document

from flows.routine import Closed, Piece, Request, Routine, Run, Work, perform, user
from flows.routines import routine
from tasks import clock, operations
from tasks.calendar.plans import Plan
from tasks.errors import OpsError, Refused
from tasks.home import Home
from tasks.inspection.findings import FINDINGS, read_findings
from tasks.inventory.credentials import Keyring
from tasks.locks import held
from tasks.model import Finding, Outcome, Status
from tasks.records import Book, Entry
from tasks.transports import Access
from tests.unit.flows.installed import install

INSPECTION = routine("inspection")
HOUR = timedelta(hours=1)


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("OPSPROOF_HOME", str(tmp_path / "var"))
    monkeypatch.setenv("OPSPROOF_INVENTORIES", str(tmp_path / "inventories"))
    return install(tmp_path)


def request(contract: str = "local", *only: str) -> Request:
    return Request(contract=contract, started_by="测试", only=only, note="试一试")


def go(house: Home, *only: str) -> Closed:
    return perform(house, INSPECTION, request("local", *only))


def last(house: Home) -> Entry:
    return next(Book(house.book).entries(contract="local", newest_first=True, limit=1))


def count(house: Home) -> int:
    return len(list(Book(house.book).entries()))


def working(work: object) -> Routine:
    """A routine that does what a test needs done."""
    return replace(INSPECTION, work=work)  # type: ignore[arg-type]


def test_an_inspection_leaves_a_record_with_its_forms_and_answers(house: Home) -> None:
    closed = go(house)
    record = closed.entry.record
    assert Status.UNKNOWN not in {found.status for found in closed.findings}
    assert (record.expected, record.reached, record.not_reached) == (2, 2, ())
    assert record.outcome is (
        Outcome.OK if {f.status for f in closed.findings} == {Status.OK} else Outcome.FINDINGS
    )
    assert record.facts["note"] == "试一试"
    names = [piece.name.rpartition(".")[2] for piece in record.evidence]
    assert names == ["html", "docx", "json", "json", "json"]
    sent = operations.read(Book(house.book).read(record.evidence[-1]))
    assert {one.target for one in sent} == {"localhost", "platform-db"}
    assert all(one.digest and one.exit_code == 0 for one in sent if one.way == "local")
    book = Book(house.book)
    kept = next(piece for piece in record.evidence if piece.name == FINDINGS)
    assert read_findings(book.read(kept)) == list(closed.findings)
    assert "日巡检记录" in book.read(record.evidence[0]).decode()
    assert len(Document(io.BytesIO(book.read(record.evidence[1]))).tables) >= 4
    assert book.verify().ok


def test_the_second_inspection_knows_the_first(house: Home) -> None:
    assert {found.change for found in go(house).findings} <= {"首次", ""}
    changes = {found.change for found in go(house).findings}
    assert "首次" not in changes and "持平" in changes


def test_findings_are_an_outcome_of_their_own(house: Home) -> None:
    (house.inventories / "local" / "limits.yml").write_text("disk: {warn: 0, fail: 0}\n")
    closed = go(house, "localhost")
    assert closed.entry.record.outcome is Outcome.FINDINGS and closed.entry.record.expected == 1
    assert Status.FAIL in {found.status for found in closed.findings}


def test_a_target_that_is_not_reached_is_named_with_its_reason(house: Home) -> None:
    (house.root / "db.sqlite").unlink()
    closed = go(house)
    record = closed.entry.record
    assert (record.expected, record.reached, record.not_reached) == (2, 1, ("platform-db",))
    assert record.outcome is Outcome.FINDINGS
    (found,) = [one for one in closed.findings if one.target == "platform-db"]
    assert found.status is Status.UNKNOWN and "db.sqlite" in found.summary


def test_refusals_leave_no_record(house: Home, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="localhost"):
        go(house, "localhosts")
    with pytest.raises(Refused, match="local"):
        perform(house, INSPECTION, request("locla"))
    with pytest.raises(Refused, match="inspection"):
        routine("inspektion")
    idle = install(tmp_path / "idle", active=False)
    with pytest.raises(Refused, match="opsproof inventory activate local"):
        perform(idle, INSPECTION, request())
    assert (count(house), count(idle)) == (1, 0)


def test_one_at_a_time(house: Home) -> None:
    with (
        held(house, "local", "inspection", changes=False, title="另一次"),
        pytest.raises(Refused, match="另一次"),
    ):
        go(house)
    assert count(house) == 1


def test_what_a_plan_wants_waits_for_whoever_has_the_contract(house: Home) -> None:
    now = clock.now()
    plan = Plan(
        id="local/inspection/x",
        contract="local",
        routine="inspection",
        title="巡检",
        due_at=now,
        late_after=HOUR,
        give_up_after=HOUR,
        only=(),
        unpublished=False,
    )
    with ExitStack() as busy:
        busy.enter_context(held(house, "local", "service", changes=True, title="启停"))
        threading.Timer(1.5, busy.close).start()
        closed = perform(house, INSPECTION, replace(request(), plan=plan))
    assert closed.entry.record.plan_id == plan.id
    assert closed.entry.record.started_at - now > timedelta(seconds=1)


def test_two_at_once_run_once(house: Home) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(run: Run) -> Work:
        begun.set()
        go_on.wait(10)
        return Work(findings=[], expected=0, topics=("disk",))

    first = threading.Thread(target=perform, args=(house, working(slow), request()))
    first.start()
    begun.wait(10)
    with pytest.raises(Refused):
        perform(house, working(slow), request())
    go_on.set()
    first.join()
    assert count(house) == 2


def test_a_failure_in_words_is_recorded_in_words(house: Home) -> None:
    def work(run: Run) -> Work:
        raise OpsError("磁带机没有响应")

    with pytest.raises(OpsError, match="磁带机"):
        perform(house, working(work), request())
    assert last(house).record.outcome is Outcome.FAILED and "磁带机没有响应" in last(house).record.summary


def test_a_bug_is_recorded_by_its_kind_alone(house: Home) -> None:
    def work(run: Run) -> Work:
        raise ZeroDivisionError("password=hunter2")

    with pytest.raises(ZeroDivisionError):
        perform(house, working(work), request())
    record = last(house).record
    assert record.outcome is Outcome.FAILED and "ZeroDivisionError" in record.summary
    assert "hunter2" not in str(last(house).document)


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit])
def test_an_interruption_is_recorded(house: Home, interruption: type[BaseException]) -> None:
    def work(run: Run) -> Work:
        raise interruption

    with pytest.raises(interruption):
        perform(house, working(work), request())
    assert "中断" in last(house).record.summary
    go(house)  # and holds no lock


def test_a_form_that_cannot_be_made_leaves_a_record_that_says_so(house: Home) -> None:
    own = house.inventories / "templates"
    own.mkdir()
    (own / "record.docx").write_bytes(b"not a document")
    with pytest.raises(OpsError, match="模板"):
        go(house)
    assert last(house).record.outcome is Outcome.FAILED and "模板" in last(house).record.summary


def test_damaged_history_fails_in_words_and_damaged_evidence_does_not(house: Home) -> None:
    entry = go(house).entry
    for piece in entry.record.evidence:
        next((house.book / "blobs").rglob(f"{piece.digest}*")).unlink()
    assert go(house).entry.seq == entry.seq + 1
    (house.history / "history.sqlite").write_bytes(b"nonsense" * 1000)
    with pytest.raises(OpsError, match="可删除该文件"):
        go(house)
    assert last(house).record.outcome is Outcome.FAILED


def test_evidence_of_a_routine_is_kept_beside_its_findings(house: Home) -> None:
    def work(run: Run) -> Work:
        found = Finding("x", "localhost", "y", Status.WARN, "z")
        return Work(
            findings=[found],
            expected=1,
            topics=("disk",),
            pieces=[Piece(name="a.json", content=b"{}")],
            facts={"lines": 3},
        )

    record = perform(house, working(work), request()).entry.record
    assert [piece.name for piece in record.evidence] == [FINDINGS, "a.json"]
    assert record.facts["lines"] == 3 and record.outcome is Outcome.FINDINGS


def test_who_started_it_is_known_even_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    import getpass

    def nobody() -> str:
        raise KeyError("uid not found")

    monkeypatch.delenv("SUDO_USER", raising=False)
    monkeypatch.setattr(getpass, "getuser", nobody)
    assert "命令行" in user()


def test_a_run_that_fails_keeps_what_it_had_sent(house: Home) -> None:
    def work(run: Run) -> Work:
        with Access(Keyring(run.home)).noting("localhost", "ssh", "uptime"):
            raise OpsError("断了")

    with pytest.raises(OpsError):
        perform(house, working(work), request())
    record = last(house).record
    assert record.outcome is Outcome.FAILED
    (sent,) = operations.read(Book(house.book).read(record.evidence[0]))
    assert (sent.text, sent.failure) == ("uptime", "断了")
