"""What a user's real database answers, kept as recorded cases in the form that the tests read: a folder for
each check with `<case>.txt`, the answer, and `<case>.json`, the findings it gives.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tasks.checks import Check
from tasks.checks.answers import Answers, Asked, Member, read, write
from tasks.checks.judging import Before, Limits
from tasks.files import write_whole
from tasks.inspection.collect import Collected
from tasks.inspection.judge import judge
from tasks.model import Finding, Output

# Numbers, times and versions give nobody away.
HARMLESS = re.compile(r"[\d\s.,:+%/TZ-]*")
# But addresses do, and names of nothing but digits.
ADDRESS = re.compile(r"(?<![\d.])\d{1,3}(\.\d{1,3}){3}(?![\d.])|::")
MEASURES = re.compile(
    r"(number|num|count|seconds|time|date|size|bytes|percent|limit|value|max|min|used|free|total|#)($|_)"
)
# Columns and facts whose text says how things stand, never what they are called.
STATES = re.compile(r"(^|_)(status|state|mode|type|role|version|level|engine|flavour|form|cdb|enabled)($|_)")


@dataclass
class Masking:
    """The same text is masked alike throughout a recording, so that what belonged together still does."""

    known: dict[str, str] = field(default_factory=dict)

    def member(self, one: Member) -> Member:
        facts = {key: self.text(key, value) for key, value in one.facts.items()}
        return replace(
            one,
            name=self.text("", one.name),
            facts=facts,
            asked=tuple(self.asked(a) for a in one.asked),
            failure=self.text("", one.failure),
        )

    def asked(self, one: Asked) -> Asked:
        rows = tuple({key: self.value(key, value) for key, value in row.items()} for row in one.rows)
        return replace(one, rows=rows, failure=one.code or self.text("", one.failure))

    def value(self, column: str, value: Any) -> Any:
        return self.text(column, value) if isinstance(value, str) else value

    def text(self, column: str, text: str) -> str:
        if not names(column.lower(), text):
            return text
        return self.known.setdefault(text, f"MASKED_{len(self.known) + 1}")


def names(column: str, text: str) -> bool:
    """Whether it tells who or where somebody is."""
    if "version" in column:
        return False
    if ADDRESS.search(text) or (text.isdecimal() and not MEASURES.search(column)):
        return True
    return not (HARMLESS.fullmatch(text) or STATES.search(column))


@dataclass(frozen=True, slots=True)
class Recorded:
    check: str
    statements: int
    rows: int
    findings: int
    # Why nothing was kept; empty: it was.
    left_out: str = ""


def record(
    collected: Collected, folder: Path, case: str, masking: Masking | None, why: str
) -> list[Recorded]:
    """`why` is told of what is left out of a masked recording: log lines, which nothing could mask."""
    return [
        keep(check, collected.outputs[check.name], folder, case, masking, why) for check in collected.checks
    ]


def keep(
    check: Check, output: Output, folder: Path, case: str, masking: Masking | None, why: str
) -> Recorded:
    answers = read(output.text)
    if masking and check.on_host:
        return Recorded(check.name, 0, 0, 0, why)
    if masking:
        answers = Answers(tuple(masking.member(one) for one in answers.members))
    text = write(answers.members)
    found = judge(check, replace(output, text=text, raw=text.encode()), Limits(check.limits), Before())
    said = {"recorded": True, "masked": bool(masking), "started_at": output.started_at.isoformat()}
    place = folder / check.name
    place.mkdir(parents=True, exist_ok=True)
    write_whole(place / f"{case}.txt", f"{text}\n".encode())
    told_all = json.dumps({**said, "findings": [told(one) for one in found]}, ensure_ascii=False, indent=1)
    write_whole(place / f"{case}.json", f"{told_all}\n".encode())
    asked = [one for member in answers.members for one in member.asked]
    return Recorded(check.name, len(asked), sum(len(one.rows) for one in asked), len(found))


def told(found: Finding) -> Mapping[str, Any]:
    """A finding as a case writes it."""
    told = {
        "status": str(found.status),
        "subject": found.subject,
        "summary": found.summary,
        "numbers": {number.name: number.value for number in found.numbers},
        "advice": bool(found.advice),
    }
    return told | ({"change": found.change} if found.change else {})


def summary(recorded: Sequence[Recorded]) -> tuple[int, int]:
    """How many checks were kept, and how many were not."""
    kept = sum(not one.left_out for one in recorded)
    return kept, len(recorded) - kept
