"""The daily inspection record, differences first. Pure: facts in, Form out."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tasks.model import Finding, Mode, Record, Status
from tasks.reports.form import Cell, Column, Form, Picture, Table
from tasks.texts import listed, t

ORDER = (Status.FAIL, Status.UNKNOWN, Status.WARN, Status.OK)
# A change of less than so many units of its measure is breathing, not news.
NEWS = 1.0


@dataclass(frozen=True, slots=True)
class Facts:
    """All that the form says. The record is the one about to be written."""

    record: Record
    number: str
    contract_name: str
    findings: Sequence[Finding]
    not_reached: Mapping[str, str]
    titles: Mapping[str, str]
    attachments: Mapping[str, bytes]
    clauses: Sequence[str] = ()
    run_id: str = ""
    unpublished: str = ""
    parties: Mapping[str, str] = field(default_factory=dict)
    pictures: Sequence[Picture] = ()


def build(facts: Facts) -> Form:
    record = facts.record
    new = [found for found in facts.findings if not found.known]
    counts = {status: sum(found.status == status for found in new) for status in Status}
    notes = [t("reports.made", at=f"{record.ended_at:%Y-%m-%d %H:%M:%S}")]
    if facts.unpublished:
        notes.insert(0, facts.unpublished)
    return Form(
        title=t("reports.daily_title"),
        number=facts.number,
        verdict=verdict(counts, len(new)),
        header=header(facts),
        tiles=[
            (t("reports.tile_reached"), Cell(f"{record.reached}/{record.expected}")),
            *((t(f"reports.tile_{status}"), Cell(str(counts[status]), status)) for status in ORDER),
        ],
        tables=[differences(facts), changes(facts), missing(facts), results(facts), attachments(facts)],
        signatures=[t("reports.sign_run"), t("reports.sign_review"), t("reports.sign_client")],
        notes=notes,
        synthetic=record.mode is not Mode.REAL,
        pictures=facts.pictures,
    )


def verdict(counts: Mapping[Status, int], count: int) -> Cell:
    if count and counts[Status.OK] == count:
        return Cell(t("reports.conclusion_ok", count=count), Status.OK)
    worst = next((status for status in ORDER if counts[status]), Status.UNKNOWN)
    others = {str(status): counts[status] for status in (Status.FAIL, Status.WARN, Status.UNKNOWN)}
    return Cell(t("reports.conclusion_findings", count=count, **others), worst)


def header(facts: Facts) -> list[tuple[str, str]]:
    record = facts.record
    blank = t("reports.blank")
    shift = "shift_day" if 8 <= record.started_at.hour < 20 else "shift_night"
    missing = record.expected - record.reached
    return [
        (t("reports.number"), facts.number),
        (t("reports.contract"), t("reports.contract_of", name=facts.contract_name, code=record.contract)),
        (t("reports.client"), facts.parties.get("client") or blank),
        (t("reports.provider"), facts.parties.get("provider") or blank),
        (t("reports.level"), facts.parties.get("level") or blank),
        (t("reports.shift"), t(f"reports.{shift}")),
        (t("reports.planned"), planned(record)),
        (t("reports.actual"), f"{record.started_at:%Y-%m-%d %H:%M:%S} – {record.ended_at:%H:%M:%S}"),
        (t("reports.started_by"), record.started_by),
        (t("reports.clauses"), listed(facts.clauses) or "—"),
        (
            t("reports.counts"),
            t("reports.counts_of", expected=record.expected, reached=record.reached, missing=missing),
        ),
        (t("reports.run_id"), facts.run_id),
    ]


def planned(record: Record) -> str:
    if record.planned_at is None:
        return t("reports.unplanned")
    minutes = int((record.started_at - record.planned_at).total_seconds() // 60)
    late = t("reports.late", minutes=minutes) if minutes > 0 else ""
    return f"{record.planned_at:%Y-%m-%d %H:%M}{late}"


def threshold(found: Finding) -> str:
    held = [number for number in found.numbers if number.threshold is not None]
    return f"{held[0].threshold:g}{held[0].unit}" if held else "—"


def cells(facts: Facts, found: Finding) -> list[Cell]:
    percent = next((number.value for number in found.numbers if number.unit == "%"), None)
    return [
        Cell(found.target),
        Cell(facts.titles.get(found.check, found.check)),
        Cell(found.subject),
        Cell(f"{found.summary} {found.known}".strip(), bar=percent),
        Cell(threshold(found)),
        Cell(t(f"reports.{found.status}"), found.status),
        Cell(found.change or "—"),
    ]


RESULT_COLUMNS = (
    ("target", 3),
    ("check", 3),
    ("subject", 3),
    ("measured", 6),
    ("threshold", 2),
    ("status", 2),
    ("change", 2),
)


def columns(*keys: tuple[str, int]) -> list[Column]:
    return [Column(t(f"reports.{key}"), weight) for key, weight in keys]


def worst_first(findings: Sequence[Finding]) -> list[Finding]:
    """What somebody has acknowledged comes after what is new."""

    def place(found: Finding) -> tuple[bool, bool, int, str, str, str]:
        status = (found.status is Status.OK, bool(found.known), ORDER.index(found.status))
        return (*status, found.target, found.check, found.subject)

    return sorted(findings, key=place)


def differences(facts: Facts) -> Table:
    found = [one for one in worst_first(facts.findings) if one.status is not Status.OK]
    rows = [
        [Cell(f"{i:02d}"), *cells(facts, one), Cell(one.advice), Cell("")] for i, one in enumerate(found, 1)
    ]
    heads = columns(("finding_number", 2), *RESULT_COLUMNS, ("advice", 6), ("handled", 3))
    # In full it would fill half of every row with the number of the form.
    title = t("reports.differences") + (t("reports.numbered", number=facts.number) if rows else "")
    return Table(title, heads, rows, t("reports.no_differences"))


def changes(facts: Facts) -> Table:
    rows = [cells(facts, found) for found in worst_first(facts.findings) if is_news(found)]
    return Table(t("reports.changes"), columns(*RESULT_COLUMNS), rows, t("reports.no_changes"))


def is_news(found: Finding) -> bool:
    if not found.change or found.change in (t("checks.unchanged"), t("checks.first_time")):
        return False
    try:
        return abs(float(found.change)) >= NEWS
    except ValueError:
        return True  # said in words, because it matters


def missing(facts: Facts) -> Table:
    rows = [[Cell(name), Cell(reason, Status.UNKNOWN)] for name, reason in facts.not_reached.items()]
    return Table(
        t("reports.not_reached"), columns(("target", 1), ("reason", 3)), rows, t("reports.all_reached")
    )


def results(facts: Facts) -> Table:
    rows = [cells(facts, found) for found in facts.findings]
    return Table(t("reports.all_results"), columns(*RESULT_COLUMNS), rows)


def attachments(facts: Facts) -> Table:
    return attached(t("reports.attachments"), facts.attachments)


def attached(title: str, contents: Mapping[str, bytes]) -> Table:
    rows = [
        [Cell(name), Cell(f"{len(content):,} B"), Cell(digest)]
        for name, content in contents.items()
        for digest in digests(content)
    ]
    heads = [*columns(("attachment", 2), ("size", 1)), Column("SM3 / SHA-256", 6)]
    return Table(title, heads, rows)


def digests(content: bytes) -> Iterator[str]:
    yield f"SM3 {sm3(content)}"
    yield f"SHA-256 {hashlib.sha256(content).hexdigest()}"


def sm3(content: bytes) -> str:
    # From `cryptography`, not hashlib: an OpenSSL of the system may be built without SM3.
    from cryptography.hazmat.primitives import hashes

    digest = hashes.Hash(hashes.SM3())
    digest.update(content)
    return digest.finalize().hex()
