"""From looks to stretches of time: when something was up, when it was down, when nobody knows. Pure.

A look holds until the next one, and no longer than twice the time between two: after that nobody knows. An
outage therefore lasts from the first look that failed to the first that did not, as exact as the looks are
frequent, and no more often too long than too short.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Any

from tasks import clock
from tasks.availability.probe import State
from tasks.availability.samples import Round

HOLDS = 2


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` and up to `end`, which is not in it."""

    state: State
    start: datetime
    end: datetime
    reason: str = ""

    @property
    def length(self) -> timedelta:
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Watched:
    """What a stretch of time was like for one target. `ms`: median and longest of the good looks."""

    spans: tuple[Span, ...]
    ms: tuple[int, int] = (0, 0)

    def total(self, state: State) -> timedelta:
        return sum((span.length for span in self.spans if span.state is state), timedelta(0))

    def those(self, state: State) -> list[Span]:
        return [span for span in self.spans if span.state is state]


def watched(
    rounds: Sequence[Round], names: Iterable[str], start: datetime, end: datetime
) -> dict[str, Watched]:
    """Of each name, from `start` to `end` without a hole. `rounds` in order; those before `start` still say
    what held then."""
    return {
        name: Watched(tuple(_spans(rounds, name, start, end)), _ms(rounds, name, start)) for name in names
    }


def _spans(rounds: Sequence[Round], name: str, start: datetime, end: datetime) -> list[Span]:
    seen = [one for one in rounds if name in one.looks and one.at < end]
    following = [one.at for one in seen[1:]] + [end]
    found: list[Span] = []
    for one, until in zip(seen, following, strict=False):
        look, holds = one.looks[name], min(until, one.at + HOLDS * one.every)
        found += [Span(look.state, one.at, holds, look.reason), Span(State.UNKNOWN, holds, until)]
    first = seen[0].at if seen else end
    found.insert(0, Span(State.UNKNOWN, start, first))
    clipped = [replace(one, start=max(one.start, start), end=min(one.end, end)) for one in found]
    return joined(one for one in clipped if one.length > timedelta(0))


def joined(spans: Iterable[Span]) -> list[Span]:
    """Neighbours of one state are one; the first reason is the one that is told."""
    found: list[Span] = []
    for one in spans:
        if found and found[-1].state is one.state and found[-1].end == one.start:
            found[-1] = replace(found[-1], end=one.end, reason=found[-1].reason or one.reason)
        else:
            found.append(one)
    return found


def _ms(rounds: Sequence[Round], name: str, start: datetime) -> tuple[int, int]:
    looks = [one.looks[name] for one in rounds if name in one.looks and one.at >= start]
    times = [look.ms for look in looks if look.state is State.UP]
    return (round(median(times)), max(times)) if times else (0, 0)


def overlap(one: Span, start: datetime, end: datetime) -> timedelta:
    return max(min(one.end, end) - max(one.start, start), timedelta(0))


def unwatched(rounds: Sequence[Round], start: datetime, end: datetime) -> list[Span]:
    """When no look at anything holds: our own outage, whatever else was going on."""
    until = [min(after.at, one.at + HOLDS * one.every) for one, after in pairwise(rounds)]
    until += [min(end, one.at + HOLDS * one.every) for one in rounds[-1:]]
    at = start
    found = []
    for one, holds in zip(rounds, until, strict=True):
        found.append(Span(State.UNKNOWN, at, min(one.at, end)))
        at = max(at, holds)
    found.append(Span(State.UNKNOWN, at, end))
    return [one for one in found if one.length > timedelta(0)]


def write(found: Mapping[str, Watched]) -> dict[str, object]:
    """As JSON; a quiet day is one span each."""
    return {
        name: {
            "ms": list(one.ms),
            "spans": [
                [str(span.state), span.start.isoformat(), span.end.isoformat(), span.reason]
                for span in one.spans
            ],
        }
        for name, one in found.items()
    }


def read(said: Mapping[str, Any]) -> dict[str, Watched]:
    return {name: _watched(one["spans"], one["ms"]) for name, one in said.items()}


def _watched(rows: Sequence[Sequence[str]], ms: Sequence[int]) -> Watched:
    spans = [
        Span(State(state), clock.parse(start), clock.parse(end), reason) for state, start, end, reason in rows
    ]
    return Watched(tuple(spans), (ms[0], ms[1]))
