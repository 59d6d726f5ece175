"""What the three forms about backups have in common. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tasks.model import Finding, Mode, Record, Status
from tasks.reports.daily import ORDER, attached, worst_first
from tasks.reports.form import Cell, Column, Form, Table
from tasks.texts import t


@dataclass(frozen=True, slots=True, kw_only=True)
class Common:
    """`done` of `expected`: items taken, proven, looked at. `titles`: of checks."""

    record: Record
    number: str
    header: Sequence[tuple[str, str]]
    findings: Sequence[Finding]
    titles: Mapping[str, str]
    done: int
    expected: int
    attachments: Mapping[str, bytes]


def form(kind: str, facts: Common, tables: Sequence[Table], *notes: str) -> Form:
    """`kind`: `taken`, `proof` or `check`, as the texts have it."""
    return Form(
        title=t(f"backup_forms.title_{kind}"),
        number=facts.number,
        verdict=verdict(kind, facts),
        header=facts.header,
        tiles=tiles(kind, facts),
        tables=[
            troubles(facts),
            *tables,
            attached(t("backup_forms.table_attachments"), facts.attachments),
        ],
        signatures=[t("reports.sign_run"), t("reports.sign_review"), t("reports.sign_client")],
        notes=[
            t("backup_forms.levels"),
            *notes,
            t("reports.made", at=f"{facts.record.ended_at:%Y-%m-%d %H:%M:%S}"),
        ],
        synthetic=facts.record.mode is not Mode.REAL,
    )


def counts(facts: Common) -> dict[Status, int]:
    new = [found.status for found in facts.findings if not found.known]
    return {status: new.count(status) for status in ORDER}


def verdict(kind: str, facts: Common) -> Cell:
    found = counts(facts)
    worst = next((status for status in ORDER if found[status]), Status.UNKNOWN)
    said = {"done": facts.done, "expected": facts.expected}
    text = t(f"backup_forms.verdict_{kind}", **said)
    if worst is not Status.OK:
        text += t("backup_forms.verdict_findings", **{str(status): found[status] for status in ORDER})
    return Cell(text, worst)


def tiles(kind: str, facts: Common) -> list[tuple[str, Cell]]:
    return [
        (t(f"backup_forms.tile_{kind}"), Cell(f"{facts.done}/{facts.expected}")),
        *(
            (t(f"reports.tile_{status}"), Cell(str(count), status if count else None))
            for status, count in counts(facts).items()
        ),
    ]


def table(key: str, rows: Sequence[Sequence[Cell]], *heads: tuple[str, int]) -> Table:
    columns = [Column(t(f"backup_forms.col_{name}"), weight) for name, weight in heads]
    return Table(t(f"backup_forms.table_{key}"), columns, rows, t(f"backup_forms.no_{key}"))


def troubles(facts: Common) -> Table:
    rows = [
        [
            Cell(found.target),
            Cell(facts.titles.get(found.check, found.check)),
            Cell(found.subject),
            Cell(f"{found.summary} {found.known}".strip()),
            Cell(t(f"reports.{found.status}"), found.status),
            Cell(found.advice),
            Cell(""),
        ]
        for found in worst_first(facts.findings)
        if found.status is not Status.OK
    ]
    heads = (("target", 3), ("what", 2), ("subject", 3), ("seen", 6), ("status", 2), ("advice", 5))
    return table("troubles", rows, *heads, ("handled", 2))
