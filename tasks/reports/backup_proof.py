"""The record of what backups are worth: restored apart from everything, compared, cleared away. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.model import Status
from tasks.reports.backup_parts import Common, form, table
from tasks.reports.form import Cell, Form, Table
from tasks.texts import t


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One backup's proof in words. `steps`: (after so many seconds, what was said)."""

    target: str
    name: str
    sm3: str
    where: str
    asked: str
    level: str
    status: Status
    result: str
    compared: str
    took: str
    rto: str
    point: str
    age: str
    rpo: str
    cleared: str
    steps: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts(Common):
    rows: Sequence[Row]


def build(facts: Facts) -> Form:
    tables = [proofs(facts.rows), checks(facts.rows), times(facts.rows), steps(facts.rows)]
    return form("proof", facts, tables, t("backup_forms.by_people"))


def proofs(rows: Sequence[Row]) -> Table:
    lines = [
        [
            Cell(row.target),
            Cell(row.name),
            Cell(row.sm3),
            Cell(row.asked),
            Cell(row.level, row.status),
            Cell(row.result, row.status),
        ]
        for row in rows
    ]
    heads = (("target", 3), ("name", 4), ("sm3", 5), ("asked", 2), ("reached", 3), ("result", 5))
    return table("proofs", lines, *heads)


def checks(rows: Sequence[Row]) -> Table:
    lines = [
        [
            Cell(row.name),
            Cell(row.where),
            Cell(row.compared),
            Cell(t("reports.blank")),
            Cell(row.cleared),
        ]
        for row in rows
    ]
    return table("checks", lines, ("name", 4), ("where", 5), ("compared", 4), ("login", 2), ("cleared", 3))


def times(rows: Sequence[Row]) -> Table:
    lines = [
        [
            Cell(row.name),
            Cell(row.took),
            Cell(row.rto),
            Cell(row.point),
            Cell(row.age),
            Cell(row.rpo),
        ]
        for row in rows
    ]
    heads = (("name", 4), ("took", 2), ("rto", 3), ("point", 4), ("age", 2), ("rpo", 3))
    return table("times", lines, *heads)


def steps(rows: Sequence[Row]) -> Table:
    lines = [[Cell(row.name), Cell(after), Cell(said)] for row in rows for after, said in row.steps]
    return table("steps", lines, ("name", 3), ("after", 1), ("step", 5))
