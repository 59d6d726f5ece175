"""From the sheets of a workbook to rows of the ledgers: which sheet, which line is the heading,
which column is which. A mapping file decides; without one, common words do.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tasks.errors import Refused
from tasks.inventory.contract import Contract
from tasks.inventory.ledger.columns import LEDGERS, Ledger, choices, words
from tasks.inventory.ledger.rows import Row
from tasks.inventory.ledger.values import BadCell, Words, clean, system_and_version, value_of
from tasks.inventory.ledger.workbook import Line, Sheet
from tasks.inventory.suggest import meant
from tasks.strict import Name, Problem, Shape, Text, read
from tasks.texts import t

# A heading stands near the top, below a title at most.
HEADING_WITHIN = 20
LedgerCode = Literal["host", "database", "policy", "cloud", "device"]


class SheetMapping(Shape):
    """One ledger in people's own workbook: its sheet, its line of headings, its columns."""

    sheet: Text = ""
    header_row: int | None = None
    # Our column → their heading.
    columns: dict[Name, Text] = {}
    ignore: tuple[Text, ...] = ()
    # What an added target is given and no column says: its part, its credential.
    defaults: dict[Name, Text] = {}


class Mapped(Shape):
    sheets: dict[LedgerCode, SheetMapping]


@dataclass
class Found:
    """What was read of one ledger; `columns` are those its sheet has."""

    ledger: Ledger
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    defaults: Mapping[str, str]


@dataclass
class Reading:
    tables: dict[str, Found] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)


def read_mapping(path: Path | None) -> Mapping[str, SheetMapping]:
    if path is None:
        return {}
    problems: list[Problem] = []
    document = read(path, Mapped, problems)
    for code, mapping in document.content.sheets.items() if document else ():
        known = [column.key for column in LEDGERS[code].columns]
        for key in [*mapping.columns, *mapping.defaults]:
            if key not in known and not (key == "credential" and key in mapping.defaults):
                assert document is not None
                place = ("sheets", code, "columns" if key in mapping.columns else "defaults", key)
                text = t("ledger.no_such_column", column=key, known=t("ledger.and").join(known))
                problems.append(document.problem(place, text, meant(key, known)))
    if document is None or problems:
        raise Refused(t("ledger.mapping_invalid"), sorted(problems))
    return {str(code): mapping for code, mapping in document.content.sheets.items()}


def read_tables(sheets: list[Sheet], mappings: Mapping[str, SheetMapping], contract: Contract) -> Reading:
    reading = Reading()
    used: set[str] = set()
    for code, ledger in LEDGERS.items():
        mapping = mappings.get(code, SheetMapping())
        sheet = sheet_of(ledger, mapping, sheets, reading)
        if sheet is None:
            continue
        used.add(sheet.title)
        if found := read_table(ledger, mapping, sheet, contract, reading):
            reading.tables[code] = found
    others = [sheet for sheet in sheets if sheet.title not in used]
    ignored = [sheet.title for sheet in others if any(line.filled for line in sheet.lines)]
    if ignored:
        reading.notices.append(t("ledger.sheets_ignored", sheets=t("ledger.and").join(ignored)))
    if not reading.tables and not reading.problems:
        known = t("ledger.and").join(ledger.title for ledger in LEDGERS.values())
        reading.problems.append(t("ledger.no_ledger", known=known))
    return reading


def sheet_of(ledger: Ledger, mapping: SheetMapping, sheets: list[Sheet], reading: Reading) -> Sheet | None:
    by_title = {sheet.title: sheet for sheet in sheets}
    if mapping.sheet:
        if mapping.sheet not in by_title:
            close = meant(mapping.sheet, by_title)
            reading.problems.append(t("ledger.no_sheet", sheet=mapping.sheet, suggestion=close))
        return by_title.get(mapping.sheet)
    named = [norm(ledger.title), *(norm(word) for word in words(f"also_title_{ledger.code}"))]
    seen = [sheet for sheet in sheets if not sheet.hidden and any(line.filled for line in sheet.lines)]
    found = [sheet for sheet in seen if norm(sheet.title) in named]
    if len(found) > 1:
        titles = t("ledger.and").join(sheet.title for sheet in found)
        reading.problems.append(t("ledger.sheets_alike", ledger=ledger.title, sheets=titles))
        return None
    return found[0] if found else None


def norm(heading: str) -> str:
    """A heading without what people add to it: brackets, units, stars, blanks."""
    text = unicodedata.normalize("NFKC", heading).casefold()
    return re.sub(r"\([^)]*\)|[\W_]", "", text)


def read_table(
    ledger: Ledger, mapping: SheetMapping, sheet: Sheet, contract: Contract, reading: Reading
) -> Found | None:
    heading = heading_line(ledger, mapping, sheet)
    if heading is None:
        keys = t("ledger.and").join(ledger.heading(key) for key in ledger.key)
        reading.problems.append(t("ledger.no_heading", sheet=sheet.title, keys=keys))
        return None
    columns, others = columns_of(ledger, mapping, heading, reading)
    if missing := [ledger.heading(key) for key in ledger.key if key not in columns]:
        keys = t("ledger.and").join(missing)
        text = t("ledger.key_missing", sheet=sheet.title, line=heading.number, keys=keys)
        reading.problems.append(text)
        return None
    if others:
        text = t("ledger.columns_ignored", sheet=sheet.title, columns=t("ledger.and").join(others))
        reading.notices.append(text)
    rows = tuple(read_rows(ledger, columns, sheet.lines[heading.number :], contract, reading))
    listed = tuple(column.key for column in ledger.columns if column.key in columns)
    if "os" in listed and "version" not in listed and any(row.values.get("version") for row in rows):
        listed = (*listed, "version")
    duplicates(rows, ledger, reading)
    return Found(ledger, listed, rows, mapping.defaults)


def headings(line: Line) -> dict[int, str]:
    return {
        number: str(cell.value).strip()
        for number, cell in enumerate(line.cells)
        if not cell.blank and isinstance(cell.value, str)
    }


def heading_line(ledger: Ledger, mapping: SheetMapping, sheet: Sheet) -> Line | None:
    """The line with most of the headings that are expected; the first of equals."""
    if mapping.header_row is not None:
        return next((line for line in sheet.lines if line.number == mapping.header_row), None)
    known = {norm(name) for column in ledger.columns for name in ledger.names(column.key)}
    known |= {norm(name) for name in mapping.columns.values()}
    best, most = None, 1
    for line in sheet.lines[:HEADING_WITHIN]:
        score = len({norm(text) for text in headings(line).values()} & known)
        if score > most:
            best, most = line, score
    return best


def columns_of(
    ledger: Ledger, mapping: SheetMapping, heading: Line, reading: Reading
) -> tuple[dict[str, int], list[str]]:
    """Our column → the number of theirs, and the headings nobody asked for. Exact names go first."""
    texts = headings(heading)
    taken: dict[str, int] = {}
    for key, wanted in mapping.columns.items():
        numbers = [number for number, text in texts.items() if norm(text) == norm(wanted)]
        if len(numbers) == 1:
            taken[key] = numbers[0]
            continue
        close = meant(wanted, texts.values()) if not numbers else ""
        text = "ledger.heading_missing" if not numbers else "ledger.heading_twice"
        reading.problems.append(
            t(text, sheet=sheet_title(heading), line=heading.number, heading=wanted) + close
        )
    ignored = {norm(text) for text in mapping.ignore}
    for rank in range(max(len(ledger.names(column.key)) for column in ledger.columns)):
        for column in ledger.columns:
            names = ledger.names(column.key)
            if column.key in taken or column.key in mapping.columns or rank >= len(names):
                continue
            free = [
                number
                for number, text in texts.items()
                if number not in taken.values() and norm(text) == norm(names[rank]) not in ignored
            ]
            if free:
                taken[column.key] = free[0]
            if len(free) > 1:
                places = t("ledger.and").join(heading.cells[number].place for number in free)
                reading.problems.append(t("ledger.headings_alike", heading=names[rank], cells=places))
    others = [
        text for number, text in texts.items() if number not in taken.values() and norm(text) not in ignored
    ]
    return taken, others


def read_rows(
    ledger: Ledger, columns: Mapping[str, int], lines: tuple[Line, ...], contract: Contract, reading: Reading
) -> Iterator[Row]:
    options = {column.key: choices(ledger, column, contract) for column in ledger.columns}
    for line in lines:
        if not line.filled:
            continue
        if is_note(ledger, columns, line):
            first = line.filled[0]
            reading.notices.append(t("ledger.note_skipped", cell=first.place, text=str(first.value)[:40]))
            continue
        if line.hidden:
            reading.notices.append(t("ledger.hidden_row", sheet=sheet_title(line), line=line.number))
        if row := read_row(ledger, columns, line, options, reading):
            yield row


def read_row(
    ledger: Ledger, columns: Mapping[str, int], line: Line, options: Mapping[str, Words], reading: Reading
) -> Row | None:
    """The line as a row; each cell that cannot be taken is a problem, and then there is no row."""
    values: dict[str, str] = {}
    doubtful: set[str] = set()
    before = len(reading.problems)
    for key, number in columns.items():
        cell, column = line.cells[number], ledger.column(key)
        try:
            if key in ledger.key and (cell.merged or cell.blank):
                raise BadCell(t("ledger.merged_key" if cell.merged else "ledger.key_blank"))
            if column.key == "os" and isinstance(cell.value, str):
                values |= system(cell.value, options["os"], columns)
            if key not in values:
                values[key] = value_of(cell, column, options[key])
            if column.kind == "version" and isinstance(cell.value, float):
                doubtful.add(key)
        except BadCell as bad:
            reading.problems.append(f"{cell.place}: {bad}")
    if len(reading.problems) > before:
        return None
    places = {key: line.cells[number].place for key, number in columns.items()}
    return Row(tuple(values[key] for key in ledger.key), values, places, frozenset(doubtful))


def sheet_title(line: Line) -> str:
    return line.cells[0].place.rpartition("!")[0]


def system(text: str, options: Words, columns: Mapping[str, int]) -> dict[str, str]:
    """One column often holds both: `CentOS 7.9`. The version's own column, if any, goes before it."""
    code, version = system_and_version(clean(text), options)
    if not code:
        return {}
    return {"os": code, **({"version": version} if version and "version" not in columns else {})}


def is_note(ledger: Ledger, columns: Mapping[str, int], line: Line) -> bool:
    """A remark below or between: spread over the line, or alone and no name of a thing."""
    filled = line.filled
    if line.spanned and len(filled) == 1:
        return True
    key = line.cells[columns[ledger.key[0]]]
    begins = str(filled[0].value).strip().startswith(tuple(words("notes")))
    if begins and len(filled) <= 2:
        return True
    return len(filled) == 1 and filled[0] is not key and len(columns) > 1


def duplicates(rows: tuple[Row, ...], ledger: Ledger, reading: Reading) -> None:
    first: dict[str, Row] = {}
    for row in rows:
        known = first.setdefault(row.identity, row)
        if known is not row:
            place, other = (one.places[ledger.key[-1]] for one in (row, known))
            reading.problems.append(f"{place}: " + t("ledger.row_twice", name=row.name, other=other))
