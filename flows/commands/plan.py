"""`opsproof plan`: what is due, and when."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.commands import noun, verb
from flows.terminal import say, show
from tasks.texts import t

if TYPE_CHECKING:
    from tasks.calendar.plans import Plan
    from tasks.contracts.timetable import Timetable


CHECK_COLUMNS = ("contract", "seq", "outcome", "id", "summary")
LONGEST = timedelta(days=1100)
"""Three years: longer than any contract here, short enough to print."""


def add(nouns: Any) -> None:
    verbs = noun(nouns, "plan", t("calendar.help_plan"))
    listed = verb(verbs, "list", t("calendar.help_plan_list"), list_plans, table=True)
    listed.add_argument(
        "--contract", action="append", default=[], metavar="CODE", help=t("calendar.help_contract")
    )
    listed.add_argument("--from", dest="start", metavar="DATE", help=t("calendar.help_from"))
    listed.add_argument("--to", dest="end", metavar="DATE", help=t("calendar.help_to"))
    checked = verb(verbs, "check", t("calendar.help_plan_check"), check_plans, table=True)
    checked.add_argument(
        "--contract", action="append", default=[], metavar="CODE", help=t("calendar.help_contract")
    )
    checked.add_argument("--yes", action="store_true", help=t("calendar.help_plan_yes"))


def check_plans(options: Any) -> int:
    """Compare plan with book now; what was missed or late becomes a record each."""
    from flows.comparison import compare
    from tasks.contracts.activation import active
    from tasks.home import home
    from tasks.records import Book

    here = home()
    book = Book(here.book)
    contracts = chosen(here.inventories, options.contract, set(active(book)))
    if not contracts:
        say(t("calendar.none_active"))
    found = [
        entry
        for contract in contracts
        for entry in compare(here, book, contract, however_many=options.yes)[0]
    ]
    rows = [
        {
            "contract": entry.contract,
            "seq": entry.seq,
            "outcome": entry.record.outcome if options.json else t(f"records.outcome_{entry.record.outcome}"),
            "id": entry.record.plan_id,
            "summary": entry.record.summary,
        }
        for entry in found
    ]
    show(rows, {key: t(f"calendar.check_{key}") for key in CHECK_COLUMNS}, options.json)
    return 1 if found else 0


def list_plans(options: Any) -> int:
    from tasks.calendar.days import Calendar, unpublished_text
    from tasks.contracts.activation import active
    from tasks.contracts.timetable import Timetable
    from tasks.home import home
    from tasks.records import Book

    start, end = period(options.start, options.end)
    here = home()
    calendar = Calendar.load(here.inventories)
    running = set(active(Book(here.book)))
    contracts = chosen(here.inventories, options.contract, running)
    timetables = [Timetable.load(here.inventories, contract, calendar) for contract in contracts]
    found = [plan for timetable in timetables for plan in timetable.plans(start, end)]
    found.sort(key=lambda plan: (plan.due_at, plan.id))
    warning = unpublished_text(calendar.unpublished(range(start.year, (end - timedelta(1)).year + 1)))
    if warning:
        (say if options.json else print)(warning)
    if idle := [contract for contract in contracts if contract not in running]:
        say(t("calendar.plan_idle", contracts=" ".join(idle)))
    if not contracts:
        say(t("calendar.plan_none_active"))
    for timetable in timetables:
        for reason in nothing_due(timetable, start.date(), end.date() - timedelta(days=1)):
            say(reason)
    rows = [{**as_json(plan), "active": plan.contract in running} for plan in found]
    columns = {
        key: t(f"calendar.plan_{key}") for key in ("due", "contract", "routine", "title", "only", "id")
    }
    show(rows if options.json else [as_line(plan) for plan in found], columns, options.json)
    return 0


def nothing_due(timetable: "Timetable", first: date, last: date) -> list[str]:
    """Why a contract has no plan on some or all of the days that were asked for."""
    if not timetable.schedules.schedules:
        return [t("calendar.no_schedules", contract=timetable.contract)]
    return list(dict.fromkeys(filter(None, (timetable.outside(first), timetable.outside(last)))))


def chosen(inventories: Path, contracts: list[str], running: set[str]) -> list[str]:
    """The contracts asked for, or those in force."""
    from tasks.errors import Refused
    from tasks.inventory.contract import contract_files
    from tasks.inventory.suggest import meant

    known = [path.stem for path in contract_files(inventories)]
    for contract in contracts:
        if contract not in known:
            raise Refused(t("inventory.no_contract", code=contract) + meant(contract, known))
    return list(dict.fromkeys(contracts)) or sorted(running)


def period(first: str | None, last: str | None) -> tuple[datetime, datetime]:
    """From the start of the first day to the end of the last; a week from today unless told."""
    from tasks import clock
    from tasks.calendar.plans import at_midnight
    from tasks.errors import Refused

    start = day(first) if first else clock.now().date()
    end = day(last) if last else start + timedelta(days=6)
    if end < start:
        raise Refused(t("calendar.period_reversed", first=start, last=end))
    if end - start > LONGEST:
        raise Refused(t("calendar.period_too_long", days=LONGEST.days))
    return at_midnight(start), at_midnight(end + timedelta(days=1))


def day(text: str) -> date:
    from tasks.calendar.marks import FIRST_YEAR, LAST_YEAR
    from tasks.errors import Refused

    try:
        given = date.fromisoformat(text)
    except ValueError as problem:
        raise Refused(t("calendar.bad_date", text=text)) from problem
    if not FIRST_YEAR <= given.year <= LAST_YEAR:
        raise Refused(t("calendar.out_of_range", date=given, first=FIRST_YEAR, last=LAST_YEAR))
    return given


def as_json(plan: "Plan") -> dict[str, object]:
    return {
        "id": plan.id,
        "contract": plan.contract,
        "routine": plan.routine,
        "title": plan.title,
        "due_at": plan.due_at.isoformat(),
        "late_at": plan.late_at.isoformat(),
        "given_up_at": plan.given_up_at.isoformat(),
        "only": list(plan.only),
        "unpublished": plan.unpublished,
        "warning": plan.warning,
    }


def as_line(plan: "Plan") -> dict[str, object]:
    weekday = t("calendar.weekdays")[plan.due_at.weekday()]
    return {
        "due": f"{plan.due_at:%Y-%m-%d %H:%M} {weekday}" + (" *" if plan.unpublished else ""),
        "contract": plan.contract,
        "routine": plan.routine,
        "title": plan.title,
        "only": " ".join(plan.only),
        "id": plan.id,
    }
