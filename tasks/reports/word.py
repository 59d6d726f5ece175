"""Tables in a Word document: real column widths, headings that repeat, rows that stay whole."""

import re
from collections.abc import Sequence
from typing import Any

from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Emu, Pt, RGBColor

from tasks.errors import OpsError
from tasks.model import Status
from tasks.reports.form import Cell, Table
from tasks.texts import t

COLOURS = {Status.OK: "1A7F37", Status.WARN: "9A6700", Status.FAIL: "CF222E", Status.UNKNOWN: "6E40C9"}
MARKER = "[[tables]]"
# What XML 1.0 has no place for, not even escaped.
UNWRITABLE = re.compile("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")


def writable(text: str) -> str:
    return UNWRITABLE.sub("\ufffd", text)


def insert_tables(document: Any, tables: Sequence[Table]) -> None:
    """Put the tables in place of the paragraph that says `[[tables]]`."""
    marker = next((line for line in document.paragraphs if line.text.strip() == MARKER), None)
    if marker is None:
        raise OpsError(t("reports.no_marker", marker=MARKER))
    section = document.sections[-1]
    width = section.page_width - section.left_margin - section.right_margin
    for table in tables:
        marker.insert_paragraph_before(table.title, style="Heading 2")
        if table.rows:
            made = _table(document, table, width)
            marker._p.addprevious(made._tbl)
        else:
            marker.insert_paragraph_before(table.empty)
    marker._p.getparent().remove(marker._p)


def _table(document: Any, table: Table, width: int) -> Any:
    total = sum(column.weight for column in table.columns)
    widths = [Emu(width * column.weight // total) for column in table.columns]
    made = document.add_table(rows=0, cols=len(widths))
    made.style = "Table Grid"
    made.autofit = False
    for column, each in zip(made.columns, widths, strict=True):
        column.width = each
    heading = made.add_row()
    _mark(heading, "w:tblHeader")
    for place, column, each in zip(heading.cells, table.columns, widths, strict=True):
        _fill(place, Cell(column.title), each, bold=True)
        _shade(place)
    for row in table.rows:
        line = made.add_row()
        for place, cell, each in zip(line.cells, row, widths, strict=True):
            _fill(place, cell, each, bold=cell.status is not None)
        _mark(line, "w:cantSplit")
    return made


def _fill(place: Any, cell: Cell, width: Emu, bold: bool) -> None:
    place.width = width
    run = place.paragraphs[0].add_run(writable(cell.text))
    run.font.size = Pt(9)
    run.bold = bold
    if cell.status:
        run.font.color.rgb = RGBColor.from_string(COLOURS[cell.status])


def _mark(row: Any, property_name: str) -> None:
    row._tr.get_or_add_trPr().append(OxmlElement(property_name))


def _shade(place: Any) -> None:
    shade = OxmlElement("w:shd")
    shade.set(qn("w:val"), "clear")
    shade.set(qn("w:fill"), "F6F8FA")
    place._tc.get_or_add_tcPr().append(shade)
