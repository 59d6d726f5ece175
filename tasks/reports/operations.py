"""The operation report: every command sent to a system, session by session. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from tasks.model import Mode, Record, Status
from tasks.operations import Operation, digest_of, encoded
from tasks.reports.daily import attached
from tasks.reports.form import Cell, Column, Form, Table
from tasks.reports.sheets import Sheet
from tasks.texts import listed, t

# Rows of the form: what is more is summed up there, and stands whole in the workbook beside it.
MOST = 400
LONGEST = 200
DIGEST = 12
# What is longer is a script of ours, no command that somebody thought up.
SCRIPT = 4000
SHOWN_TARGETS = 4
SAME_DAY, OTHER_DAY = "%H:%M:%S", "%Y-%m-%d %H:%M:%S"


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """`source`: `routine`, `own` (an engineer's), `broken` (one that was cut), `imported`. `looks`: rounds of
    light looks that its record sums up; they are no operations of its own."""

    seq: int
    title: str
    who: str
    source: str
    started_at: datetime
    ended_at: datetime
    operations: tuple[Operation, ...] = ()
    reason: str = ""
    looks: int = 0

    @property
    def targets(self) -> list[str]:
        return sorted({one.target for one in self.operations})

    @property
    def failed(self) -> int:
        return sum(bad(one) for one in self.operations)


def bad(one: Operation) -> bool:
    return bool(one.failure) or one.exit_code not in (None, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """`running`: sessions that have no record yet, in words."""

    record: Record
    number: str
    header: Sequence[tuple[str, str]]
    sessions: Sequence[Session]
    running: Sequence[str]
    attachments: Mapping[str, bytes]


def build(facts: Facts) -> Form:
    details, short = detailed(facts.sessions)
    return Form(
        title=t("operations.form_title"),
        number=facts.number,
        verdict=verdict(facts),
        header=facts.header,
        tiles=tiles(facts.sessions),
        tables=[
            overview(facts.sessions),
            details,
            unrecorded(facts),
            attached(t("operations.table_attachments"), facts.attachments),
        ],
        signatures=[t("reports.sign_run"), t("reports.sign_review"), t("reports.sign_client")],
        notes=[
            t("operations.note_digest", count=DIGEST),
            *([t("operations.note_short", most=MOST)] if short else []),
            t("reports.made", at=f"{facts.record.ended_at:%Y-%m-%d %H:%M:%S}"),
        ],
        synthetic=facts.record.mode is not Mode.REAL,
    )


def verdict(facts: Facts) -> Cell:
    broken = sum(one.source == "broken" for one in facts.sessions)
    text = summary(facts.sessions)
    if broken:
        text += t("operations.verdict_broken", count=broken)
    if facts.running:
        text += t("operations.verdict_running", count=len(facts.running))
    return Cell(text, Status.WARN if broken or facts.running else Status.OK)


def summary(sessions: Sequence[Session]) -> str:
    sent = sum(len(one.operations) for one in sessions)
    failed = sum(one.failed for one in sessions)
    targets = {name for one in sessions for name in one.targets}
    return t("operations.summary", sessions=len(sessions), sent=sent, targets=len(targets), failed=failed)


def tiles(sessions: Sequence[Session]) -> list[tuple[str, Cell]]:
    own = [one for one in sessions if one.source != "routine"]
    return [
        (t("operations.tile_sessions"), Cell(str(len(sessions)))),
        (t("operations.tile_own"), Cell(str(len(own)))),
        (t("operations.tile_sent"), Cell(str(sum(len(one.operations) for one in sessions)))),
        (t("operations.tile_failed"), Cell(str(sum(one.failed for one in sessions)))),
    ]


def table(key: str, rows: Sequence[Sequence[Cell]], *heads: tuple[str, int]) -> Table:
    columns = [Column(t(f"operations.col_{name}"), weight) for name, weight in heads]
    return Table(t(f"operations.table_{key}"), columns, rows, t("operations.none"))


def overview(sessions: Sequence[Session]) -> Table:
    rows = [
        [
            Cell(str(one.seq)),
            Cell(f"{one.started_at:%Y-%m-%d %H:%M:%S}"),
            Cell(f"{one.ended_at:{SAME_DAY if same_day(one) else OTHER_DAY}}"),
            Cell(one.who),
            Cell(t(f"operations.source_{one.source}"), Status.WARN if one.source == "broken" else None),
            Cell(": ".join(filter(None, (one.title, one.reason)))),
            Cell(some(one.targets)),
            Cell(str(len(one.operations))),
            Cell(str(one.failed)),
        ]
        for one in sessions
        if not one.looks
    ]
    heads = (("seq", 2), ("start", 4), ("end", 3), ("who", 4), ("source", 3), ("what", 5), ("targets", 5))
    return table("sessions", rows, *heads, ("sent", 2), ("failed", 2))


def same_day(one: Session) -> bool:
    return one.started_at.date() == one.ended_at.date()


def some(names: Sequence[str]) -> str:
    if len(names) <= SHOWN_TARGETS:
        return listed(names) or "—"
    return t("operations.some", names=listed(names[:SHOWN_TARGETS]), count=len(names))


def detailed(sessions: Sequence[Session]) -> tuple[Table, bool]:
    """Each operation; where they are too many, those of a session that were the same together."""
    lines = [(one.seq, sent, [sent.target]) for one in sessions for sent in one.operations]
    short = len(lines) > MOST
    if short:
        lines = [(one.seq, sent, names) for one in sessions for sent, names in together(one.operations)]
    rows = [
        [
            Cell(str(seq)),
            Cell(f"{sent.at:%m-%d %H:%M:%S}"),
            Cell(some(names)),
            Cell(sent.way),
            Cell(shown(sent.text)),
            Cell(result(sent), Status.FAIL if bad(sent) else None),
            Cell(seconds(sent)),
            Cell(sent.digest[:DIGEST] or "—"),
        ]
        for seq, sent, names in lines[:MOST]
    ]
    heads = (("seq", 2), ("at", 4), ("target", 4), ("way", 2), ("text", 9), ("result", 3), ("seconds", 2))
    return table("operations", rows, *heads, ("digest", 4)), short


def together(sent: Sequence[Operation]) -> Iterator[tuple[Operation, list[str]]]:
    """What went wrong stays apart."""
    groups: dict[tuple[str, ...], list[Operation]] = {}
    for one in sent:
        key = (one.text, one.way, *((one.target, one.at.isoformat()) if bad(one) else ()))
        groups.setdefault(key, []).append(one)
    for same in groups.values():
        whole = (
            same[0] if len(same) == 1 else replace(same[0], digest="", seconds=sum(x.seconds for x in same))
        )
        yield whole, sorted({one.target for one in same})


def shown(text: str) -> str:
    """What is short as it is; of a script its size, digest and first line that says something."""
    if len(text) <= LONGEST and text.count("\n") < 4:
        return text
    lines = [line.strip() for line in text.splitlines()]
    first = next((line for line in lines if line and not line.startswith(("#", "mark="))), "")
    digest = digest_of(encoded(text))[:DIGEST]
    return t("operations.script", size=len(encoded(text)), lines=len(lines), digest=digest, first=first[:80])


def result(one: Operation) -> str:
    if one.failure:
        return one.failure[:LONGEST]
    return t("operations.code", code=one.exit_code) if one.exit_code is not None else "—"


def seconds(one: Operation) -> str:
    return f"{one.seconds:.1f}"


def unrecorded(facts: Facts) -> Table:
    """What stands in no session: light looks, of which a day's record tells; sessions that still run."""
    rows = [
        [Cell(f"{one.started_at:%Y-%m-%d}"), Cell(t("operations.looks", count=one.looks, seq=one.seq))]
        for one in facts.sessions
        if one.looks
    ]
    rows += [[Cell(t("operations.now")), Cell(text, Status.WARN)] for text in facts.running]
    return table("unrecorded", rows, ("when", 2), ("what", 9))


def sheets(sessions: Sequence[Session]) -> list[Sheet]:
    """All of it, for the workbook: every operation, and every text that was sent. A long script differs from
    host to host by where it left off: it is told, and stands whole beside its record."""
    names = ("seq", "source", "who", "at", "target", "way", "text", "result", "seconds", "digest", "size")
    rows: list[list[str]] = []
    texts: dict[str, str] = {}
    for one in sessions:
        for sent in one.operations:
            known = digest_of(encoded(sent.text))
            texts.setdefault(known, whole(sent.text, one.seq))
            who = (str(one.seq), t(f"operations.source_{one.source}"), one.who)
            when = (f"{sent.at:%Y-%m-%d %H:%M:%S}", sent.target, sent.way, known)
            rows.append([*who, *when, result(sent), seconds(sent), sent.digest, str(sent.size)])
    heads = [t(f"operations.col_{name}") for name in names]
    heads[names.index("text")] = t("operations.col_text_digest")
    columns = [t("operations.col_text_digest"), t("operations.col_text")]
    return [
        Sheet(t("operations.sheet_operations"), heads, rows),
        Sheet(t("operations.sheet_texts"), columns, [list(pair) for pair in texts.items()]),
    ]


def whole(text: str, seq: int) -> str:
    return text if len(text) <= SCRIPT else t("operations.see", said=shown(text), seq=seq)
