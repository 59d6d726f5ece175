"""The work log of a period as a record of its own."""

from collections.abc import Sequence
from dataclasses import replace

from flows.operations import Wanted, clauses, parties
from flows.routine import TOOL, Piece, keep, written
from tasks import clock
from tasks.home import Home
from tasks.inventory.contract import contract_named
from tasks.model import Outcome, Record, Tier
from tasks.records import Book, Entry
from tasks.reports.sheets import XLSX, workbook
from tasks.reports.worklog import Facts, Item, build, sheet, summary
from tasks.texts import t
from tasks.worklog import ROUTINE, TOPIC


def report(home: Home, book: Book, wanted: Wanted, items: Sequence[Item]) -> Entry:
    now = clock.now()
    contract = contract_named(home.inventories, wanted.contract)
    record = Record(
        contract=wanted.contract,
        routine=ROUTINE,
        title=t("worklog.title"),
        started_at=now,
        ended_at=now,
        started_by=wanted.by,
        outcome=Outcome.NOTED,
        mode=contract.mode,
        topics=(TOPIC,),
        summary=summary(items),
        facts={
            "tool": TOOL,
            "report": wanted.period,
            "from": wanted.first.isoformat(),
            "to": wanted.last.isoformat(),
        },
    )
    number = t("routine.number", contract=wanted.contract, title=record.title, at=now)
    content = workbook([sheet(items)])
    header = [
        *parties(contract, number),
        (t("operations.period"), wanted.period),
        (t("reports.clauses"), clauses(contract, record)),
    ]
    attachments = {t("worklog.file"): content}
    form = build(Facts(record=record, number=number, header=header, items=items, attachments=attachments))
    pieces = [
        *written(home, form, number),
        Piece(name=t("worklog.file"), content=content, media_type=XLSX, tier=Tier.LEAST),
    ]
    return book.append(replace(record, evidence=tuple(keep(book, piece) for piece in pieces)))
