"""What people decide about findings, and how long it holds."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from tasks import clock
from tasks.history import History
from tasks.history.decisions import Acknowledged, acknowledgement, approval, with_known
from tasks.model import Finding, Mark, Status
from tasks.records import Book
from tests.unit.history.test_history import add, book, seen

__all__ = ["book"]
DAY = date(2026, 11, 20)
KNOWN = Acknowledged("host", "linux.disk", "/", Status.WARN, "等扩容", DAY, "甲")


@pytest.mark.parametrize(
    ("found", "today", "known"),
    [
        (seen(85, status=Status.WARN), DAY, True),
        (seen(85, status=Status.WARN), date(2026, 11, 21), False),
        (seen(95, status=Status.FAIL), DAY, False),
        (seen(10, status=Status.OK), DAY, False),
        (seen(0, status=Status.UNKNOWN), DAY, False),
        (seen(85, "/data", status=Status.WARN), DAY, False),
        (seen(85, target="other", status=Status.WARN), DAY, False),
    ],
)
def test_known_until_its_day_and_while_no_worse(found: Finding, today: date, known: bool) -> None:
    (marked,) = with_known([found], [KNOWN], today)
    assert bool(marked.known) == known
    assert replace(marked, known="") == found
    unseen = replace(KNOWN, status=Status.FAIL)
    assert not with_known([seen(0, status=Status.UNKNOWN)], [unseen], DAY)[0].known


def test_marks_stay_until_there_are_others(book: Book, tmp_path: Path) -> None:
    history = History(tmp_path)
    add(book, 0, replace(seen(1), marks=(Mark("offset", "10"), Mark("inode", "7"))))
    add(book, 1, seen(0, status=Status.UNKNOWN))
    history.catch_up(book, "local")
    assert history.marks("local") == {"host": {"linux.disk": {"offset": "10", "inode": "7"}}}
    add(book, 2, replace(seen(1), marks=(Mark("offset", "20"),)))
    history.catch_up(book, "local")
    assert history.before("local")("linux.disk", "host").marks == {"offset": "20", "inode": "7"}


def test_the_last_decision_counts_and_a_rebuild_gives_the_same(book: Book, tmp_path: Path) -> None:
    for text in ("a\nb", "a\n中"):
        sets = {"host": {"linux.ports": {"ports": text}}}
        book.append(approval("local", sets, "甲", "核对", clock.now()))
    for reason in ("一", "二"):
        book.append(acknowledgement("local", replace(KNOWN, reason=reason), clock.now()))
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        history = History(tmp_path / name)
        history.catch_up(book, "local")
        assert history.acknowledged("local") == [replace(KNOWN, reason="二")]
        approved = history.before("local")("linux.ports", "host").approved
        assert approved == {"ports": frozenset({"a", "中"})}
