"""Rows of Oracle as judges take them: text and numbers that are really there, subjects that tell the members
of a set and the nodes of a cluster apart.
"""

import json
import math

from tasks.checks.answers import Member, Row

MIB = 1024**2
GIB = 1024**3


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


def of_node(member: Member, row: Row, words: str) -> str:
    """Each node of a cluster has its own."""
    node = f"{number(row, 'inst_id'):.0f} 号实例 " if member.facts.get("form") == "rac" else ""
    return of_member(member, node + words)


def printed(member: Member) -> list[str]:
    """What a probe on the host printed: lines on Linux, one string in JSON on Windows."""
    if member.text.lstrip().startswith('{"at":'):
        return str(json.loads(member.text)["answer"]).splitlines()
    return member.text.splitlines()
