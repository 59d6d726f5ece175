"""The work log of a contract: an entry for each service item. What routines did is in the book already and
becomes an entry by itself; people add what no routine did.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from tasks.errors import OpsError, Refused
from tasks.inventory.contract import Contract
from tasks.inventory.suggest import meant
from tasks.model import Evidence, Outcome, Record, Tier
from tasks.records import Book, Entry
from tasks.reports.worklog import Item
from tasks.texts import listed, t, why

ROUTINE = "worklog"
TOPIC = "worklog"
# Nobody works longer at one thing without a break.
LONGEST = timedelta(hours=24)
LARGEST = 64 * 2**20
# What was not done is no work.
NOT_DONE = (Outcome.MISSED, Outcome.LATE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What somebody says to have done. `at`: when it began; `duty`: the contract's name of it, if any."""

    what: str
    by: str
    at: datetime
    lasted: timedelta
    result: str
    duty: str = ""
    attachments: Sequence[Path] = ()


def enter(book: Book, contract: Contract, work: Work, now: datetime) -> Entry:
    """`started_at` and `ended_at` are when it was done; when it was entered stands beside them."""
    if not work.what.strip() or not work.result.strip():
        raise Refused(t("worklog.needs_words"))
    if not timedelta(0) <= work.lasted <= LONGEST:
        raise Refused(t("worklog.bad_minutes", most=LONGEST // timedelta(minutes=1)))
    ended_at = work.at + work.lasted
    if ended_at > now:
        raise Refused(t("worklog.future", at=ended_at))
    record = Record(
        contract=contract.code,
        routine=ROUTINE,
        title=work.what.strip(),
        started_at=work.at,
        ended_at=ended_at,
        started_by=work.by,
        outcome=Outcome.NOTED,
        mode=contract.mode,
        topics=(TOPIC,),
        summary=work.result.strip(),
        facts={
            "happened_at": work.at.isoformat(),
            "entered_at": now.isoformat(),
            "minutes": work.lasted // timedelta(minutes=1),
            "duty": work.duty,
            "clause": clause_of(contract, work.duty),
            "manual": True,
        },
        evidence=tuple(kept(book, path) for path in work.attachments),
    )
    return book.append(record)


def clause_of(contract: Contract, duty: str) -> str:
    if not duty:
        return ""
    known = {one.id: one.clause for one in contract.duties}
    if duty not in known:
        text = t("worklog.no_duty", duty=duty, contract=contract.code, known=listed(known) or "—")
        raise Refused(text + meant(duty, known))
    return known[duty]


def kept(book: Book, path: Path) -> Evidence:
    try:
        if path.stat().st_size > LARGEST:
            raise Refused(t("worklog.too_large", name=path.name, mib=LARGEST // 2**20))
        with path.open("rb") as file:
            return book.keep(file, path.name, "application/octet-stream", Tier.FAIR)
    except OSError as problem:
        raise OpsError(t("worklog.unreadable", path=path, reason=why(problem))) from problem


def items(book: Book, contract: Contract, since: datetime, until: datetime) -> Iterator[Item]:
    """By the time of the work; a log's own report is no work to be logged."""
    found = book.entries(contract=contract.code, since=since, until=until)
    wanted = [one for one in found if one.record.outcome not in NOT_DONE and "report" not in one.record.facts]
    for entry in sorted(wanted, key=lambda one: (one.record.started_at, one.seq)):
        yield item(entry, contract)


def item(entry: Entry, contract: Contract) -> Item:
    record = entry.record
    by_hand = record.routine == ROUTINE
    if by_hand:
        clause = str(record.facts.get("clause", ""))
    else:
        duties = contract.duties_about(set(record.topics), record.routine)
        clause = listed(dict.fromkeys(one.clause for one in duties))
    return Item(
        seq=entry.seq,
        what=record.title,
        clause=clause,
        who=record.started_by,
        started_at=record.started_at,
        lasted=max(record.ended_at - record.started_at, timedelta(0)),
        entered_at=entry.recorded_at,
        result=record.summary,
        outcome=record.outcome,
        attachments=len(record.evidence),
        by_hand=by_hand,
    )
