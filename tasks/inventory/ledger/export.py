"""The ledgers of one contract as a workbook: a sheet each, ready to be read and printed."""

import io
from collections.abc import Mapping
from typing import Any

import xlsxwriter

from tasks.inventory.contract import Contract
from tasks.inventory.ledger.columns import LEDGERS, Ledger
from tasks.inventory.ledger.rows import Row, Tables, shown
from tasks.texts import t

# ISO 216, as Excel numbers paper sizes.
A4 = 9


def workbook(contract: Contract, tables: Tables) -> bytes:
    target = io.BytesIO()
    # Text stays text: nothing a ledger holds may become a formula, a link or a number.
    options = {
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    with xlsxwriter.Workbook(target, options) as book:
        book.set_properties({"title": t("ledger.workbook_title", name=contract.name)})
        formats = {
            "head": book.add_format(
                {"bold": True, "bg_color": "#DDE7F0", "border": 1, "text_wrap": True, "valign": "vcenter"}
            ),
            "cell": book.add_format({"num_format": "@", "border": 1, "text_wrap": True, "valign": "top"}),
        }
        for code, ledger in LEDGERS.items():
            write_sheet(book.add_worksheet(ledger.title), ledger, tables[code], contract, formats)
    return target.getvalue()


def write_sheet(
    sheet: Any, ledger: Ledger, rows: tuple[Row, ...], contract: Contract, formats: Mapping[str, Any]
) -> None:
    for number, column in enumerate(ledger.columns):
        sheet.set_column(number, number, column.width)
        sheet.write_string(0, number, ledger.heading(column.key), formats["head"])
        for line, row in enumerate(rows, 1):
            value = shown(ledger, column.key, row.values[column.key], contract)
            sheet.write_string(line, number, value, formats["cell"])
    last = len(ledger.columns) - 1
    sheet.set_row(0, 30)
    sheet.freeze_panes(1, 2)
    sheet.autofilter(0, 0, len(rows), last)
    sheet.ignore_errors({"number_stored_as_text": f"A1:{column_letter(last)}{len(rows) + 1}"})
    sheet.set_landscape()
    sheet.set_paper(A4)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(0)
    sheet.set_margins(left=0.4, right=0.4, top=0.8, bottom=0.6)
    # In page headers `&` begins a code.
    sheet.set_header(f"&L{contract.name.replace('&', '&&')}&R{ledger.title}")
    sheet.set_footer(t("ledger.footer"))


def column_letter(number: int) -> str:
    """0 → A, 26 → AA."""
    letters = ""
    while number >= 0:
        letters = chr(ord("A") + number % 26) + letters
        number = number // 26 - 1
    return letters
