"""What people looked at themselves, as a record: when they did, and when they said so."""

from collections.abc import Sequence
from datetime import datetime

from tasks.checks.judging import finding
from tasks.inspection.findings import FINDINGS, write_findings
from tasks.model import Device, Finding, Outcome, Record, Status, Tier
from tasks.records import Book, Entry
from tasks.texts import t

ROUTINE = "device-inspection"
CHECK = "device.manual"


def findings(devices: Sequence[Device], by: str, at: datetime, sound: bool, note: str) -> list[Finding]:
    """One for each device; what was wrong stands in the note."""
    added = t("device.noted", note=note) if note else ""
    words = t(f"device.{'ok' if sound else 'fail'}", by=by, at=at, note=added)
    status = Status.OK if sound else Status.FAIL
    said = finding(t("device.subject"), status, words, advice=t("device.advice"))
    return [
        Finding(CHECK, device.name, said.subject, said.status, said.summary, advice=said.advice)
        for device in devices
    ]


def enter(book: Book, contract: str, found: Sequence[Finding], by: str, at: datetime, now: datetime) -> Entry:
    """`started_at` is when somebody looked; the record ends, and is in the book, when it was entered."""
    sound = sum(one.status is Status.OK for one in found)
    kept = book.keep(write_findings(found), FINDINGS, "application/json", Tier.FAIR)
    record = Record(
        contract=contract,
        routine=ROUTINE,
        title=t("device.title"),
        started_at=at,
        ended_at=now,
        started_by=by,
        outcome=Outcome.OK if sound == len(found) else Outcome.FINDINGS,
        topics=("device",),
        expected=len(found),
        reached=len(found),
        summary=t("device.summary", count=len(found), ok=sound, fail=len(found) - sound),
        facts={"checked_at": at.isoformat(), "entered_at": now.isoformat(), "manual": True},
        evidence=(kept,),
    )
    return book.append(record)
