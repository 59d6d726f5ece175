"""Tables in a Word document: real column widths, headings that repeat, rows that stay whole."""

import re
from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import escape

from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from docx.shared import Emu

from tasks.errors import OpsError
from tasks.model import Status
from tasks.reports.form import Cell, Table
from tasks.texts import t

COLOURS = {Status.OK: "1A7F37", Status.WARN: "9A6700", Status.FAIL: "CF222E", Status.UNKNOWN: "6E40C9"}
SHADE = '<w:shd w:val="clear" w:fill="F6F8FA"/>'
HALF_POINTS = 18
BEGIN = '<w:t xml:space="preserve">'
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
    twips = [round(each.twips) for each in widths]
    heading = [
        _cell(Cell(column.title), each, True, SHADE)
        for column, each in zip(table.columns, twips, strict=True)
    ]
    made._tbl.append(_row(heading, "tblHeader"))
    for row in table.rows:
        cells = [_cell(cell, each, cell.status is not None) for cell, each in zip(row, twips, strict=True)]
        made._tbl.append(_row(cells, "cantSplit"))
    return made


def _row(cells: Sequence[str], mark: str) -> Any:
    """As XML at once: an inspection has thousands of rows, and python-docx takes 4 ms for a cell."""
    return parse_xml(f"<w:tr {nsdecls('w')}><w:trPr><w:{mark}/></w:trPr>{''.join(cells)}</w:tr>")


def _cell(cell: Cell, width: int, bold: bool, shade: str = "") -> str:
    colour = f'<w:color w:val="{COLOURS[cell.status]}"/>' if cell.status else ""
    look = f'<w:rPr><w:b w:val="{int(bold)}"/>{colour}<w:sz w:val="{HALF_POINTS}"/></w:rPr>'
    place = f'<w:tcPr><w:tcW w:w="{width}" w:type="dxa"/>{shade}</w:tcPr>'
    return f"<w:tc>{place}<w:p><w:r>{look}{_words(cell.text)}</w:r></w:p></w:tc>"


def _words(text: str) -> str:
    words = re.sub(r"\r\n?|\n", f"</w:t><w:br/>{BEGIN}", escape(writable(text)))
    return BEGIN + words.replace("\t", f"</w:t><w:tab/>{BEGIN}") + "</w:t>"
