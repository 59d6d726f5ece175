"""The record of how the plan of backups was kept. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.model import Status
from tasks.reports.backup_parts import Common, form, table
from tasks.reports.form import Cell, Form, Table
from tasks.texts import t


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One item in words: what was due, what there is, how far it is proven, where its copies are."""

    target: str
    policy: str
    plan: str
    last: str
    level: str
    proof: str
    copies: str
    status: Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts(Common):
    rows: Sequence[Row]


def build(facts: Facts) -> Form:
    return form("check", facts, [looked(facts.rows)], t("backup_forms.check_basis"))


def looked(rows: Sequence[Row]) -> Table:
    lines = [
        [
            Cell(row.target),
            Cell(row.policy),
            Cell(row.plan),
            Cell(row.last),
            Cell(row.level),
            Cell(row.proof),
            Cell(row.copies),
            Cell(t(f"reports.{row.status}"), row.status),
        ]
        for row in rows
    ]
    heads = (("target", 3), ("policy", 4), ("plan", 4), ("last", 4), ("level", 2), ("proof", 4))
    return table("looked", lines, *heads, ("where_copies", 4), ("status", 2))
