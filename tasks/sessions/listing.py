"""The sessions of a period, out of the book."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from tasks import clock, operations
from tasks.model import Evidence
from tasks.operations import Operation
from tasks.records import Book, Entry
from tasks.reports.operations import Session
from tasks.sessions import ROUTINE

# What a playbook wrote down while it ran.
JOURNAL = "application/jsonl"
BY_JOURNAL = "playbook"
# A playbook writes down itself what it sends over a transport that notes it as well, at the same moment.
SAME = timedelta(seconds=0.5)


def sessions(
    book: Book,
    contract: str,
    since: datetime | None = None,
    until: datetime | None = None,
    host: str = "",
) -> Iterator[Session]:
    """In the order of their records; of one `host`, only what went there."""
    before: list[Operation] = []
    for entry in book.entries(contract=contract, since=since, until=until):
        found = session_of(book, entry)
        if found:
            found = replace(found, operations=tuple(fresh(found, before)))
            before += found.operations
        if found and host:
            mine = tuple(one for one in found.operations if one.target == host)
            found = replace(found, operations=mine, looks=0) if mine else None
        if found:
            yield found


def fresh(found: Session, before: Sequence[Operation]) -> Iterator[Operation]:
    """A playbook that goes on brings its whole journal along: what was told before is not told again."""
    for one in found.operations:
        old = one.way == BY_JOURNAL and one.at < found.started_at
        if not (old and any(alike(known, one) for known in before)):
            yield one


def session_of(book: Book, entry: Entry) -> Session | None:
    record = entry.record
    sent = tuple(sent_in(book, record.evidence))
    looks = record.facts.get("rounds") if record.routine == "availability" else 0
    if not (sent or looks or "session" in record.facts):
        return None
    return Session(
        seq=entry.seq,
        title=record.title,
        who=record.started_by,
        source=str(record.facts.get("session", "routine")) if record.routine == ROUTINE else "routine",
        reason=str(record.facts.get("reason", "")),
        started_at=record.started_at,
        ended_at=record.ended_at,
        operations=sent,
        looks=int(looks) if isinstance(looks, int) and not sent else 0,
    )


def sent_in(book: Book, evidence: Sequence[Evidence]) -> list[Operation]:
    found: list[Operation] = []
    for piece in evidence:
        if piece.name == operations.FILE:
            found += operations.read(book.read(piece))
    journals = [one for piece in evidence if piece.media_type == JOURNAL for one in journal(book.read(piece))]
    return sorted([*found, *not_among(found, journals)], key=lambda one: one.at)


def journal(content: bytes) -> Iterator[Operation]:
    """What a playbook says it has sent."""
    for line in content.splitlines():
        try:
            said: dict[str, Any] = json.loads(line)
        except ValueError:
            continue
        if said.get("event") == "sent":
            yield Operation(
                at=clock.parse(said["sent_at"]),
                target=said["target"],
                way=BY_JOURNAL,
                text=said["command"],
                seconds=said["seconds"],
                exit_code=said["exit_code"],
                failure=said["failure"],
                digest=said["digest"],
            )


def not_among(found: Sequence[Operation], others: Sequence[Operation]) -> Iterator[Operation]:
    left = list(found)
    for one in others:
        same = next((known for known in left if alike(known, one)), None)
        if same is None:
            yield one
        else:
            left.remove(same)


def alike(one: Operation, other: Operation) -> bool:
    same = (one.target, one.exit_code) == (other.target, other.exit_code)
    return same and abs(one.at - other.at) < SAME
