"""Tables as a workbook, for those who sort and filter. Text stays text: nothing becomes a formula."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import xlsxwriter

from tasks.reports.word import writable

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# What a cell of Excel holds.
CELL = 32_767
WIDTHS = (10, 60)


@dataclass(frozen=True, slots=True)
class Sheet:
    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]


def workbook(sheets: Sequence[Sheet]) -> bytes:
    made = io.BytesIO()
    options = {
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    with xlsxwriter.Workbook(made, options) as book:
        head = book.add_format({"bold": True, "bg_color": "#DDE7F0", "border": 1})
        cell = book.add_format({"num_format": "@", "valign": "top"})
        for sheet in sheets:
            page = book.add_worksheet(sheet.title)
            for number, title in enumerate(sheet.heads):
                longest = max((len(row[number]) for row in sheet.rows), default=0)
                page.set_column(number, number, min(max(longest + 2, WIDTHS[0]), WIDTHS[1]))
                page.write_string(0, number, title, head)
            for line, row in enumerate(pieces(sheet.rows), 1):
                for number, text in enumerate(row):
                    page.write_string(line, number, writable(text), cell)
            page.freeze_panes(1, 0)
            page.autofilter(0, 0, max(len(sheet.rows), 1), len(sheet.heads) - 1)
    return made.getvalue()


def pieces(rows: Sequence[Sequence[str]]) -> Sequence[Sequence[str]]:
    """A text too long for a cell goes on in the rows below."""
    return [
        [text[start : start + CELL] if start or len(text) > CELL else text for text in row]
        for row in rows
        for start in range(0, max(map(len, row), default=1) or 1, CELL)
    ]
