"""Rows of a database as judges take them: text and numbers that are really there, and subjects that tell the
members of a set apart.
"""

import math
from collections.abc import Mapping

from tasks.checks.answers import Member, Row

MIB = 1024**2


def text(row: Row, column: str) -> str:
    value = row[column]
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{column}: {value}")
    return value.strip()


def number(row: Row, column: str) -> float:
    """Infinite and not-a-number would pass every threshold."""
    value = row[column]
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{column}: {value}")
    return float(value)


def of_member(member: Member, words: str) -> str:
    return f"{member.name} {words}" if member.facts.get("form") == "dataguard" else words


def numbers(row: Row, *columns: str) -> Mapping[str, float]:
    return {column: number(row, column) for column in columns}
