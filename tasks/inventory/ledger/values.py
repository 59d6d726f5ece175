"""From a cell to the text of a field: numbers as text, text as numbers, dates in every spelling.
What cannot be taken for certain is a `BadCell`, which says why.
"""

import re
import unicodedata
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta

from tasks.inventory.addresses import is_address
from tasks.inventory.ledger.columns import Column, words
from tasks.inventory.ledger.workbook import Cell
from tasks.inventory.schema import NAME
from tasks.inventory.suggest import meant
from tasks.texts import t

DATE = re.compile(r"(\d{4})\D(\d{1,2})\D(\d{1,2})\D?|(\d{4})(\d{2})(\d{2})")
# Excel counts days from here; it believes that 1900 was a leap year.
# Spreadsheets take "3-1" and "6.10" for dates; written back as such they would be other names.
NEVER_DATES = ("name", "address", "version", "port", "number", "instances")
EPOCH = date(1899, 12, 30)
# 2000-01-01 to 2099-12-31: what else a bare number in a date column means is not certain.
SERIALS = range(36526, 73051)
# Excel keeps 15 digits.
MOST_DIGITS = 15
LONGEST = 2000
# ECMA-376 22.9.2.19: how a workbook writes what XML cannot hold, and the underscore before it.
ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
# Before this no contract has anything; Excel shows a small number as a day of 1900.
FIRST_DAY = date(1990, 1, 1)
INSTANCE = re.compile(r"([\w.-]+)@([\w.-]+)(?:[(:]([^()]+?)\)?)?")

Words = Mapping[str, tuple[str, ...]]


class BadCell(ValueError):
    """What is wrong with a cell, in the user's language."""


def value_of(cell: Cell, column: Column, choices: Words) -> str:
    """The cell as a field's text; blank is empty."""
    text = plain(cell)
    if column.kind == "date":
        return date_of(cell, text)
    if column.kind in NEVER_DATES and isinstance(cell.value, date | time):
        raise BadCell(t("ledger.is_a_date", value=text))
    if not text or (column.kind != "text" and text.casefold() in words("nothing")):
        return ""
    match column.kind:
        case "choice":
            return choice_of(text, choices)
        case "port" | "number":
            return number_of(text, column.kind)
        case "name" if not NAME.fullmatch(text):
            raise BadCell(t("ledger.bad_name", value=text))
        case "address" if not is_address(text):
            raise BadCell(t("ledger.not_an_address", value=text))
        case "instances":
            return instances_of(text)
    return text


def plain(cell: Cell) -> str:
    """The text of any cell, without what no field may hold."""
    value = cell.value
    if cell.kind == "f":
        raise BadCell(t("ledger.formula"))
    if cell.kind == "e":
        raise BadCell(t("ledger.error_value", value=value))
    match value:
        case None:
            return ""
        case bool():
            raise BadCell(t("ledger.truth_value"))
        case int() | float():
            return number_text(value)
        case datetime():
            return value.isoformat(" ") if value.time() != time() else value.date().isoformat()
        case date() | time():
            return value.isoformat()
        case str():
            return clean(value)
    raise BadCell(t("ledger.formula"))


def number_text(value: int | float) -> str:
    if isinstance(value, float) and not value.is_integer():
        return repr(value)
    if abs(value) >= 10**MOST_DIGITS:
        raise BadCell(t("ledger.digits_lost"))
    return str(int(value))


def clean(value: str) -> str:
    """One line, without the spaces around it and between its lines."""
    text = " ".join(ESCAPED.sub(lambda found: chr(int(found[1], 16)), value).split())
    for char in text:
        if unicodedata.category(char)[0] == "C":
            raise BadCell(t("ledger.control_character", code=f"U+{ord(char):04X}"))
    if len(text) > LONGEST:
        raise BadCell(t("ledger.too_long", most=LONGEST))
    return text


def date_of(cell: Cell, text: str) -> str:
    if not text or text.casefold() in (*words("forever"), *words("nothing")):
        return ""
    if isinstance(cell.value, int | float) and int(cell.value) in SERIALS:
        return (EPOCH + timedelta(days=int(cell.value))).isoformat()
    found = DATE.match(text)
    if not found:
        raise BadCell(t("ledger.not_a_date", value=text))
    try:
        day = date(*(int(part) for part in found.groups() if part))
    except ValueError as problem:
        raise BadCell(t("ledger.not_a_date", value=text)) from problem
    if day < FIRST_DAY:
        raise BadCell(t("ledger.not_a_date", value=text))
    return day.isoformat()


def number_of(text: str, kind: str) -> str:
    digits = text.replace(",", "").replace(" ", "")
    if not re.fullmatch(r"\d{1,15}", digits, re.ASCII):
        raise BadCell(t("ledger.not_a_number", value=text))
    if kind == "port" and not 1 <= int(digits) <= 65535:
        raise BadCell(t("ledger.not_a_port", value=text))
    return str(int(digits))


def folded(text: str) -> str:
    """Full and half width, case and blanks make no difference between words."""
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())


def choice_of(text: str, choices: Words) -> str:
    known = {folded(word): code for code, listed in choices.items() for word in (code, *listed)}
    if code := known.get(folded(text)):
        return code
    listed = t("ledger.and").join(words[0] for words in choices.values())
    raise BadCell(t("ledger.not_a_choice", value=text, known=listed) + meant(text, known))


def system_and_version(text: str, choices: Words) -> tuple[str, str]:
    """`Red Hat Enterprise Linux release 7.6` → redhat, 7.6."""
    plain = unicodedata.normalize("NFKC", text).strip()
    named = sorted(
        ((word, code) for code, listed in choices.items() for word in (code, *listed)),
        key=lambda pair: -len(pair[0]),
    )
    for word, code in named:
        rest = plain[len(word) :]
        if plain.casefold().startswith(word.casefold()) and not rest[:1].isalpha():
            version = re.sub(r"^(\W|release|server|linux|advanced)+", "", rest.strip(), flags=re.IGNORECASE)
            return code, version.strip()
    return "", ""


def instances_of(text: str) -> str:
    """`a@H1, b@H2(role)`, in the words of the ledger, becomes `a@H1 b@H2:standby`."""
    roles = {folded(t(f"ledger.role_{role}")): role for role in ("primary", "standby")}
    found = []
    for one in re.split(r"[\s,;\u3001]+", unicodedata.normalize("NFKC", text)):
        match = INSTANCE.fullmatch(one)
        role = match and match[3] and roles.get(folded(match[3]), match[3])
        if not match or (role and role not in roles.values()):
            raise BadCell(t("ledger.bad_instances", value=one))
        found.append(f"{match[1]}@{match[2]}" + (f":{role}" if role else ""))
    return " ".join(found)
