"""`opsproof calendar`: which days are working days, and the import of a year's notice."""

import json
from collections.abc import Iterator
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.commands import noun, verb
from flows.terminal import confirmed, plain, say, show, width
from tasks.texts import t

if TYPE_CHECKING:
    from tasks.calendar.days import Calendar, Day

CELL = 6
"""Columns of the screen for one day: two digits, a mark two wide, and room."""


def add(nouns: Any) -> None:
    verbs = noun(nouns, "calendar", t("calendar.help"))
    shown = verb(verbs, "show", t("calendar.help_show"), show_year, table=True)
    shown.add_argument("year", type=int, metavar="YEAR", help=t("calendar.help_year"))
    shown.add_argument(
        "--month", type=int, choices=range(1, 13), metavar="MONTH", help=t("calendar.help_month")
    )
    verb(verbs, "check", t("calendar.help_check"), check, table=True)
    imported = verb(verbs, "import", t("calendar.help_import"), import_notice)
    imported.add_argument("file", type=Path, metavar="FILE", help=t("calendar.help_file"))
    imported.add_argument("--yes", action="store_true", help=t("cli.yes"))


def show_year(options: Any) -> int:
    from tasks.calendar.days import Calendar, unpublished_text
    from tasks.calendar.marks import FIRST_YEAR, LAST_YEAR
    from tasks.errors import Refused
    from tasks.home import home

    if not FIRST_YEAR <= options.year <= LAST_YEAR:
        raise Refused(t("calendar.out_of_range", date=options.year, first=FIRST_YEAR, last=LAST_YEAR))
    calendar = Calendar.load(home().inventories)
    months = [options.month] if options.month else list(range(1, 13))
    blocks = [(month, month_days(calendar, options.year, month)) for month in months]
    warning = unpublished_text(calendar.unpublished([options.year]))
    if options.json:
        rows = [{**row(day), "warning": warning} for _, days in blocks for day in days]
        print(json.dumps(rows, ensure_ascii=False, indent=1))
        if warning:
            say(warning)
        return 0
    if warning:
        print(warning + "\n")
    for month, days in blocks:
        print("\n".join(grid(options.year, month, days)) + "\n")
    print(t("calendar.legend"))
    return 0


def month_days(calendar: "Calendar", year: int, month: int) -> list["Day"]:
    from tasks.calendar.days import span
    from tasks.calendar.plans import month_end

    first = date(year, month, 1)
    return [calendar.day(day) for day in span(first, month_end(first))]


def row(day: "Day") -> dict[str, object]:
    return {
        "date": day.date.isoformat(),
        "kind": day.kind,
        "name": day.name,
        "source": day.source,
        "working": day.working,
        "published": day.published,
    }


def grid(year: int, month: int, days: list["Day"]) -> Iterator[str]:
    """A month as a block of weeks, with the names of its marked days beneath."""
    yield t("calendar.month", year=year, month=month)
    yield "".join(f"{' ' * (2 - len(name))} {name}  " for name in t("calendar.weekdays")).rstrip()
    cells = [" " * CELL] * days[0].date.weekday() + [cell(day) for day in days]
    for start in range(0, len(cells), 7):
        yield "".join(cells[start : start + 7]).rstrip()
    for (kind, name), run in groupby(days, key=lambda day: (day.kind, day.name)):
        if kind in ("holiday", "makeup") or name:
            dates = [day.date.day for day in run]
            key = "calendar.one_day" if len(dates) == 1 else "calendar.days"
            shown = t(key, month=month, first=dates[0], last=dates[-1])
            yield f"  {shown} {t(f'calendar.kind_{kind}')} {plain(name)}".rstrip()


def cell(day: "Day") -> str:
    mark = t(f"calendar.mark_{day.kind}")
    return f"{day.date.day:>3}{mark}" + " " * (CELL - 3 - width(mark))


def check(options: Any) -> int:
    """1 when a notice that should be known is not: made for a daily look."""
    from tasks import clock
    from tasks.calendar.days import Calendar
    from tasks.calendar.imports import missing_notice
    from tasks.home import home

    today = clock.now().date()
    calendar = Calendar.load(home().inventories)
    warning = missing_notice(calendar, today)
    years = [today.year, today.year + 1]
    rows = [{"year": year, "published": calendar.published(year), "warning": warning} for year in years]
    if options.json:
        show(rows, {}, True)
    else:
        shown = [{"year": r["year"], "state": state(bool(r["published"]))} for r in rows]
        show(shown, {"year": t("calendar.year"), "state": t("calendar.notice")}, False)
    if warning:
        say(warning)
    return 1 if warning else 0


def state(published: bool) -> str:
    return t("calendar.known" if published else "calendar.not_known")


def import_notice(options: Any) -> int:
    from tasks.calendar.days import Calendar
    from tasks.calendar.imports import changes, read_notice, write
    from tasks.home import home

    inventories = home().inventories
    notice = read_notice(options.file)
    found = changes(Calendar.load(inventories), notice)
    print(t("calendar.import_found", year=notice.year, days=len(notice.days), changes=len(found)))
    rows = [
        {"date": change.after.date, "before": described(change.before), "after": described(change.after)}
        for change in found
    ]
    headings = {"date": t("calendar.date"), "before": t("calendar.before"), "after": t("calendar.after")}
    show(rows, headings, False)
    if not confirmed(t("calendar.import_confirm", year=notice.year), options.yes):
        return 1
    print(t("calendar.imported", path=write(inventories, notice)))
    return 0


def described(day: "Day") -> str:
    return f"{t(f'calendar.kind_{day.kind}')} {day.name}".strip()
