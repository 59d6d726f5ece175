"""Oracle's SQL on SQLite: the functions and turns of phrase that the product's statements use.

A NUMBER is a REAL, so that a division keeps its fractions. A DATE is a REAL, too, a number of days as in
Oracle's own arithmetic, from an origin so far out that no other number in the dictionary comes near it.
"""

import datetime as dt
import re
import sqlite3
from collections.abc import Sequence
from functools import cache
from typing import Any

ORIGIN = 1_000_000_000.0
FIRST, LAST = ORIGIN + 700_000, ORIGIN + 800_000  # the years 1917 to 2191
DAY = 86400

# Oracle's way of writing → SQLite's.
TURNS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE | re.DOTALL), instead)
    for pattern, instead in (
        (r"\b(?:sysdate|systimestamp|current_timestamp|current_date)\b", "now_()"),
        (r"\bcast\s*\(\s*([\w.()$#]+)\s+as\s+(?:date|timestamp)\s*\)", r"(\1)"),
        (r"\binterval\s+'(\d+)'\s+day\b", r"\1.0"),
        (r"\binterval\s+'(\d+)'\s+hour\b", r"(\1.0/24)"),
        (r"\binterval\s+'(\d+)'\s+minute\b", r"(\1.0/1440)"),
        (r"\b(?:numtodsinterval)\s*\(", "numtodsinterval_("),
        (r"\bsys_context\s*\(", "sys_context_("),
        (r"\bfetch\s+first\s+(\d+)\s+rows?\s+only\b", r"limit \1"),
        (r"\bwhere\s+rownum\s*<=\s*(\d+)(?=\s*(?:\)|$))", r"limit \1"),
        (r"\band\s+rownum\s*<=\s*(\d+)(?=\s*(?:\)|$))", r"limit \1"),
        (r"\bminus\b", "except"),
        (r"(?<!\")\b([a-z]\w*#)", r'"\1"'),
        # JSON on the way: a number of Oracle's has no integer division, whatever it comes from.
        (r"\bcount\s*\(\s*\*\s*\)", "(count(*) + 0.0)"),
    )
)
ELEMENTS = (
    ("YYYY", "%Y"), ("HH24", "%H"), ("MI", "%M"), ("SS", "%S"), ("MM", "%m"), ("DD", "%d"), ('"T"', "T"),
    ("FF3", "%f"), ("FF6", "%f"), ("FF", "%f"),
)  # fmt: skip


@cache
def translated(sql: str) -> str:
    for pattern, instead in TURNS:
        sql = pattern.sub(instead, sql)
    return sql


def days(at: dt.datetime) -> float:
    """A moment as it lies in a table."""
    since = at.replace(tzinfo=None) - dt.datetime(1, 1, 1)
    return ORIGIN + since.days + 1 + (since.seconds + since.microseconds / 1e6) / DAY


def moment(value: float) -> dt.datetime:
    """To the hundredth of a second: that far such a number goes."""
    return dt.datetime(1, 1, 1) + dt.timedelta(seconds=round((value - ORIGIN - 1) * DAY, 1))


def is_moment(value: object) -> bool:
    return isinstance(value, float) and FIRST < value < LAST


def out(value: Any) -> Any:
    """From SQLite to what goes over the wire."""
    if is_moment(value):
        return moment(value).replace(microsecond=0)
    return None if value == "" else value


def kept(value: Any) -> Any:
    """From Python to what lies in a table."""
    if isinstance(value, dt.datetime):
        return days(value)
    return None if value == "" else value


def written(value: Any, form: str = "") -> str | None:
    """to_char"""
    if value is None:
        return None
    if is_moment(value):
        return moment(value).strftime(pythons(form or "YYYY-MM-DD HH24:MI:SS"))
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def read(text: str | None, form: str = "YYYY-MM-DD HH24:MI:SS") -> float | None:
    """to_date"""
    return None if text is None else days(dt.datetime.strptime(text, pythons(form)))


def pythons(form: str) -> str:
    for oracles, ours in ELEMENTS:
        form = form.replace(oracles, ours).replace(oracles.lower(), ours)
    return form


def decode(value: Any, *pairs: Any) -> Any:
    """Two NULLs are the same here, and nowhere else."""
    for at in range(0, len(pairs) - 1, 2):
        if pairs[at] == value:
            return pairs[at + 1]
    return pairs[-1] if len(pairs) % 2 else None


def extreme(best: Any) -> Any:
    return lambda *values: None if None in values else best(values)


def trunc(value: float | None, unit: str = "") -> float | None:
    return None if value is None else float(int(value))


def number(text: Any) -> float | None:
    return None if text is None else float(text)


def regexp_like(text: str | None, pattern: str, flags: str = "") -> bool:
    return text is not None and bool(re.search(pattern, text, re.IGNORECASE if "i" in flags else 0))


def install(connection: sqlite3.Connection) -> None:
    units = {"DAY": 1.0, "HOUR": 1 / 24, "MINUTE": 1 / 1440, "SECOND": 1 / DAY}
    functions: Sequence[tuple[str, int, Any]] = (
        ("nvl", 2, lambda value, instead: instead if value is None else value),
        ("nvl2", 3, lambda value, there, absent: absent if value is None else there),
        ("greatest", -1, extreme(max)),
        ("least", -1, extreme(min)),
        ("decode", -1, decode),
        ("to_char", -1, written),
        ("to_date", -1, read),
        ("to_timestamp", -1, read),
        ("to_number", 1, number),
        ("trunc", -1, trunc),
        ("regexp_like", -1, regexp_like),
        ("numtodsinterval_", 2, lambda count, unit: count * units[unit.upper()]),
        ("now_", 0, lambda: days(dt.datetime.now())),
        ("power", 2, lambda base, exponent: base**exponent),
        ("mod", 2, lambda value, by: value - by * int(value / by) if by else value),
        ("sign", 1, lambda value: (value > 0) - (value < 0)),
        ("bitand", 2, lambda one, other: int(one) & int(other)),
    )
    for name, arguments, function in functions:
        connection.create_function(name, arguments, function)
