"""How available something was: raw, and with planned stops left out. Pure.

Both count over the time that was watched. What nobody watched is shown beside them, and decides where it
could have tipped the scales: then nobody can say whether a threshold was kept.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from tasks.availability.probe import State
from tasks.availability.spans import Span, Watched, joined
from tasks.availability.stops import Stop, planned
from tasks.model import Status

NOTHING = timedelta(0)
# The only basis that leaves something out that machines know of.
PLANNED_EXCEPTED = "planned-excepted"


@dataclass(frozen=True, slots=True)
class Outage:
    target: str
    span: Span
    planned: timedelta = NOTHING


@dataclass(frozen=True, slots=True)
class Figure:
    """Of one target, or of several added up. `planned` is a part of `down`."""

    up: timedelta = NOTHING
    down: timedelta = NOTHING
    planned: timedelta = NOTHING
    unknown: timedelta = NOTHING
    outages: tuple[Outage, ...] = ()
    # Of the good looks: median and longest, in milliseconds.
    ms: tuple[int, int] = (0, 0)

    @property
    def known(self) -> timedelta:
        return self.up + self.down

    @property
    def raw(self) -> float | None:
        """Percent; None: nobody ever looked."""
        return share(self.up, self.known)

    @property
    def excepted(self) -> float | None:
        """Planned stops are no fault time; the time as a whole stays what it is."""
        return share(self.up + self.planned, self.known)

    @property
    def watched(self) -> float:
        return share(self.known, self.known + self.unknown) or 0.0

    def value(self, basis: str) -> float | None:
        return self.excepted if basis == PLANNED_EXCEPTED else self.raw

    def verdict(self, at_least: float, basis: str) -> Status:
        """Ok only where the time nobody watched could not have changed it, had it all been an outage."""
        good = self.up + (self.planned if basis == PLANNED_EXCEPTED else NOTHING)
        value, least = share(good, self.known), share(good, self.known + self.unknown)
        if value is None or least is None:
            return Status.UNKNOWN
        if value < at_least:
            return Status.FAIL
        return Status.OK if least >= at_least else Status.UNKNOWN

    def __add__(self, other: "Figure") -> "Figure":
        return Figure(
            self.up + other.up,
            self.down + other.down,
            self.planned + other.planned,
            self.unknown + other.unknown,
            self.outages + other.outages,
        )


def share(part: timedelta, whole: timedelta) -> float | None:
    return 100 * (part / whole) if whole else None


def figure(target: str, days: Sequence[Watched], stops: Iterable[Stop] = ()) -> Figure:
    """`days` in order: what was down over midnight is one outage."""
    spans = joined(span for day in days for span in day.spans)
    own = [stop for stop in stops if target in stop.targets]
    outages = [Outage(target, span, planned(span, own)) for span in spans if span.state is State.DOWN]
    times = [day.ms for day in days if day.ms[1]]
    return Figure(
        up=total(spans, State.UP),
        down=total(spans, State.DOWN),
        planned=sum((one.planned for one in outages), NOTHING),
        unknown=total(spans, State.UNKNOWN),
        outages=tuple(outages),
        ms=(sorted(middle for middle, _ in times)[len(times) // 2], max(most for _, most in times))
        if times
        else (0, 0),
    )


def total(spans: Iterable[Span], state: State) -> timedelta:
    return sum((span.length for span in spans if span.state is state), NOTHING)


def figures(days: Sequence[Mapping[str, Watched]], stops: Sequence[Stop] = ()) -> dict[str, Figure]:
    """By target. `days`: one after the other, each without a hole."""
    names = dict.fromkeys(name for day in days for name in day)
    return {name: figure(name, [day[name] for day in days if name in day], stops) for name in names}
