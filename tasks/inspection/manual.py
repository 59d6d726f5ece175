"""What people looked at themselves, as a record: when they did, and when they said so."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from tasks.checks.judging import finding, plain
from tasks.errors import Refused
from tasks.home import Home
from tasks.inspection.findings import FINDINGS, write_findings
from tasks.inventory import load
from tasks.model import Device, Finding, Outcome, Record, Status, Tier
from tasks.people.operators import known
from tasks.records import Book, Entry
from tasks.texts import listed, t

ROUTINE = "device-inspection"
CHECK = "device.manual"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What somebody says to have seen; `at` as typed, empty for now."""

    names: tuple[str, ...]
    by: str
    sound: bool
    note: str = ""
    at: str = ""


def unsigned() -> None:
    """On the command line the account on this machine has to do."""


def register(
    home: Home, book: Book, contract: str, look: Look, now: datetime, sign: Callable[[], None] = unsigned
) -> Entry:
    """The same from the form and from the command line: refused, or in the book. `sign` comes last: what
    was mistyped costs no one-time code."""
    note = plain(look.note)
    if not look.sound and not note:
        raise Refused(t("device.needs_note"))
    if not look.names:
        raise Refused(t("device.needs_names"))
    targets = load(home.inventories, contract=contract).targets(contract, names=look.names)
    devices = [target for target in targets if isinstance(target, Device)]
    if others := [target.name for target in targets if not isinstance(target, Device)]:
        raise Refused(t("device.not_device", name=listed(others)))
    operator, at = known(home, look.by), looked_at(look.at, now)
    sign()
    found = findings(devices, operator.name, at, look.sound, note)
    return enter(book, contract, found, operator.name, at, now)


def looked_at(text: str, now: datetime) -> datetime:
    """A time of day without a zone is ours; nobody has looked in the future."""
    if not text:
        return now
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(t("device.bad_time", at=plain(text)[:40])) from None
    at = at.replace(tzinfo=now.tzinfo) if at.tzinfo is None else at.astimezone(now.tzinfo)
    if at > now:
        raise Refused(t("device.future", at=at.isoformat(timespec="minutes")))
    return at


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
