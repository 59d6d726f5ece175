"""The record of services started and stopped: on what grounds, in which order, how each stood. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tasks.model import Finding, Mode, Record, Status
from tasks.playbooks import Holds, Seen
from tasks.playbooks.runner import End, Result
from tasks.playbooks.schema import Playbook
from tasks.playbooks.told import STANDING, Told
from tasks.reports.daily import ORDER, attached
from tasks.reports.form import Cell, Column, Form, Table
from tasks.texts import listed, t


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One playbook of the run."""

    playbook: Playbook
    result: Result
    moves: Sequence[Told]
    approved_by: Sequence[str] = ()
    digest: str = ""
    resumed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    record: Record
    number: str
    header: Sequence[tuple[str, str]]
    parts: Sequence[Part]
    findings: Sequence[Finding]
    attachments: Mapping[str, bytes]


ENDS = {
    End.DONE: Status.OK,
    End.REHEARSED: Status.OK,
    End.UNDONE: Status.WARN,
    End.NO_GO: Status.FAIL,
    End.STOPPED: Status.FAIL,
}


def build(facts: Facts) -> Form:
    record = facts.record
    return Form(
        title=t("service.form_title"),
        number=facts.number,
        verdict=verdict(facts),
        header=facts.header,
        tiles=tiles(facts),
        tables=[
            troubles(facts.findings),
            *(one for part in facts.parts for one in tables(part)),
            attached(t("service.table_attachments"), facts.attachments),
        ],
        signatures=[t("service.sign_run"), t("service.sign_review"), t("service.sign_confirm")],
        notes=[*notes(facts), t("reports.made", at=f"{record.ended_at:%Y-%m-%d %H:%M:%S}")],
        synthetic=record.mode is not Mode.REAL,
    )


def verdict(facts: Facts) -> Cell:
    said = [
        t("service.verdict", title=part.playbook.title, end=t(f"service.end_{part.result.end}"))
        for part in facts.parts
    ]
    worst = Status.worst(
        [*(ENDS[part.result.end] for part in facts.parts), *(f.status for f in facts.findings)]
    )
    return Cell(t("service.semicolon").join(said), worst)


def tiles(facts: Facts) -> list[tuple[str, Cell]]:
    moves = [move for part in facts.parts for move in part.moves]
    done = sum(move.status is Status.OK for move in moves)
    counts = {status: sum(move.status is status for move in moves) for status in ORDER}
    return [
        (t("service.tile_done"), Cell(f"{done}/{len(moves)}")),
        *(
            (t(f"reports.tile_{status}"), Cell(str(count), status if count else None))
            for status, count in counts.items()
        ),
    ]


def notes(facts: Facts) -> Iterator[str]:
    if facts.record.mode is Mode.REHEARSAL:
        yield t("service.note_rehearsal")
    if any(part.resumed for part in facts.parts):
        yield t("service.note_resumed")
    yield t("service.note_order")


def table(key: str, rows: Sequence[Sequence[Cell]], *heads: tuple[str, int], of: str = "") -> Table:
    columns = [Column(t(f"service.col_{name}"), weight) for name, weight in heads]
    return Table(t(f"service.table_{key}", title=of), columns, rows, t(f"service.no_{key}"))


def troubles(findings: Sequence[Finding]) -> Table:
    rows = [
        [
            Cell(one.target),
            Cell(one.subject),
            Cell(one.summary),
            Cell(t(f"reports.{one.status}"), one.status),
            Cell(""),
        ]
        for one in findings
        if one.status is not Status.OK
    ]
    return table("troubles", rows, ("target", 3), ("step", 3), ("seen", 8), ("status", 2), ("handled", 3))


def tables(part: Part) -> Iterator[Table]:
    title = part.playbook.title
    yield grounds(part)
    yield table(
        "looked",
        [looked(*one) for one in part.result.looked],
        ("check", 4),
        ("target", 3),
        ("seen", 7),
        ("go", 2),
        of=title,
    )
    heads = (
        ("order", 1),
        ("step", 3),
        ("target", 2),
        ("command", 4),
        ("before", 4),
        ("proof", 5),
        ("times", 3),
        ("result", 2),
    )
    yield table("moves", [row(number, one) for number, one in enumerate(part.moves, 1)], *heads, of=title)
    yield table(
        "standing",
        [stands(one) for one in part.moves if one.after],
        ("target", 2),
        ("step", 3),
        ("after", 7),
        ("status", 2),
        of=title,
    )


def grounds(part: Part) -> Table:
    said = part.playbook
    rows = [
        [Cell(t(f"service.ground_{key}")), Cell(text)]
        for key, text in (
            ("playbook", t("service.named", title=said.title, name=said.name)),
            ("purpose", said.purpose),
            ("scope", listed(said.scope)),
            ("approved", listed(part.approved_by) or t(f"service.approval_{said.approval}")),
            ("digest", part.digest),
            ("end", t(f"service.end_{part.result.end}")),
            ("reason", part.result.reason or "—"),
        )
    ]
    return table("grounds", rows, ("what", 1), ("said", 6), of=said.title)


def looked(title: str, target: str, seen: Seen) -> list[Cell]:
    go = t("service.go" if seen.holds is Holds.YES else "service.no_go")
    return [Cell(title), Cell(target or "—"), Cell(seen.text), Cell(go, STANDING[seen.holds])]


def row(number: int, one: Told) -> list[Cell]:
    times = t("service.times", at=one.begun_at, seconds=one.seconds) if one.begun_at else "—"
    proof = t("service.semicolon").join(look.shown for look in one.move.proof)
    return [
        Cell(str(number)),
        Cell(one.move.step.title),
        Cell(one.move.target),
        Cell(one.move.shown or t("service.only_waits")),
        Cell(one.before or "—"),
        Cell(proof),
        Cell(times),
        Cell(t(f"service.word_{one.word}"), one.status),
    ]


def stands(one: Told) -> list[Cell]:
    return [
        Cell(one.move.target),
        Cell(one.move.step.title),
        Cell(one.after),
        Cell(t(f"reports.{one.status}"), one.status),
    ]
