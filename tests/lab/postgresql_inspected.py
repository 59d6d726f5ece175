"""A PostgreSQL pair as the product inspects it, with what the last look left behind."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tasks import clock
from tasks.checks import Check
from tasks.checks.judging import Before, Limits, Pair
from tasks.inspection.collect import Collected, Wanted, collect
from tasks.inspection.judge import judge_target
from tasks.model import Database, Finding, Status
from tests.lab.postgresql import Server, access, target

Thresholds = Mapping[str, Mapping[str, Pair]]


class Watched:
    """`look` is one inspection; it knows the one before, as the history does. `only`: these checks alone."""

    def __init__(self, only: frozenset[str] = frozenset(), **servers: Server) -> None:
        expected = {"primary": "primary", "standby": "standby"} if len(servers) > 1 else {}
        self.targets = {name: target(one, name, expected.get(name, "")) for name, one in servers.items()}
        self.only = only
        self.before: dict[tuple[str, str], Before] = {}
        self.collected: dict[str, Collected] = {}

    def look(self, limits: Thresholds | None = None) -> list[Finding]:
        wanted = Wanted(dict.fromkeys(self.targets, self.only) if self.only else {}, self._marks())
        at, found = clock.now(), []
        for name, one in self.targets.items():
            self.collected[name] = collect(one, wanted, access())
            found += judge_target(self.collected[name], self._limits(limits or {}), self._before)
        self._remember(found, at)
        return found

    def _limits(self, limits: Thresholds) -> Any:
        return lambda check, one: Limits({**check.limits, **limits.get(check.name, {})})

    def _before(self, check: Check, one: Database) -> Before:
        return self.before.get((one.name, check.name), Before())

    def _marks(self) -> dict[str, dict[str, Mapping[str, str]]]:
        found: dict[str, dict[str, Mapping[str, str]]] = {}
        for (name, check), before in self.before.items():
            found.setdefault(name, {})[check] = before.marks
        return found

    def _remember(self, found: list[Finding], at: datetime) -> None:
        for key in {(one.target, one.check) for one in found}:
            own = [one for one in found if (one.target, one.check) == key]
            last = self.before.get(key, Before())
            self.before[key] = Before(
                {(one.subject, number.name): number.value for one in own for number in one.numbers},
                {one.subject: one.status for one in own},
                at,
                {**last.marks, **{mark.name: mark.text for one in own for mark in one.marks}},
                last.approved,
            )


def alarms(found: list[Finding]) -> set[tuple[str, str, str, str]]:
    """(target, check, subject, status) of all that is not well."""
    return {
        (one.target, one.check, one.subject, str(one.status)) for one in found if one.status is not Status.OK
    }
