"""`opsproof worklog`: an entry for each service item; people add what no routine did."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.commands import noun, verb
from tasks.texts import t

if TYPE_CHECKING:
    from flows.operations import Wanted
    from tasks.home import Home
    from tasks.records import Book
    from tasks.reports.worklog import Item

COLUMNS = ("seq", "when", "what", "clause", "who", "lasted", "result", "outcome", "entered")


def add(nouns: Any) -> None:
    verbs = noun(nouns, "worklog", t("worklog.noun"))
    made = verb(verbs, "add", t("worklog.add_help"), run_add)
    listed = verb(verbs, "list", t("worklog.list_help"), run_list, table=True)
    written = verb(verbs, "report", t("worklog.report_help"), run_report)
    for one in (made, listed, written):
        one.add_argument("--contract", required=True, metavar="CODE", help=t("worklog.arg_contract"))
    for one in (listed, written):
        one.add_argument("--since", metavar="DATE", help=t("worklog.arg_since"))
        one.add_argument("--until", metavar="DATE", help=t("worklog.arg_until"))
    written.add_argument("--by", default="", metavar="NAME", help=t("worklog.arg_report_by"))
    made.add_argument("--by", required=True, metavar="NAME", help=t("worklog.arg_by"))
    made.add_argument("--what", required=True, help=t("worklog.arg_what"))
    made.add_argument("--result", required=True, help=t("worklog.arg_result"))
    made.add_argument("--at", default="", metavar="TIME", help=t("worklog.arg_at"))
    made.add_argument("--minutes", type=int, default=0, metavar="N", help=t("worklog.arg_minutes"))
    made.add_argument("--duty", default="", metavar="ID", help=t("worklog.arg_duty"))
    made.add_argument(
        "--attach", nargs="+", type=Path, default=[], metavar="FILE", help=t("worklog.arg_attach")
    )


def run_add(options: Any) -> int:
    from datetime import timedelta

    from flows.terminal import plain, say
    from tasks import clock
    from tasks.contracts.activation import active
    from tasks.errors import Refused
    from tasks.home import home
    from tasks.inspection.manual import looked_at
    from tasks.inventory.contract import contract_named
    from tasks.people.operators import Role, entitled
    from tasks.records import Book
    from tasks.worklog import Work, enter

    house, now = home(), clock.now()
    book = Book(house.ready(house.book))
    contract = contract_named(house.inventories, options.contract)
    if options.contract not in active(book):
        raise Refused(t("worklog.inactive", contract=options.contract))
    by = entitled(house, options.by, options.contract, Role.OPERATOR, Role.APPROVER)
    lasted = timedelta(minutes=options.minutes)
    work = Work(
        what=plain(options.what),
        by=by.name,
        at=looked_at(options.at, now) if options.at else now - lasted,
        lasted=lasted,
        result=plain(options.result),
        duty=options.duty,
        attachments=options.attach,
    )
    entry = enter(book, contract, work, now)
    say(t("worklog.entered", contract=options.contract, seq=entry.seq))
    return 0


def run_list(options: Any) -> int:
    from dataclasses import asdict
    from datetime import timedelta

    from flows.terminal import as_json, say, show
    from tasks.reports.worklog import lasted, summary

    _, _, _, found = chosen(options)
    if options.json:
        second = timedelta(seconds=1)
        print(as_json([{**asdict(one), "lasted": one.lasted / second} for one in found]))
        return 0
    rows = [
        {
            **asdict(one),
            "when": f"{one.started_at:%m-%d %H:%M}",
            "lasted": lasted(one.lasted),
            "outcome": t(f"records.outcome_{one.outcome}"),
            "entered": f"{one.entered_at:%m-%d %H:%M}",
        }
        for one in found
    ]
    show(rows, {key: t(f"worklog.col_{key}") for key in COLUMNS}, False)
    say(summary(found))
    return 0


def run_report(options: Any) -> int:
    from flows.terminal import say
    from flows.worklog import report

    house, book, wanted, found = chosen(options)
    entry = report(house, book, wanted, found)
    summary = entry.record.summary
    say(t("worklog.written", contract=options.contract, seq=entry.seq, summary=summary))
    return 0


def chosen(options: Any) -> "tuple[Home, Book, Wanted, list[Item]]":
    from flows.operations import period_of
    from tasks.home import home
    from tasks.inventory.contract import contract_named
    from tasks.records import Book
    from tasks.worklog import items

    house = home()
    book = Book(house.ready(house.book))
    contract = contract_named(house.inventories, options.contract)
    wanted = period_of(house, options)
    return house, book, wanted, list(items(book, contract, wanted.first, wanted.last))
