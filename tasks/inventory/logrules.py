"""Rules for lines of logs: what a line means, how bad it is, what to do. logrules.yml says where a contract
differs from the shipped ones: `rules` of its own, and `overrides` of what it changes in others.
"""

import importlib
import math
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from tasks.inventory.suggest import meant
from tasks.strict import Document, Name, Problem, Shape, printable
from tasks.texts import t

FILE = "logrules.yml"
Log = Literal["linux", "windows", "oracle", "mysql", "postgres"]
# `ok`: known and harmless; counted, and no alarm.
Severity = Literal["fail", "warn", "ok"]
# The longest line a probe sends, in bytes.
LONGEST = 500
# Ways to match one line, as far as they can be counted without the line: two `.*` and a choice of seven
# took 0.5 s on the worst line of 500 bytes, three `.*` took minutes.
MOST_WAYS = 2_000_000
Words = Annotated[
    str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True), AfterValidator(printable)
]


def ways(parsed: Iterable[Any]) -> float:
    """In how many ways a parsed pattern could match a line of the longest kind."""
    return math.prod(ways_of(str(kind), inside) for kind, inside in parsed)


def ways_of(kind: str, inside: Any) -> float:
    match kind, inside:
        case (("MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT"), (least, most, item)):
            once = ways(item)
            most = min(int(most), LONGEST)
            if once == 1:
                return most - int(least) + 1
            # A choice within a repetition: its ways multiply at every turn.
            return math.prod([most - int(least) + 1, *[once] * most]) if most <= 8 else math.inf
        case "BRANCH", (_, branches):
            return sum(ways(branch) for branch in branches)
        case "SUBPATTERN", (_, _, _, item):
            return ways(item)
        case "ATOMIC_GROUP", item:
            return ways(item)
        case (("ASSERT" | "ASSERT_NOT"), (_, item)):
            return ways(item)
        case (("GROUPREF" | "GROUPREF_EXISTS"), _):
            return math.inf
        case _:
            return 1


def bounded(text: str) -> str:
    """Refuse what is no pattern, what fits every line, and what could take a line for ever."""
    try:
        compiled(text)
        # The only thing that takes a pattern apart; it has no public name.
        parsed = importlib.import_module("re._parser").parse(text, re.IGNORECASE)
    except (re.error, OverflowError, RecursionError) as problem:
        raise PydanticCustomError(
            "bad_pattern", t("logs.bad_pattern", position=(getattr(problem, "pos", None) or 0) + 1)
        ) from problem
    if ways(parsed) > MOST_WAYS:
        raise PydanticCustomError("slow_pattern", t("logs.slow_pattern"))
    if compiled(text).search(""):
        raise PydanticCustomError("empty_pattern", t("logs.empty_pattern"))
    return text


def compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


Pattern = Annotated[
    str, StringConstraints(min_length=1, max_length=500), AfterValidator(printable), AfterValidator(bounded)
]


class Suppression(Shape):
    """No alarm until that day, the day itself included; on `targets`, or on all."""

    until: date
    reason: Words
    targets: tuple[Name, ...] = ()

    def concerns(self, target: str) -> bool:
        return not self.targets or target in self.targets


class LogRule(Shape):
    logs: Annotated[tuple[Log, ...], Field(min_length=1)]
    pattern: Pattern
    severity: Severity
    meaning: Words
    advice: Words
    suppress: Suppression | None = None


class LogOverride(Shape):
    pattern: Pattern | None = None
    severity: Severity | None = None
    meaning: Words | None = None
    advice: Words | None = None
    suppress: Suppression | None = None


class LogRulesFile(Shape):
    rules: dict[Name, LogRule] = {}
    overrides: dict[Name, LogOverride] = {}

    def over(self, shipped: dict[str, LogRule]) -> dict[str, LogRule]:
        """All that hold, in the order in which a line is held against them: the contract's own first."""
        whole = {**self.rules, **{name: rule for name, rule in shipped.items() if name not in self.rules}}
        for name, changes in self.overrides.items():
            if name in whole:
                said = {key: value for key, value in changes if value is not None}
                whole[name] = whole[name].model_copy(update=said)
        return whole


@dataclass(frozen=True, slots=True)
class ContractRules:
    """What one contract says of log lines."""

    document: Document[LogRulesFile] | None = None

    @property
    def file(self) -> LogRulesFile:
        return self.document.content if self.document else LogRulesFile()

    def unknown_rules(self, shipped: Collection[str]) -> list[Problem]:
        """Overrides of rules that are nowhere."""
        if self.document is None:
            return []
        known = {*shipped, *self.file.rules}
        return [
            self.document.problem(("overrides", name), t("logs.no_rule", name=name), meant(name, known))
            for name in self.file.overrides
            if name not in known
        ]

    def unknown_targets(self, names: Collection[str]) -> list[Problem]:
        if self.document is None:
            return []
        return [
            self.document.problem(
                (part, rule, "suppress", "targets"),
                t("inventory.limit_targets", name=name),
                meant(name, names),
            )
            for part in ("rules", "overrides")
            for rule, said in getattr(self.file, part).items()
            for name in (said.suppress.targets if said.suppress else ())
            if name not in names
        ]
