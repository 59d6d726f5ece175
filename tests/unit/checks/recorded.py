"""Recorded answers and the findings they must give, found by folder: `<check name>/<case>.txt` and `.json`.

The JSON holds `findings`; `synthetic` is true where the answer was made up after what such a system
prints; and, where a case needs them, `exit_code`, `stderr`, `encoding`, `limits` (number → [warn, fail])
and `before` (`at`, `statuses` by subject, `numbers` by subject and name, `marks`, `approved`); `seconds`
is how long the answer took, `started_at` when it began, where it holds a date; `rules` what the contract's
logrules.yml says.
"""

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from tasks.checks import CHECKS, Check
from tasks.checks.judging import Before, Limits
from tasks.checks.logrules import rules_for
from tasks.inspection.judge import judge
from tasks.inventory.logrules import LogRulesFile
from tasks.model import Finding, Output, Status

HERE = Path(__file__).parent
STARTED = datetime.fromisoformat("2026-11-20T08:30:00+08:00")


@dataclass(frozen=True)
class Case:
    path: Path

    @property
    def name(self) -> str:
        return f"{self.path.parent.name}/{self.path.stem}"

    @property
    def check(self) -> Check:
        found = CHECKS.get(self.path.parent.name)
        assert found, f"no check is named {self.path.parent.name}"
        return found

    @cached_property
    def said(self) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(self.path.with_suffix(".json").read_text("utf-8"))
        return said

    @property
    def text(self) -> str:
        return self.path.read_bytes().decode(self.said.get("encoding", "utf-8"), "replace")

    def findings(self) -> list[Finding]:
        answer = output(self.text, self.said.get("stderr", ""), self.said.get("exit_code", 0))
        answer = replace(answer, duration=timedelta(seconds=self.said.get("seconds", 0)))
        if "started_at" in self.said:
            answer = replace(answer, started_at=datetime.fromisoformat(self.said["started_at"]))
        pairs = {
            **self.check.limits,
            **{name: tuple(pair) for name, pair in self.said.get("limits", {}).items()},
        }
        file = LogRulesFile.model_validate(self.said.get("rules", {}))
        limits = Limits(pairs, rules=lambda: rules_for(file, "", STARTED.date()))
        return judge(self.check, answer, limits, before(self.said.get("before")))


def cases() -> list[Case]:
    return [Case(path) for path in sorted(HERE.glob("*.*/*.txt"))]


def output(text: str, stderr: str = "", exit_code: int | None = 0, failure: str = "") -> Output:
    return Output(
        "probe", exit_code, text.encode("utf-8", "replace"), text, stderr, STARTED, timedelta(0), failure
    )


def before(said: dict[str, Any] | None) -> Before:
    if said is None:
        return Before()
    return Before(
        {
            (subject, name): value
            for subject, held in said.get("numbers", {}).items()
            for name, value in held.items()
        },
        {subject: Status(status) for subject, status in said.get("statuses", {}).items()},
        datetime.fromisoformat(said["at"]) if "at" in said else None,
        said.get("marks", {}),
        {name: frozenset(held) for name, held in said.get("approved", {}).items()},
    )
