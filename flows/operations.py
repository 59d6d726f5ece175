"""The operation report of a period or of one run, as a record of its own."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from flows.commands.availability import period
from flows.routine import TOOL, Piece, keep, user, written
from tasks import clock
from tasks.calendar.plans import at_midnight
from tasks.home import Home
from tasks.inventory.contract import Contract, contract_named
from tasks.model import Outcome, Record, Tier
from tasks.people.operators import known
from tasks.records import Book, Entry
from tasks.reports.form import Form
from tasks.reports.operations import Facts, Session, build, sheets, summary
from tasks.reports.sheets import XLSX, workbook
from tasks.sessions import ROUTINE, TOPIC
from tasks.texts import listed, t


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a report is about: `period` in words; `first` to `last` of what it covers."""

    contract: str
    by: str
    period: str
    first: datetime
    last: datetime


def period_of(home: Home, options: Any) -> Wanted:
    """What `--since`, `--until` and `--by` say; `last` is the end of the last day."""
    by = known(home, options.by).name if getattr(options, "by", "") else user()
    first, last = period(options.since, options.until)
    return Wanted(
        contract=options.contract,
        by=by,
        period=t("operations.period_of", first=first, last=last),
        first=at_midnight(first),
        last=at_midnight(last + timedelta(days=1)),
    )


def report(
    home: Home, book: Book, wanted: Wanted, sessions: Sequence[Session], running: Sequence[str]
) -> Entry:
    """Evidence first, then the record that names it."""
    contract = contract_named(home.inventories, wanted.contract)
    record = about(wanted, contract, ROUTINE, TOPIC, t("operations.title"), summary(sessions))
    record = replace(record, facts={**record.facts, "sessions": [one.seq for one in sessions]})
    number = t("routine.number", contract=wanted.contract, title=record.title, at=record.started_at)
    content = workbook(sheets(sessions))
    form = as_form(record, number, contract, wanted, sessions, running, content)
    pieces = [
        *written(home, form, number),
        Piece(name=t("operations.file"), content=content, media_type=XLSX, tier=Tier.FAIR),
    ]
    return book.append(replace(record, evidence=tuple(keep(book, piece) for piece in pieces)))


def about(wanted: Wanted, contract: Contract, routine: str, topic: str, title: str, text: str) -> Record:
    """The record of a written report about a period."""
    now = clock.now()
    return Record(
        contract=wanted.contract,
        routine=routine,
        title=title,
        started_at=now,
        ended_at=now,
        started_by=wanted.by,
        outcome=Outcome.NOTED,
        mode=contract.mode,
        topics=(topic,),
        summary=text,
        facts={
            "tool": TOOL,
            "report": wanted.period,
            "from": wanted.first.isoformat(),
            "to": wanted.last.isoformat(),
        },
    )


def as_form(
    record: Record,
    number: str,
    contract: Contract,
    wanted: Wanted,
    sessions: Sequence[Session],
    running: Sequence[str],
    content: bytes,
) -> Form:
    header = [*parties(contract, number), (t("operations.period"), wanted.period)]
    header.append((t("reports.clauses"), clauses(contract, record)))
    return build(
        Facts(
            record=record,
            number=number,
            header=header,
            sessions=sessions,
            running=running,
            attachments={t("operations.file"): content},
        )
    )


def parties(contract: Contract, number: str) -> list[tuple[str, str]]:
    blank = t("reports.blank")
    return [
        (t("reports.number"), number),
        (t("reports.contract"), t("reports.contract_of", name=contract.name, code=contract.code)),
        (t("reports.client"), contract.client or blank),
        (t("reports.provider"), contract.provider or blank),
    ]


def clauses(contract: Contract, record: Record) -> str:
    duties = contract.duties_about(set(record.topics), record.routine)
    return listed(duty.clause for duty in duties) or "—"
