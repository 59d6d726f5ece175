"""Workbooks that people or accidents have changed: refused, or read with each bad cell named."""

import hashlib
import re
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl

from tests.bench.show import Item
from tests.bench.typed import House

CODE = "office-oa"
OLE = bytes.fromhex("d0cf11e0a1b11ae1")  # what .xls files and encrypted .xlsx files begin with
CELL = re.compile(r"[A-Z]{1,2}\d+")
Change = Callable[[Any], list[str]]


def merged(book: Any) -> list[str]:
    sheet = book.worksheets[0]
    for one in sheet["B2:B4"]:
        one[0].value = one[0].value if one[0].row == 2 else None
    sheet.merge_cells("B2:B4")
    return ["B3"]


def cells(*values: Any) -> Change:
    """Put each value into a row of its own, in the columns of name and address."""

    def put(book: Any) -> list[str]:
        sheet = book.worksheets[0]
        found = []
        headings = [str(cell.value) for cell in sheet[1]]
        column = next(at for at, text in enumerate(headings, 1) if "IP" in text.upper() or "地址" in text)
        for row, value in enumerate(values, 2):
            sheet.cell(row, column).value = value
            found.append(sheet.cell(row, column).coordinate)
        return found

    return put


CHANGES: dict[str, Change] = {
    "merged cells": merged,
    "wrong types": cells(True, 3.25, date(2026, 3, 1), "#REF!"),
    "hostile text": cells("$(id)", "a;rm -rf b", "`id`", "../.."),
    "formula": cells("=A1&B1", '=HYPERLINK("x")'),
    "address of nobody": cells("10.0.0.999", "203.0.113.11 203.0.113.12"),
}


def raw_files(sound: bytes) -> dict[str, bytes]:
    return {
        "old .xls": OLE + bytes(4096),
        "encrypted": OLE + "EncryptedPackage".encode("utf-16-le") * 40,
        "truncated": sound[: len(sound) // 2],
        "empty": b"",
        "text": b"a,b\n1,2\n",
        "zip of nothing": b"PK\x05\x06" + bytes(18),
    }


def long_workbook(path: Path, rows: int) -> None:
    book = openpyxl.load_workbook(path)
    sheet = book.worksheets[0]
    first = [cell.value for cell in sheet[2]]
    for number in range(rows):
        sheet.append([f"X-{number}" if value == first[1] else value for value in first])
    book.save(path)


def digest(folder: Path) -> str:
    made = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        made.update(path.name.encode() + b"\0" + path.read_bytes())
    return made.hexdigest()


def workbooks(folder: Path, rows: int) -> Iterator[Item]:
    house = House(folder)
    sound = folder / "sound.xlsx"
    assert house.here("ledger", "export", "--contract", CODE, "--output", str(sound)).code == 0
    before, path, failures = digest(house.inventories), folder / "theirs.xlsx", []

    def tried(name: str, named: list[str]) -> None:
        said = house.here("ledger", "import", "--contract", CODE, str(path), "--yes")
        if said.crashed or said.raw or said.code == 0:
            failures.append(f"{name}: exit {said.code} {' '.join(said.raw)}")
        if missing := [cell for cell in named if cell not in CELL.findall(said.text)]:
            failures.append(f"{name}: {' '.join(missing)} not named")
        if digest(house.inventories) != before:
            failures.append(f"{name}: files changed")

    for name, change in CHANGES.items():
        book = openpyxl.load_workbook(sound)
        named = change(book)
        book.save(path)
        tried(name, named)
    raw = raw_files(sound.read_bytes())
    for name, content in raw.items():
        path.write_bytes(content)
        tried(name, [])
    path.write_bytes(sound.read_bytes())
    long_workbook(path, rows)
    started = time.monotonic()
    tried(f"{rows} rows", [])
    measured = f"{len(CHANGES) + len(raw) + 1} workbooks; {rows} rows in {time.monotonic() - started:.1f} s"
    target = "refused, each bad cell named, YAML untouched byte for byte"
    yield Item("damaged workbooks", " · ".join([measured, *failures[:5]]), target, not failures)
