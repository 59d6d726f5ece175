"""The availability statement of a period: figures, outages, and when nobody looked. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tasks.model import Mode, Record, Status
from tasks.reports.form import Cell, Column, Form, Table
from tasks.texts import listed, t

SHOWN = 300


@dataclass(frozen=True, slots=True)
class Line:
    """One target, one part or everything, its times in words. Figures are percent; None: never watched."""

    name: str
    kind: str
    raw: float | None
    excepted: float | None
    watched: float
    down: str
    planned: str
    unknown: str
    times: int
    ms: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class Broken:
    target: str
    start: datetime
    end: datetime
    lasted: str
    planned: str
    reason: str


@dataclass(frozen=True, slots=True)
class Promise:
    """What the contract asks, and what came of it."""

    title: str
    value: float | None
    at_least: float | None
    basis: str
    status: Status


@dataclass(frozen=True, slots=True)
class Facts:
    record: Record
    number: str
    header: Sequence[tuple[str, str]]
    promises: Sequence[Promise]
    parts: Sequence[Line]
    targets: Sequence[Line]
    outages: Sequence[Broken]
    notes: Sequence[str] = field(default_factory=tuple)


def build(facts: Facts) -> Form:
    return Form(
        title=t("availability.form_title"),
        number=facts.number,
        verdict=verdict(facts.promises, facts.targets),
        header=facts.header,
        tiles=[(one.title, Cell(percent(one.value), one.status)) for one in facts.promises],
        tables=[
            promises(facts.promises),
            lines(t("availability.by_part"), facts.parts),
            outages(facts.outages),
            lines(t("availability.by_target"), facts.targets),
        ],
        signatures=[t("reports.sign_run"), t("reports.sign_review"), t("reports.sign_client")],
        notes=[
            *facts.notes,
            t("availability.method"),
            t("reports.made", at=f"{facts.record.ended_at:%Y-%m-%d %H:%M:%S}"),
        ],
        synthetic=facts.record.mode is not Mode.REAL,
    )


def verdict(made: Sequence[Promise], targets: Sequence[Line]) -> Cell:
    bad = [one for one in made if one.status is not Status.OK]
    if made:
        worst = Status.worst(one.status for one in made)
        words = listed(f"{one.title} {t(f'availability.kept_{one.status}')}" for one in bad or made)
        return Cell(words, worst)
    broken = sum(one.times > 0 for one in targets)
    text = t("availability.no_promise", targets=len(targets), broken=broken)
    return Cell(text, Status.WARN if broken else Status.OK)


def percent(value: float | None) -> str:
    """Never rounded up to a hundred."""
    if value is None:
        return "—"
    return f"{value:.0f}%" if value == 100 else f"{min(value, 99.9999):.4f}%"


def promises(made: Sequence[Promise]) -> Table:
    rows = [
        [
            Cell(one.title),
            Cell(t(f"availability.basis_{one.basis.replace('-', '_')}")),
            Cell(percent(one.value)),
            Cell(f"≥ {one.at_least:g}%" if one.at_least is not None else "—"),
            Cell(t(f"availability.kept_{one.status}"), one.status),
        ]
        for one in made
    ]
    return Table(
        t("availability.promises"),
        heads(("promise", 4), ("basis", 3), ("figure", 2), ("at_least", 2), ("verdict", 3)),
        rows,
        t("availability.no_promises"),
    )


def heads(*keys: tuple[str, int]) -> list[Column]:
    return [Column(t(f"availability.col_{key}"), weight) for key, weight in keys]


def lines(title: str, found: Sequence[Line]) -> Table:
    rows = [
        [
            Cell(one.name),
            Cell(one.kind),
            Cell(percent(one.raw), Status.WARN if one.times else None),
            Cell(percent(one.excepted)),
            Cell(str(one.times)),
            Cell(one.down),
            Cell(one.planned),
            Cell(one.unknown, Status.UNKNOWN if one.watched < 100 else None),
            Cell(f"{one.ms[0]} / {one.ms[1]}" if one.ms[1] else "—"),
        ]
        for one in found
    ]
    keys = (("target", 3), ("kind", 2), ("raw", 2), ("excepted", 2), ("times", 1))
    more = (("down", 2), ("planned", 2), ("unknown", 2), ("ms", 2))
    return Table(title, heads(*keys, *more), rows, t("availability.nothing"))


def outages(found: Sequence[Broken]) -> Table:
    rows = [
        [
            Cell(one.target),
            Cell(f"{one.start:%Y-%m-%d %H:%M:%S}"),
            Cell(f"{one.end:%Y-%m-%d %H:%M:%S}"),
            Cell(one.lasted),
            Cell(one.planned),
            Cell(one.reason),
        ]
        for one in found[:SHOWN]
    ]
    keys = (("target", 3), ("start", 3), ("end", 3), ("lasted", 2), ("planned", 2), ("reason", 5))
    return Table(
        t("availability.outages", count=len(found)), heads(*keys), rows, t("availability.no_outages")
    )
