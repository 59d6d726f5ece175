"""The work log of a period as a record of its own."""

from collections.abc import Sequence
from dataclasses import replace

from flows.operations import Wanted, about, clauses, parties
from flows.routine import Piece, keep, written
from tasks.home import Home
from tasks.inventory.contract import contract_named
from tasks.model import Tier
from tasks.records import Book, Entry
from tasks.reports.sheets import XLSX, workbook
from tasks.reports.worklog import Facts, Item, build, sheet, summary
from tasks.texts import t
from tasks.worklog import ROUTINE, TOPIC


def report(home: Home, book: Book, wanted: Wanted, items: Sequence[Item]) -> Entry:
    contract = contract_named(home.inventories, wanted.contract)
    record = about(wanted, contract, ROUTINE, TOPIC, t("worklog.title"), summary(items))
    number = t("routine.number", contract=wanted.contract, title=record.title, at=record.started_at)
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
