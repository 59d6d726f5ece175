"""From looks to stretches of time: outages as they were, gaps of ours as nobody's knowledge."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.availability.changes import Change, following, record, span_text
from tasks.availability.figures import figure, figures
from tasks.availability.probe import Look, State
from tasks.availability.samples import Round, Samples, read
from tasks.availability.spans import Span, Watched, unwatched, watched
from tasks.availability.spans import read as read_spans
from tasks.availability.spans import write as write_spans
from tasks.availability.stops import Stop
from tasks.model import Mode, Outcome, Status

START = datetime.fromisoformat("2026-11-21T00:00:00+08:00")
EVERY = timedelta(minutes=5)
DAY = timedelta(days=1)
UP, DOWN, UNKNOWN = (
    Look(State.UP, 12),
    Look(State.DOWN, reason="连接被拒绝"),
    Look(State.UNKNOWN, reason="口令"),
)
LOOKS = {"u": UP, "d": DOWN, "?": UNKNOWN}


def rounds(said: str, start: datetime = START) -> list[Round]:
    """A letter a round: up, down, unknown; a dot where we ourselves were not there."""
    found: list[Round] = []
    for i, letter in enumerate(said):
        if letter != ".":
            one = Round(start + i * EVERY, EVERY, {"db": LOOKS[letter]})
            found.append(following(found[-1] if found else None, one)[0])
    return found


def spans(said: str) -> list[tuple[str, int]]:
    """(state, minutes) of each span."""
    seen = rounds(said)
    its = watched(seen, ["db"], START, START + len(said) * EVERY)["db"].spans
    return [(str(one.state), one.length // timedelta(minutes=1)) for one in its]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("uuuu", [("up", 20)]),
        ("uudduu", [("up", 10), ("down", 10), ("up", 10)]),
        ("uu.uu", [("up", 25)]),  # one round missed: what it last saw still holds
        ("uu....uu", [("up", 15), ("unknown", 15), ("up", 10)]),
        ("ud...du", [("up", 5), ("down", 10), ("unknown", 10), ("down", 5), ("up", 5)]),
        ("u??u", [("up", 5), ("unknown", 10), ("up", 5)]),
        ("...uu", [("unknown", 15), ("up", 10)]),
        (".....", [("unknown", 25)]),
    ],
)
def test_stretches(said: str, expected: list[tuple[str, int]]) -> None:
    assert spans(said) == expected


letters = st.text(alphabet="uud?.", max_size=80)


@settings(max_examples=200, deadline=None)
@given(letters)
def test_time_is_neither_lost_nor_counted_twice(said: str) -> None:
    seen, end = rounds(said), START + DAY
    its = watched(seen, ["db"], START, end)["db"]
    assert its.spans[0].start == START and its.spans[-1].end == end
    assert all(one.end == other.start for one, other in zip(its.spans, its.spans[1:], strict=False))
    assert all(one.state is not other.state for one, other in zip(its.spans, its.spans[1:], strict=False))
    assert sum((one.length for one in its.spans), timedelta(0)) == DAY
    found = figure("db", [its])
    assert found.up + found.down + found.unknown == DAY
    assert read_spans(write_spans({"db": its})) == {"db": its}
    gaps = unwatched(seen, START, end)
    assert sum((gap.length for gap in gaps), timedelta(0)) <= found.unknown


@settings(max_examples=200, deadline=None)
@given(letters)
def test_every_return_has_its_outage_and_none_is_told_twice(said: str) -> None:
    before, open_since = None, None
    for one in rounds(said):
        before, changes = following(before, Round(one.at, EVERY, one.looks))
        for change in changes:
            if change.end is None:
                assert open_since is None
                open_since = change.start
            else:
                assert change.start == open_since and change.end > change.start
                open_since = None
    assert before is None or bool(before.open) == (open_since is not None)


@settings(max_examples=100, deadline=None)
@given(letters, st.binary(max_size=20))
def test_lines_are_read_as_they_were_written_and_a_cut_one_is_no_round(said: str, rest: bytes) -> None:
    seen = rounds(said)
    written = "".join(one.line() for one in seen).encode()
    assert read(written) == seen
    assert read(written[:-3]) == seen[:-1]
    assert [one for one in read(rest.replace(b"{", b"") + b"\n" + written) if one in seen] == seen


def test_after_a_cut_line_the_next_one_is_whole(tmp_path: Path) -> None:
    samples = Samples(tmp_path)
    first, second, third = rounds("udu")
    samples.append(first)
    path = samples.path(START.date())
    path.write_bytes(path.read_bytes() + b'{"at":"2026-11-21T00:0')
    samples.append(second)
    samples.append(third)
    assert read(samples.content(START.date())) == [first, second, third]
    assert samples.last() == third and samples.days() == [START.date()]


def test_what_is_down_over_midnight_is_one_outage() -> None:
    late = rounds("uuuddd", START + DAY - 6 * EVERY)
    early = rounds("dddu", START + DAY)
    first = watched(late, ["db"], START + DAY - 6 * EVERY, START + DAY)
    second = watched([*late[-1:], *early], ["db"], START + DAY, START + DAY + 4 * EVERY)
    found = figures([first, second])["db"]
    assert [one.span.length for one in found.outages] == [6 * EVERY]
    assert found.raw == pytest.approx(100 * 4 / 10)


def down(start: int, minutes: int) -> Watched:
    """A day with one outage, so many minutes after its midnight."""
    begin, end = START + timedelta(minutes=start), START + timedelta(minutes=start + minutes)
    return Watched(
        (Span(State.UP, START, begin), Span(State.DOWN, begin, end), Span(State.UP, end, START + DAY))
    )


def stop(start: int, end: int, recorded: int, target: str = "db") -> Stop:
    at = [START + timedelta(minutes=minutes) for minutes in (start, end, recorded)]
    return Stop((target,), at[0], at[1], "打补丁", "甲", at[2])


@pytest.mark.parametrize(
    ("known", "planned"),
    [
        ([stop(120, 180, 60)], 30),
        ([stop(120, 180, 130)], 30),  # recorded in its window, and before the stop itself
        ([stop(120, 180, 141)], 0),  # the stop is older than its record
        ([stop(150, 180, 60)], 20),  # it began before its window
        ([stop(120, 155, 60), stop(145, 160, 60)], 20),  # two that overlap count once
        ([stop(120, 180, 60, "other")], 0),
        ([stop(200, 300, 60)], 0),
    ],
)
def test_a_stop_is_planned_only_if_its_record_is_older(known: list[Stop], planned: int) -> None:
    found = figure("db", [down(140, 30)], known)
    assert found.planned == timedelta(minutes=planned) and found.down == timedelta(minutes=30)
    assert found.raw == pytest.approx(100 * 1410 / 1440)
    assert found.excepted == pytest.approx(100 * (1410 + planned) / 1440)
    assert found.verdict(99.9, "raw") is Status.FAIL
    kept = found.verdict(99.9, "planned-excepted")
    assert kept is (Status.OK if planned == 30 else Status.FAIL)


def test_what_nobody_watched_decides_where_it_could_have_tipped_the_scales() -> None:
    def with_gap(minutes: int) -> Watched:
        until = START + timedelta(minutes=minutes)
        return Watched((Span(State.UNKNOWN, START, until), Span(State.UP, until, START + DAY)))

    assert figure("db", [with_gap(1)]).verdict(99.9, "raw") is Status.OK
    assert figure("db", [with_gap(2)]).verdict(99.9, "raw") is Status.UNKNOWN
    assert figure("db", [with_gap(2)]).raw == 100
    assert figure("db", [with_gap(1440)]).raw is None
    assert figure("db", [with_gap(1440)]).verdict(1, "raw") is Status.UNKNOWN


def test_a_change_is_a_record_with_start_end_and_reason() -> None:
    change = Change("db", START, "连接被拒绝", START + timedelta(hours=1, seconds=5))
    made = record("local", Mode.REAL, change)
    assert (made.facts["seconds"], made.facts["event"], made.outcome) == (3605, "up", Outcome.NOTED)
    assert "1 小时5 秒" in made.summary and "连接被拒绝" in made.summary
    begun = record("local", Mode.LAB, Change("db", START, "连接被拒绝"))
    assert (begun.facts["event"], begun.outcome, begun.mode) == ("down", Outcome.FINDINGS, Mode.LAB)
    assert span_text(timedelta(0)) == "0 秒"
