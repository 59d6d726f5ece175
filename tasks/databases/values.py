"""What drivers give, as values that JSON has: the same for every engine."""

import math
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from tasks.databases import Table


def table(columns: Sequence[tuple[str, str]], rows: Iterable[Sequence[Any]]) -> Table:
    named = tuple((name.lower(), kind) for name, kind in columns)
    names = [name for name, _ in named]
    return Table(named, tuple(dict(zip(names, map(value, row), strict=True)) for row in rows))


def value(given: Any) -> Any:
    """Times in ISO 8601, spans in seconds, bytes in hexadecimal digits; what is no number is text."""
    match given:
        case None | bool() | int() | str():
            return given
        case float():
            return given if math.isfinite(given) else str(given)
        case Decimal():
            if not given.is_finite():
                return str(given)
            return int(given) if given == given.to_integral_value() else float(given)
        case datetime() | date() | time():
            return given.isoformat()
        case timedelta():
            return given.total_seconds()
        case bytes() | bytearray() | memoryview():
            return bytes(given).hex()
        case _:
            return str(given)
