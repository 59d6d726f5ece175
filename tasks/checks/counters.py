"""Counters that a server keeps from its start on, and how far they came since the last record."""

import json
from collections.abc import Mapping

from tasks.checks.answers import Member
from tasks.checks.judging import Before


def grown(before: Before, member: Member, now: Mapping[str, float]) -> Mapping[str, float]:
    """By how much each grew; one that began anew, by all that it has. Without those that are new."""
    was = json.loads(before.marks.get(mark(member), "{}"))
    return {
        name: value if value < was[name] else value - was[name] for name, value in now.items() if name in was
    }


def kept(member: Member, now: Mapping[str, float]) -> Mapping[str, str]:
    """For the next run to count from."""
    return {mark(member): json.dumps(now, ensure_ascii=False)}


def mark(member: Member) -> str:
    return f"{member.name}.counters"
