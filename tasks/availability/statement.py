"""Figures against what the contract promises, as lines that a statement shows."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from functools import reduce

from tasks.availability.changes import span_text
from tasks.availability.figures import Figure
from tasks.inventory.contract import Availability, Contract
from tasks.model import Status, Target
from tasks.reports.availability import Broken, Line, Promise
from tasks.texts import t

# What a promise is about → the names of what is held against it, of targets or of parts. Other scopes (the
# support given, network devices) are not what these looks measure.
SCOPES: Mapping[str, Callable[[Target], str]] = {
    "database": lambda target: target.name if target.type == "database" else "",
    "system": lambda target: target.part,
}


def added(found: Iterable[Figure]) -> Figure:
    return reduce(Figure.__add__, found, Figure())


def grouped(
    figures: Mapping[str, Figure], targets: Sequence[Target], name: Callable[[Target], str]
) -> dict[str, Figure]:
    groups: dict[str, list[Figure]] = {}
    for target in targets:
        if target.name in figures and name(target):
            groups.setdefault(name(target), []).append(figures[target.name])
    return {key: added(found) for key, found in groups.items()}


def promises(contract: Contract, figures: Mapping[str, Figure], targets: Sequence[Target]) -> list[Promise]:
    """Each thing promised has to keep the promise by itself: the worst one is shown."""
    return [
        promise(one, grouped(figures, targets, SCOPES[one.scope]))
        for one in contract.availability
        if one.scope in SCOPES
    ]


def promise(one: Availability, held: Mapping[str, Figure]) -> Promise:
    watched = {name: figure for name, figure in held.items() if figure.value(one.basis) is not None}
    if not watched:
        return Promise(one.title, None, one.at_least, one.basis, Status.UNKNOWN)
    name = min(watched, key=lambda name: watched[name].value(one.basis) or 0.0)
    title = t("availability.lowest", title=one.title, name=name) if len(held) > 1 else one.title
    value, at_least = watched[name].value(one.basis), one.at_least
    if at_least is None:
        return Promise(title, value, None, one.basis, Status.WARN)
    status = Status.worst(figure.verdict(at_least, one.basis) for figure in held.values())
    return Promise(title, value, at_least, one.basis, status)


def lines(figures: Mapping[str, Figure], targets: Sequence[Target]) -> list[Line]:
    """The worst first. What has left the inventory is still shown for its time."""
    kinds = {target.name: t(f"inventory.type_{target.type}") for target in targets}
    found = [line(name, kinds.get(name, "—"), figure) for name, figure in figures.items()]
    return sorted(found, key=lambda one: (one.raw if one.raw is not None else -1.0, one.name))


def parts(contract: Contract, figures: Mapping[str, Figure], targets: Sequence[Target]) -> list[Line]:
    by_part = grouped(figures, targets, lambda target: target.part)
    return [
        line(contract.parts[part].title, t("availability.part"), figure) for part, figure in by_part.items()
    ]


def line(name: str, kind: str, figure: Figure) -> Line:
    return Line(
        name=name,
        kind=kind,
        raw=figure.raw,
        excepted=figure.excepted,
        watched=figure.watched,
        down=span_or_dash(figure.down),
        planned=span_or_dash(figure.planned),
        unknown=span_or_dash(figure.unknown),
        times=len(figure.outages),
        ms=figure.ms,
    )


def span_or_dash(length: timedelta) -> str:
    return span_text(length) if length else "—"


def broken(figures: Mapping[str, Figure]) -> list[Broken]:
    found = [outage for figure in figures.values() for outage in figure.outages]
    return [
        Broken(
            target=one.target,
            start=one.span.start,
            end=one.span.end,
            lasted=span_text(one.span.length),
            planned=span_or_dash(one.planned),
            reason=one.span.reason,
        )
        for one in sorted(found, key=lambda one: (one.span.start, one.target))
    ]
