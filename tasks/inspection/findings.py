"""Findings and raw answers as evidence: JSON that history, reports and people read again."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from tasks.checks import CHECKS
from tasks.inspection.collect import Collected
from tasks.model import Finding, Mark, Number, Status
from tasks.texts import t

# The names under which an inspection keeps its evidence.
FINDINGS = "findings.json"
ANSWERS = "answers.json"


def title(check: str) -> str:
    """What people call it; reaching a target and a security event are none of the checks."""
    found = CHECKS.get(check)
    return found.title if found else t(f"inspection.{check.replace('.', '_')}")


def write_findings(findings: Iterable[Finding]) -> bytes:
    return json.dumps([_row(found) for found in findings], ensure_ascii=False, indent=1).encode()


def _row(found: Finding) -> dict[str, Any]:
    """Most findings have no marks and are not known: thousands of empty fields would say nothing."""
    return {key: value for key, value in asdict(found).items() if value or key not in ("marks", "known")}


def read_findings(content: bytes) -> list[Finding]:
    return [_finding(row) for row in json.loads(content)]


def _finding(row: dict[str, Any]) -> Finding:
    numbers = tuple(Number(**number) for number in row["numbers"])
    marks = tuple(Mark(**mark) for mark in row.get("marks", ()))
    return Finding(**{**row, "status": Status(row["status"]), "numbers": numbers, "marks": marks})


def write_answers(collected: Sequence[Collected]) -> bytes:
    """Every probe and what it answered, as decoded; undecodable bytes stand as U+FFFD."""
    return json.dumps([_answers(one) for one in collected], ensure_ascii=False, indent=1).encode()


def _answers(one: Collected) -> dict[str, Any]:
    return {
        "target": one.target.name,
        "failure": one.failure,
        "probes": [
            {
                "check": name,
                "command": output.command.strip(),
                "exit_code": output.exit_code,
                "text": output.text,
                "stderr": output.stderr,
                "started_at": output.started_at.isoformat(),
                "seconds": round(output.duration.total_seconds(), 3),
                "failure": output.failure,
            }
            for name, output in one.outputs.items()
        ],
    }
