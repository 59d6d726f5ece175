"""The record of backups: what was taken when, where it lies, how far it was checked. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.model import Status
from tasks.reports.backup_parts import Common, form, table
from tasks.reports.form import Cell, Form, Table
from tasks.texts import t


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A complete backup in words. `sm3`: of its manifest."""

    name: str
    medium: str
    copies: str
    keep: str
    protection: str
    level: str
    point: str
    sm3: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One item in words; `stored` where a backup came of it."""

    target: str
    policy: str
    kind: str
    times: str
    size: str
    status: Status
    result: str
    stored: Stored | None = None
    log: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts(Common):
    """`removed`: what retention took away, each with its reason."""

    rows: Sequence[Row]
    removed: Sequence[tuple[str, str]]


def build(facts: Facts) -> Form:
    tables = [items(facts.rows), stored(facts.rows), removed(facts.removed), logs(facts.rows)]
    return form("taken", facts, tables, t("backup_forms.taken_is_not_proven"))


def items(rows: Sequence[Row]) -> Table:
    lines = [
        [
            Cell(row.target),
            Cell(row.policy),
            Cell(row.kind),
            Cell(row.times),
            Cell(row.size),
            Cell(row.result, row.status),
        ]
        for row in rows
    ]
    heads = (("target", 3), ("policy", 5), ("kind", 2), ("times", 4), ("size", 4), ("result", 4))
    return table("items", lines, *heads)


def stored(rows: Sequence[Row]) -> Table:
    lines = [
        [
            Cell(one.name),
            Cell(one.medium),
            Cell(one.copies),
            Cell(one.keep),
            Cell(one.protection),
            Cell(one.level),
            Cell(one.point),
            Cell(one.sm3),
        ]
        for row in rows
        if (one := row.stored)
    ]
    heads = (("name", 4), ("medium", 3), ("copies", 3), ("keep", 3), ("protection", 2), ("level", 3))
    return table("stored", lines, *heads, ("point", 3), ("sm3", 5))


def removed(found: Sequence[tuple[str, str]]) -> Table:
    return table("removed", [[Cell(name), Cell(why)] for name, why in found], ("name", 4), ("why", 5))


def logs(rows: Sequence[Row]) -> Table:
    lines = [[Cell(row.target), Cell(said)] for row in rows for said in row.log]
    return table("logs", lines, ("target", 1), ("log", 5))
