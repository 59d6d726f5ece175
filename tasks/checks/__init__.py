"""Checks: one file each, holding what to collect (a probe), how to judge it, and its own words.

A check is found by its folder: `tasks/checks/<kind>/<name>.py`, where the kind is an operating-system
family or a database engine. Collecting and judging are apart: the probe runs on the target together
with those of all other checks, in one round trip; the judge is a pure function of the answer.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tasks.checks.judging import Before, Limits, Pair
from tasks.model import Finding, Output
from tasks.registry import Registry

Judge = Callable[[Output, Limits, Before], Iterable[Finding]]
# What the inventory says of a target, as variables of the probe; None: the check is not for this target.
Knows = Callable[[Any], Mapping[str, str] | None]


@dataclass(frozen=True, slots=True)
class Check:
    """`limits` holds the thresholds used where limits.yml says nothing: name → (warn, fail). `baseline`
    names the marks that hold a set of things, which a named person approves; `remembers` those that only
    the judge reads. `on_host`: a database's check whose probe runs on its hosts, `windows` being the one
    for a Windows host. `fills`: its numbers that say in percent how full their subject is."""

    name: str
    kind: str
    title: str
    topics: tuple[str, ...]
    probe: str
    judge: Judge
    seconds: int = 10
    limits: Mapping[str, Pair] = field(default_factory=dict)
    knows: Knows | None = None
    baseline: tuple[str, ...] = ()
    on_host: bool = False
    windows: str = ""
    remembers: tuple[str, ...] = ()
    fills: tuple[str, ...] = ()

    def concerns(self, target: Any) -> bool:
        return self.knows is None or self.knows(target) is not None

    def variables(self, target: Any, marks: Mapping[str, str]) -> dict[str, str]:
        """What its probe is told: `$was_…` as marked in the book, and what the inventory says."""
        said = self.knows(target) if self.knows else None
        untold = (*self.baseline, *self.remembers)
        own = {f"was_{name}": text for name, text in marks.items() if name not in untold}
        return {**own, **(said or {})}


CHECKS: Registry[Check] = Registry(__name__)


def check(
    name: str,
    *,
    title: str,
    topics: tuple[str, ...],
    probe: str,
    seconds: int = 10,
    limits: Mapping[str, Pair] | None = None,
    knows: Knows | None = None,
    baseline: tuple[str, ...] = (),
    on_host: bool = False,
    windows: str = "",
    remembers: tuple[str, ...] = (),
    fills: tuple[str, ...] = (),
) -> Callable[[Judge], Judge]:
    """Make a judge the check `kind.name`."""

    def register(judge: Judge) -> Judge:
        kind = name.partition(".")[0]
        limited = limits or {}
        made = Check(
            name,
            kind,
            title,
            topics,
            probe,
            judge,
            seconds,
            limited,
            knows,
            baseline,
            on_host,
            windows,
            remembers,
            fills,
        )
        CHECKS.add(name)(made)
        return judge

    return register


def checks_for(kind: str) -> tuple[Check, ...]:
    """The checks of an operating-system family or of a database engine."""
    return tuple(one for one in CHECKS.all().values() if one.kind == kind)
