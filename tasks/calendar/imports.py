"""A published notice into `inventories/holidays/<year>.yml`: from the JSON of the project holiday-cn,
or from lines typed from the notice.
"""

import io
import json
import re
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from tasks.calendar.days import Calendar, Day, span
from tasks.calendar.notices import Notice, NoticeDay, wrong
from tasks.errors import OpsError, Refused
from tasks.files import write_whole
from tasks.strict import Problem
from tasks.texts import t, why

LARGEST = 2**20
"""Bytes; a notice has forty dates."""


@dataclass(frozen=True, slots=True)
class Change:
    """A date that the new notice would make something else."""

    before: Day
    after: Day


def read_notice(path: Path) -> Notice:
    """The notice in `path`; refused with all its errors."""
    try:
        content = path.read_bytes()
    except OSError as problem:
        raise OpsError(t("calendar.import_unreadable", path=path, reason=why(problem))) from problem
    if len(content) > LARGEST:
        raise Refused(t("calendar.import_too_large", path=path))
    text = decoded(content)
    if text is None:
        raise Refused(t("calendar.import_encoding", path=path))
    problems: list[Problem] = []
    parse = from_json if text.lstrip().startswith(("{", "[")) else from_lines
    notice, lines = parse(text, path.name, problems)
    if notice and not problems:
        problems = [Problem(path.name, lines[at] if lines else 1, about) for at, about in wrong(notice)]
        problems += twice(notice, lines, path.name)
    if notice is None or problems:
        raise Refused(t("calendar.import_invalid", path=path), sorted(problems))
    return notice


def decoded(content: bytes) -> str | None:
    """Spreadsheets on Chinese Windows save GB 18030, or UTF-8 with a mark in front."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return None


Parsed = tuple[Notice | None, list[int]]


def from_json(text: str, name: str, problems: list[Problem]) -> Parsed:
    """holiday-cn: {"year": 2026, "papers": [], "days": [{"name", "date", "isOffDay"}]}."""
    try:
        tree = json.loads(text)
    except json.JSONDecodeError as problem:
        problems.append(Problem(name, problem.lineno, t("calendar.import_not_json")))
        return None, []
    if not (isinstance(tree, dict) and type(tree.get("year")) is int and isinstance(tree.get("days"), list)):
        problems.append(Problem(name, 1, t("calendar.import_not_holiday_cn")))
        return None, []
    days, lines = [], []
    for entry in tree["days"]:
        fields = entry if isinstance(entry, dict) else {}
        line = text[: max(text.find(f'"{fields.get("date")}"'), 0)].count("\n") + 1
        found = notice_day(fields.get("date"), word_of(fields.get("isOffDay")), fields.get("name"))
        if found is None:
            problems.append(Problem(name, line, t("calendar.import_day", entry=entry)))
        else:
            days.append(found)
            lines.append(line)
    return notice_of(tree["year"], "", days, name, problems), lines


def word_of(rest: Any) -> str | None:
    return t("calendar.rest" if rest else "calendar.work") if isinstance(rest, bool) else None


def from_lines(text: str, name: str, problems: list[Problem]) -> Parsed:
    """One date or span a line, then the word for rest or work, then a name; `#` begins a remark."""
    days: list[NoticeDay] = []
    lines: list[int] = []
    document, headed = "", False
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.partition("#")[0].strip()
        fields = [field for field in re.split(r"[,\uff0c\s]+", line) if field]
        if named := re.match(rf"{t('calendar.document_word')}[:\uff1a,\uff0c\s]+(.+)", line):
            document = named[1]
        elif not headed and not any(char.isdigit() for char in line):
            headed = headed or bool(fields)
        elif fields:
            found = line_days(fields)
            if not found:
                problems.append(Problem(name, number, t("calendar.import_line", line=line[:60])))
            days, lines, headed = days + found, lines + [number] * len(found), True
    if not days:
        problems.append(Problem(name, 1, t("calendar.import_empty")))
        return None, []
    return notice_of(max(entry.date.year for entry in days), document, days, name, problems), lines


def notice_of(
    year: int, document: str, days: list[NoticeDay], name: str, problems: list[Problem]
) -> Notice | None:
    try:
        return Notice(year=year, document=document, days=tuple(days))
    except ValidationError:
        problems.append(Problem(name, 1, t("calendar.import_header", year=year)))
        return None


def line_days(fields: list[str]) -> list[NoticeDay]:
    """Every date of a line; none if the line is not understood."""
    parts = re.split(rf"\.\.|[~\uff5e{t('calendar.to_words')}]", fields[0])
    numbers = [re.findall(r"[0-9]+", part) for part in parts]
    if len(fields) < 2 or len(parts) > 2 or len(numbers[0]) != 3 or not 1 <= len(numbers[-1]) <= 3:
        return []
    # "10-1~7": what the end leaves out is as in the beginning.
    end = numbers[0][: 3 - len(numbers[-1])] + numbers[-1]
    try:
        first, last = (date(*map(int, given)) for given in (numbers[0], end))
    except ValueError:
        return []
    # No rest of the notices is longer than nine days; a span with a mistyped year would be.
    if not 0 <= (last - first).days <= 15:
        return []
    made = [notice_day(day.isoformat(), fields[1], " ".join(fields[2:])) for day in span(first, last)]
    return [day for day in made if day]


def notice_day(when: Any, word: Any, name: Any) -> NoticeDay | None:
    try:
        return NoticeDay.model_validate({"date": when, "day": word, "name": name})
    except ValidationError:
        return None


def twice(notice: Notice, lines: list[int], name: str) -> list[Problem]:
    dates = [entry.date for entry in notice.days]
    return [
        Problem(name, lines[at], t("calendar.date_twice", date=day))
        for at, day in enumerate(dates)
        if day in dates[:at]
    ]


def changes(calendar: Calendar, notice: Notice) -> list[Change]:
    """What would be another kind of day, or have another name, with `notice` in place."""
    after = replace(calendar, notices={**calendar.notices, notice.year: notice.marks})
    days = span(date(notice.year - 1, 12, 1), date(notice.year, 12, 31))
    pairs = [Change(calendar.day(day), after.day(day)) for day in days]
    return [
        pair for pair in pairs if (pair.before.kind, pair.before.name) != (pair.after.kind, pair.after.name)
    ]


def write(inventories: Path, notice: Notice) -> Path:
    yaml = YAML(typ="rt")
    yaml.indent(mapping=2, sequence=4, offset=2)
    tree = CommentedMap(year=notice.year, document=notice.document, days=[])
    tree.yaml_set_start_comment(t("calendar.import_comment", year=notice.year))
    for entry in sorted(notice.days, key=lambda entry: entry.date):
        word = t("calendar.rest" if entry.day else "calendar.work")
        row = CommentedMap(date=entry.date, day=word, name=entry.name)
        row.fa.set_flow_style()
        tree["days"].append(row)
    text = io.BytesIO()
    yaml.dump(tree, text)
    path = inventories / "holidays" / f"{notice.year}.yml"
    try:
        path.parent.mkdir(exist_ok=True)
        write_whole(path, text.getvalue())
    except OSError as problem:
        raise OpsError(t("calendar.import_unwritable", path=path, reason=why(problem))) from problem
    return path


def missing_notice(calendar: Calendar, today: date) -> str:
    """The warning of every day on which a notice should be known and is not: this year's always,
    next year's from 1 December on (it comes out in November).
    """
    due = [today.year] + ([today.year + 1] if today.month == 12 else [])
    missing = calendar.unpublished(due)
    listed = t("calendar.and").join(str(year) for year in missing)
    return t("calendar.missing", years=listed) if missing else ""
