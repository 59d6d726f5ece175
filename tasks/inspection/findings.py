"""Findings and raw answers as evidence: JSON that history, reports and people read again."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from tasks.inspection.collect import Collected
from tasks.model import Finding, Number, Status

# The names under which an inspection keeps its evidence.
FINDINGS = "findings.json"
ANSWERS = "answers.json"


def write_findings(findings: Iterable[Finding]) -> bytes:
    return json.dumps([asdict(found) for found in findings], ensure_ascii=False, indent=1).encode()


def read_findings(content: bytes) -> list[Finding]:
    return [_finding(row) for row in json.loads(content)]


def _finding(row: dict[str, Any]) -> Finding:
    numbers = tuple(Number(**number) for number in row["numbers"])
    return Finding(**{**row, "status": Status(row["status"]), "numbers": numbers})


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
