"""People's own workbooks, opened with care: what is not an xlsx is told in one sentence, and each
cell is taken as what it is, where it is.
"""

import io
import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import openpyxl
from openpyxl.utils.cell import get_column_letter, range_boundaries
from openpyxl.utils.exceptions import InvalidFileException

from tasks.errors import OpsError, Refused
from tasks.texts import t, why

# Ledgers are small; what is larger is another file, or one made to fill the memory.
MOST_BYTES = 20_000_000
MOST_UNPACKED = 200_000_000
MOST_ROWS, MOST_COLUMNS = 20_000, 200
MOST_MERGED = 2_000_000
MERGED = re.compile(rb'<(?:\w+:)?mergeCell [^>]*?ref="([A-Z0-9:$]+)"')
OLE = bytes.fromhex("d0cf11e0a1b11ae1")
# Excel packs an encrypted workbook into an OLE file under this name.
ENCRYPTED = "EncryptedPackage".encode("utf-16-le")

# What openpyxl lets through when a part of the file is not what it should be. A SyntaxError is the
# XML parser's, whichever of the two it uses.
STUMBLES = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    InvalidFileException,
    SyntaxError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    EOFError,
    NotImplementedError,
    RuntimeError,
)

Value = None | str | int | float | bool | date | datetime | time


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell; `merged` is the row its merged range begins in, if that is another."""

    place: str
    value: Value
    kind: str = ""
    merged: bool = False

    @property
    def blank(self) -> bool:
        return self.value is None or (isinstance(self.value, str) and not self.value.strip())


@dataclass(frozen=True, slots=True)
class Line:
    number: int
    cells: tuple[Cell, ...]
    hidden: bool
    # A merged range across most of the line: a title or a note.
    spanned: bool

    @property
    def filled(self) -> list[Cell]:
        return [cell for cell in self.cells if not cell.blank and not cell.merged]


@dataclass(frozen=True, slots=True)
class Sheet:
    title: str
    hidden: bool
    lines: tuple[Line, ...]


def read_sheets(path: Path) -> list[Sheet]:
    content = opened(path)
    try:
        with warnings.catch_warnings():
            # About styles and extensions it does not know; the ledgers need neither.
            warnings.simplefilter("ignore")
            book = openpyxl.load_workbook(io.BytesIO(content), data_only=False, rich_text=False)
    except STUMBLES as problem:
        raise Refused(t("ledger.broken_file", file=path.name)) from problem
    return [read_sheet(path, sheet) for sheet in book.worksheets]


def opened(path: Path) -> bytes:
    """The bytes of a workbook that is worth parsing."""
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise Refused(t("ledger.too_large", file=path.name, most=MOST_BYTES // 1_000_000))
        content = path.read_bytes()
    except OSError as problem:
        raise OpsError(t("ledger.unreadable", file=path.name, reason=why(problem))) from problem
    if content.startswith(OLE):
        raise Refused(t("ledger.encrypted" if ENCRYPTED in content else "ledger.old_xls", file=path.name))
    if not zipfile.is_zipfile(io.BytesIO(content)):
        raise Refused(t("ledger.not_xlsx", file=path.name))
    try:
        inspect_parts(path, content)
    except STUMBLES as problem:
        raise Refused(t("ledger.broken_file", file=path.name)) from problem
    return content


def inspect_parts(path: Path, content: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        if "xl/workbook.xml" not in parts.namelist():
            raise Refused(t("ledger.not_xlsx", file=path.name))
        if sum(part.file_size for part in parts.infolist()) > MOST_UNPACKED:
            raise Refused(t("ledger.too_large", file=path.name, most=MOST_UNPACKED // 1_000_000))
        for part in parts.infolist():
            # Entities could multiply without end; Excel writes no document type.
            if not part.filename.endswith(".xml"):
                continue
            text = parts.read(part)
            if b"<!DOCTYPE" in text[:4096]:
                raise Refused(t("ledger.broken_file", file=path.name))
            # openpyxl makes a cell for every one that is merged away.
            if any(area(one.decode("ascii")) > MOST_MERGED for one in MERGED.findall(text)):
                raise Refused(t("ledger.merged_too_large", file=path.name))


def area(reference: str) -> int:
    """Cells of `A1:C3`; of anything else, none: that is for the parser to refuse."""
    try:
        left, top, right, bottom = range_boundaries(reference)
    except (ValueError, TypeError):
        return 0
    return ((right or 0) - (left or 0) + 1) * ((bottom or 0) - (top or 0) + 1)


def read_sheet(path: Path, sheet: Any) -> Sheet:
    # Formats may reach to the last line Excel has; only values count.
    filled = [place for place, cell in sheet._cells.items() if cell.value is not None]
    rows, columns = (max((place[i] for place in filled), default=0) for i in (0, 1))
    if rows > MOST_ROWS or columns > MOST_COLUMNS:
        raise Refused(t("ledger.sheet_too_large", sheet=sheet.title, rows=MOST_ROWS, columns=MOST_COLUMNS))
    merged = merged_cells(sheet)
    spans = {one.min_row for one in sheet.merged_cells.ranges if 2 * one.size["columns"] > columns > 1}
    lines = []
    for number, cells in enumerate(sheet.iter_rows(1, rows, 1, columns), 1):
        lines.append(
            Line(
                number,
                tuple(taken(sheet, cell, merged) for cell in cells),
                bool(sheet.row_dimensions[number].hidden),
                number in spans,
            )
        )
    return Sheet(sheet.title, sheet.sheet_state != "visible", tuple(lines))


def merged_cells(sheet: Any) -> Mapping[tuple[int, int], tuple[int, int]]:
    """Cell → first cell of its range, for all but the first."""
    return {
        (row, column): (one.min_row, one.min_col)
        for one in sheet.merged_cells.ranges
        if one.size["rows"] * one.size["columns"] <= MOST_ROWS
        for row in range(one.min_row, one.max_row + 1)
        for column in range(one.min_col, one.max_col + 1)
        if (row, column) != (one.min_row, one.min_col)
    }


def taken(sheet: Any, cell: Any, merged: Mapping[tuple[int, int], tuple[int, int]]) -> Cell:
    place = f"{sheet.title}!{get_column_letter(cell.column)}{cell.row}"
    if first := merged.get((cell.row, cell.column)):
        source = sheet.cell(*first)
        return Cell(place, source.value, source.data_type, merged=True)
    return Cell(place, cell.value, cell.data_type)
