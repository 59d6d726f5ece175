"""Thresholds: limits.yml says where a contract, a group, a target or a subject differs from what
the checks themselves declare.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import Field, RootModel

from tasks.inventory.suggest import meant
from tasks.model import Target
from tasks.strict import Document, Location, Name, Problem, Shape, Text
from tasks.texts import t

# What a limit decides: beyond `warn`, beyond `fail`. None: there is no such threshold.
Pair = tuple[float | None, float | None]
Threshold = Annotated[float, Field(allow_inf_nan=False)]


class Pairs(Shape):
    warn: Threshold | None = None
    fail: Threshold | None = None


class Level(Pairs):
    """`subjects` are what a check looks at: `/data`, `USERS`; also patterns, `/backup*`."""

    subjects: dict[Text, Pairs] = {}


class CheckLimits(Level):
    groups: dict[Name, Level] = {}
    targets: dict[Name, Level] = {}


class LimitsFile(RootModel[dict[Name, CheckLimits]]):
    """By check (`disk`, `linux.disk`) or by one number of it (`disk.percent`)."""

    root: dict[Name, CheckLimits] = {}


@dataclass(frozen=True, slots=True)
class Limits:
    """The thresholds of one contract."""

    document: Document[LimitsFile] | None = None

    def of(
        self, check: str, number: str, target: Target, subject: str = "", default: Pair = (None, None)
    ) -> Pair:
        """The pair that holds there: each of the two from the most specific place that names it."""
        warn, fail = default
        for pairs in self._layers(check, number, target, subject):
            warn = warn if pairs.warn is None else pairs.warn
            fail = fail if pairs.fail is None else pairs.fail
        return warn, fail

    def _layers(self, check: str, number: str, target: Target, subject: str) -> Iterator[Pairs]:
        """From the widest to the most specific: a subject anywhere beats what names none."""
        levels = [level for key in keys(check, number) for level in self._levels(key, target)]
        yield from levels
        for level in levels:
            patterns = [key for key in level.subjects if key != subject and fnmatchcase(subject, key)]
            yield from (level.subjects[key] for key in patterns)
            if subject in level.subjects:
                yield level.subjects[subject]

    def _levels(self, key: str, target: Target) -> Iterator[Level]:
        found = self.document.content.root.get(key) if self.document else None
        if found is None:
            return
        yield found
        yield from (found.groups[group] for group in target.groups if group in found.groups)
        if target.name in found.targets:
            yield found.targets[target.name]

    def unknown_checks(self, known: Collection[str]) -> list[Problem]:
        """Keys that no check answers to; `known` are names of checks, such as `linux.disk`."""
        if self.document is None:
            return []
        allowed = {key for check in known for key in (check, check.partition(".")[2] or check)}
        return [
            self.document.problem((key,), t("inventory.limit_unknown", key=key), meant(key, allowed))
            for key in self.document.content.root
            if key not in allowed and key.rpartition(".")[0] not in allowed
        ]

    def unknown_places(self, groups: Collection[str], names: Collection[str]) -> list[Problem]:
        """Groups and targets that no file of the contract has."""
        if self.document is None:
            return []
        return [
            self.document.problem(
                place, t(f"inventory.limit_{kind}", name=place[-1]), meant(str(place[-1]), known)
            )
            for kind, known in (("groups", groups), ("targets", names))
            for place in self._places(kind)
            if place[-1] not in known
        ]

    def _places(self, kind: str) -> Iterator[Location]:
        assert self.document is not None
        for key, check in self.document.content.root.items():
            yield from ((key, kind, name) for name in getattr(check, kind))


def keys(check: str, number: str) -> list[str]:
    """The keys that may hold a limit, the most specific last: `disk` … `linux.disk.percent`."""
    short = check.partition(".")[2] or check
    return list(dict.fromkeys((short, check, f"{short}.{number}", f"{check}.{number}")))
