"""The monthly analysis of databases: advice with its numbers, forecasts, availability, metrics. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.model import Mode, Record, Status
from tasks.reports.availability import Line
from tasks.reports.availability import lines as availability_lines
from tasks.reports.form import Cell, Column, Form, Picture, Table
from tasks.texts import t


@dataclass(frozen=True, slots=True)
class Row:
    """A metric in words; `advice` only where it is out of bounds, `note` where nothing can be said."""

    database: str
    metric: str
    subject: str
    of: str
    value: str
    before: str
    between: str
    limit: str
    count: str
    cited: str = ""
    advice: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Filling:
    database: str
    check: str
    subject: str
    forecast: str


@dataclass(frozen=True, slots=True)
class Facts:
    record: Record
    number: str
    header: Sequence[tuple[str, str]]
    databases: int
    rows: Sequence[Row]
    unmeasured: Sequence[str]
    filling: Sequence[Filling]
    available: Sequence[Line]
    pictures: Sequence[Picture]
    days: int


def build(facts: Facts) -> Form:
    advised = [row for row in facts.rows if row.advice]
    return Form(
        title=t("tuning.form_title"),
        number=facts.number,
        verdict=verdict(facts, advised),
        header=facts.header,
        tiles=tiles(facts, advised),
        tables=[
            advice(advised),
            filling(facts.filling),
            available(facts.available),
            metrics(facts.rows),
            unmeasured(facts.unmeasured),
        ],
        signatures=[t("reports.sign_run"), t("reports.sign_review"), t("reports.sign_client")],
        notes=[
            t("tuning.method", days=facts.days),
            t("availability.method"),
            t("reports.made", at=f"{facts.record.ended_at:%Y-%m-%d %H:%M:%S}"),
        ],
        synthetic=facts.record.mode is not Mode.REAL,
        pictures=facts.pictures,
    )


def verdict(facts: Facts, advised: Sequence[Row]) -> Cell:
    databases = len({row.database for row in advised})
    measured = facts.databases - len(facts.unmeasured)
    text = (
        t("tuning.verdict_some", databases=databases, advice=len(advised))
        if advised
        else t("tuning.verdict_none", measured=measured)
    )
    status = Status.WARN if advised else Status.OK
    if facts.unmeasured:
        text += t("tuning.verdict_unmeasured", count=len(facts.unmeasured))
        status = Status.UNKNOWN
    return Cell(text, status)


def tiles(facts: Facts, advised: Sequence[Row]) -> list[tuple[str, Cell]]:
    broken = sum(line.times > 0 for line in facts.available)
    return [
        (t("tuning.tile_databases"), Cell(f"{facts.databases - len(facts.unmeasured)}/{facts.databases}")),
        (t("tuning.tile_advice"), Cell(str(len(advised)), Status.WARN if advised else Status.OK)),
        (t("tuning.tile_filling"), Cell(str(len(facts.filling)))),
        (t("tuning.tile_outages"), Cell(str(broken))),
    ]


def table(key: str, rows: Sequence[Sequence[Cell]], *heads: tuple[str, int]) -> Table:
    columns = [Column(t(f"tuning.col_{name}"), weight) for name, weight in heads]
    return Table(t(f"tuning.table_{key}"), columns, rows, t(f"tuning.no_{key}"))


def advice(advised: Sequence[Row]) -> Table:
    rows = [[Cell(row.database), Cell(row.cited, Status.WARN), Cell(row.advice), Cell("")] for row in advised]
    return table("advice", rows, ("database", 2), ("basis", 5), ("advice", 6), ("decided", 2))


def filling(found: Sequence[Filling]) -> Table:
    rows = [[Cell(one.database), Cell(one.check), Cell(one.subject), Cell(one.forecast)] for one in found]
    return table("filling", rows, ("database", 2), ("metric", 2), ("subject", 3), ("filling", 7))


def available(found: Sequence[Line]) -> Table:
    return availability_lines(t("tuning.table_available"), found)


def metrics(found: Sequence[Row]) -> Table:
    rows = [
        [
            Cell(row.database),
            Cell(row.metric),
            Cell(row.subject),
            Cell(row.of),
            Cell(row.value, Status.WARN if row.advice else Status.UNKNOWN if row.note else None),
            Cell(row.before),
            Cell(row.between),
            Cell(row.limit),
            Cell(f"{row.count} {row.note}".strip()),
        ]
        for row in found
    ]
    heads = (("database", 3), ("metric", 3), ("subject", 3), ("of", 2), ("value", 2), ("before", 2))
    return table("metrics", rows, *heads, ("range", 3), ("limit", 2), ("count", 3))


def unmeasured(names: Sequence[str]) -> Table:
    rows = [[Cell(name), Cell(t("tuning.nothing"), Status.UNKNOWN)] for name in names]
    return table("unmeasured", rows, ("database", 2), ("basis", 5))
