"""The work log of a period: who did what, when, for how long, with what result. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from tasks.model import Mode, Outcome, Record, Status
from tasks.reports.daily import attached
from tasks.reports.form import Cell, Column, Form, Table
from tasks.reports.sheets import Sheet
from tasks.texts import t

COLUMNS = (
    ("seq", 2),
    ("when", 3),
    ("what", 6),
    ("clause", 4),
    ("who", 3),
    ("lasted", 2),
    ("result", 9),
    ("outcome", 2),
    ("attachments", 2),
    ("entered", 3),
)
COLOURS = {Outcome.FAILED: Status.FAIL, Outcome.FINDINGS: Status.WARN, Outcome.OK: Status.OK}
# An entry made later than this after the work says so by its colour.
LATE = timedelta(days=1)
# Of a day with more than so many items of one kind, the same ones stand together.
MOST = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    seq: int
    what: str
    clause: str
    who: str
    started_at: datetime
    lasted: timedelta
    entered_at: datetime
    result: str
    outcome: Outcome
    attachments: int
    by_hand: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    record: Record
    number: str
    header: Sequence[tuple[str, str]]
    items: Sequence[Item]
    attachments: Mapping[str, bytes]


def build(facts: Facts) -> Form:
    short = len(facts.items) > MOST
    return Form(
        title=t("worklog.form_title"),
        number=facts.number,
        verdict=Cell(summary(facts.items), Status.OK if facts.items else Status.UNKNOWN),
        header=facts.header,
        tiles=tiles(facts.items),
        tables=[
            *(days(facts.items) if not short else []),
            kinds(facts.items),
            attached(t("worklog.table_attachments"), facts.attachments),
        ],
        signatures=[t("reports.sign_run"), t("reports.sign_review"), t("reports.sign_client")],
        notes=[
            t("worklog.note"),
            *([t("worklog.note_short", most=MOST)] if short else []),
            t("reports.made", at=f"{facts.record.ended_at:%Y-%m-%d %H:%M:%S}"),
        ],
        synthetic=facts.record.mode is not Mode.REAL,
    )


def summary(items: Sequence[Item]) -> str:
    by_hand = sum(one.by_hand for one in items)
    return t("worklog.summary", count=len(items), auto=len(items) - by_hand, by_hand=by_hand)


def tiles(items: Sequence[Item]) -> list[tuple[str, Cell]]:
    people = {one.who for one in items if one.by_hand}
    worked = sum((one.lasted for one in items if one.by_hand), timedelta(0))
    return [
        (t("worklog.tile_items"), Cell(str(len(items)))),
        (t("worklog.tile_days"), Cell(str(len({one.started_at.date() for one in items})))),
        (t("worklog.tile_by_hand"), Cell(str(sum(one.by_hand for one in items)))),
        (t("worklog.tile_people"), Cell(str(len(people)))),
        (t("worklog.tile_hours"), Cell(f"{worked / timedelta(hours=1):.1f}")),
    ]


def days(items: Sequence[Item]) -> list[Table]:
    columns = [Column(t(f"worklog.col_{name}"), weight) for name, weight in COLUMNS]
    made = [
        Table(t("worklog.day", day=day), columns, [cells(one) for one in of_day])
        for day, of_day in groupby(items, key=lambda one: one.started_at.date())
    ]
    return made or [Table(t("worklog.table_items"), columns, [], t("worklog.none"))]


def cells(one: Item) -> list[Cell]:
    late = one.by_hand and one.entered_at - one.started_at - one.lasted > LATE
    return [
        Cell(str(one.seq)),
        Cell(f"{one.started_at:%H:%M}"),
        Cell(one.what),
        Cell(one.clause or "—"),
        Cell(one.who),
        Cell(lasted(one.lasted)),
        Cell(one.result),
        Cell(t(f"records.outcome_{one.outcome}"), COLOURS.get(one.outcome)),
        Cell(str(one.attachments)),
        Cell(f"{one.entered_at:%m-%d %H:%M}", Status.WARN if late else None),
    ]


def lasted(span: timedelta) -> str:
    if span < timedelta(minutes=1):
        return t("worklog.seconds", count=span // timedelta(seconds=1))
    return t("worklog.minutes", count=span // timedelta(minutes=1))


def kinds(items: Sequence[Item]) -> Table:
    """How often each thing was done: what a year's log is read for."""
    found: dict[str, list[Item]] = {}
    for one in items:
        found.setdefault(one.what, []).append(one)
    rows = [
        [
            Cell(what),
            Cell(str(len(same))),
            Cell(f"{same[0].started_at:%Y-%m-%d}"),
            Cell(f"{same[-1].started_at:%Y-%m-%d}"),
        ]
        for what, same in sorted(found.items(), key=lambda one: -len(one[1]))
    ]
    heads = [
        Column(t(f"worklog.col_{name}"), n)
        for name, n in (("what", 8), ("count", 2), ("first", 3), ("last", 3))
    ]
    return Table(t("worklog.table_kinds"), heads, rows, t("worklog.none"))


def sheet(items: Sequence[Item]) -> Sheet:
    names = [name for name, _ in COLUMNS]
    rows = [
        [
            str(one.seq),
            f"{one.started_at:%Y-%m-%d %H:%M}",
            one.what,
            one.clause,
            one.who,
            lasted(one.lasted),
            one.result,
            t(f"records.outcome_{one.outcome}"),
            str(one.attachments),
            f"{one.entered_at:%Y-%m-%d %H:%M}",
        ]
        for one in items
    ]
    return Sheet(t("worklog.form_title"), [t(f"worklog.col_{name}") for name in names], rows)
