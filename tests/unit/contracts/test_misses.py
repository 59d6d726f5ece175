"""Plan compared with book: every miss and every lateness once, whatever order things happen in."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.calendar.plans import Plan
from tasks.contracts.misses import missing
from tasks.model import Outcome, Record
from tasks.records import Entry

START = datetime.fromisoformat("2026-11-01T08:30:00+08:00")
HOUR = timedelta(hours=1)


def plan(n: int, routine: str = "inspection") -> Plan:
    due = START + n * 6 * HOUR
    return Plan(
        id=f"local/{routine}/{n}",
        contract="local",
        routine=routine,
        title="",
        due_at=due,
        late_after=HOUR / 2,
        give_up_after=4 * HOUR,
        only=(),
        unpublished=False,
    )


def entry(record: Record, seq: int) -> Entry:
    return Entry(seq, record, record.ended_at, "", "", {})


def done(of: Plan, started: datetime, outcome: Outcome = Outcome.OK) -> Record:
    return Record(
        contract="local",
        routine=of.routine,
        title="…",
        started_at=started,
        ended_at=started,
        started_by="…",
        outcome=outcome,
        plan_id=of.id,
    )


def entries(records: Sequence[Record]) -> list[Entry]:
    return [entry(record, seq) for seq, record in enumerate(records, 1)]


def test_on_time_late_missed_and_not_yet_given_up() -> None:
    plans = [plan(n) for n in range(4)]
    records = [done(plans[0], plans[0].due_at), done(plans[1], plans[1].due_at + HOUR, Outcome.FAILED)]
    now = plans[3].due_at + HOUR
    late, missed = missing(plans, entries(records), now)
    assert (late.outcome, late.plan_id, late.facts["late_minutes"]) == (Outcome.LATE, plans[1].id, 60)
    assert (missed.outcome, missed.plan_id, missed.planned_at) == (
        Outcome.MISSED,
        plans[2].id,
        plans[2].due_at,
    )
    assert "60 分钟" in late.summary


def test_to_the_second() -> None:
    one = plan(0)
    assert not missing([one], entries([done(one, one.late_at)]), one.given_up_at)
    assert missing([one], entries([done(one, one.late_at + timedelta(seconds=1))]), one.given_up_at)
    assert not missing([one], [], one.given_up_at)
    assert missing([one], [], one.given_up_at + timedelta(seconds=1))


def test_a_miss_of_an_older_book_is_not_noted_again_after_a_late_start() -> None:
    """Given up, noted as missed, and somebody ran it by hand for the same plan afterwards."""
    one = plan(0)
    now = one.given_up_at + HOUR
    noted = missing([one], [], now)
    assert not missing([one], entries([*noted, done(one, now)]), now + HOUR)


steps = st.lists(
    st.tuples(
        st.integers(0, 7),  # which plan
        st.integers(0, 600),  # minutes after due it was run
        st.sampled_from([Outcome.OK, Outcome.FINDINGS, Outcome.FAILED]),
        st.integers(0, 100),  # hours on the clock when plan and book are compared
        st.booleans(),  # the routine runs at that moment
    ),
    max_size=12,
)


@settings(max_examples=200, deadline=None)
@given(steps)
def test_each_plan_is_noted_at_most_once_and_in_the_end_rightly(
    taken: list[tuple[int, int, Outcome, int, bool]],
) -> None:
    plans = [plan(n, "inspection" if n % 2 else "backup") for n in range(8)]
    records: list[Record] = []
    for n, minutes, outcome, hours, busy in taken:
        records.append(done(plans[n], plans[n].due_at + timedelta(minutes=minutes), outcome))
        now = START + hours * HOUR
        running = frozenset({"backup"}) if busy else frozenset()
        noted = missing(plans, entries(records), now, running)
        assert not busy or all("backup" not in record.plan_id for record in noted)
        assert all(record.planned_at <= now for record in noted if record.outcome is Outcome.MISSED)
        records += noted
        assert not missing(plans, entries(records), now, running), "a second comparison finds nothing"
    records += missing(plans, entries(records), START + 1000 * HOUR)
    for one in plans:
        about = [record for record in records if record.plan_id == one.id]
        noted = [record for record in about if record.outcome in (Outcome.MISSED, Outcome.LATE)]
        ran = [record for record in about if record not in noted]
        assert len(noted) <= 1
        assert ran or noted[0].outcome is Outcome.MISSED
        on_time = ran and about.index(ran[0]) == 0 and ran[0].started_at <= one.late_at
        assert bool(noted) or on_time
