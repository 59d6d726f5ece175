"""Checks: one file each, holding what to collect (a probe), how to judge it, and its own words.

A check is found by its folder: `tasks/checks/<kind>/<name>.py`, where the kind is an operating-system
family or a database engine. Collecting and judging are apart: the probe runs on the target together
with those of all other checks, in one round trip; the judge is a pure function of the answer.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from tasks.checks.judging import Before, Limits, Pair
from tasks.model import Finding, Output
from tasks.registry import Registry

Judge = Callable[[Output, Limits, Before], Iterable[Finding]]


@dataclass(frozen=True, slots=True)
class Check:
    """`limits` holds the thresholds used where limits.yml says nothing: name → (warn, fail)."""

    name: str
    kind: str
    title: str
    topics: tuple[str, ...]
    probe: str
    judge: Judge
    seconds: int = 10
    limits: Mapping[str, Pair] = field(default_factory=dict)


CHECKS: Registry[Check] = Registry(__name__)


def check(
    name: str,
    *,
    title: str,
    topics: tuple[str, ...],
    probe: str,
    seconds: int = 10,
    limits: Mapping[str, Pair] | None = None,
) -> Callable[[Judge], Judge]:
    """Make a judge the check `kind.name`."""

    def register(judge: Judge) -> Judge:
        kind = name.partition(".")[0]
        CHECKS.add(name)(Check(name, kind, title, topics, probe, judge, seconds, limits or {}))
        return judge

    return register


def checks_for(kind: str) -> tuple[Check, ...]:
    """The checks of an operating-system family or of a database engine."""
    return tuple(one for one in CHECKS.all().values() if one.kind == kind)
