"""Rows of Oracle as judges take them: subjects that tell the nodes of a cluster apart, and what was printed
by a probe on the host.
"""

import json

from tasks.checks.answers import Member, Row
from tasks.checks.rows import number, of_member

GIB = 1024**3


def of_node(member: Member, row: Row, words: str) -> str:
    """Each node of a cluster has its own."""
    node = f"{number(row, 'inst_id'):.0f} 号实例 " if member.facts.get("form") == "rac" else ""
    return of_member(member, node + words)


def printed(member: Member) -> list[str]:
    """What a probe on the host printed: lines on Linux, one string in JSON on Windows."""
    if member.text.lstrip().startswith('{"at":'):
        return str(json.loads(member.text)["answer"]).splitlines()
    return member.text.splitlines()
