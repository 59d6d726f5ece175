"""Sets of things that should stay as they are until a named person approves that they changed."""

from collections.abc import Collection, Iterator, Mapping

from tasks.checks.judging import Before, finding
from tasks.model import Finding, Number, Status
from tasks.texts import listed, t

SHOWN = 8


def compared(
    name: str,
    subject: str,
    items: Collection[str],
    before: Before,
    *,
    worst: Status = Status.WARN,
    marks: Mapping[str, str] | None = None,
) -> Iterator[Finding]:
    """One finding: the same as approved, or what is new and what is gone. What is there now is marked
    under `name`, for somebody to approve. New things are as bad as `worst`, missing ones a warning."""
    now = frozenset(items)
    kept = {name: "\n".join(sorted(now)), **(marks or {})}
    number = Number("items", len(now), t("checks.items"))
    if name not in before.approved:
        told = t("checks.no_baseline", count=len(now), items=some(now))
        advice = t("checks.no_baseline_advice")
        yield finding(subject, Status.WARN, told, number, advice=advice, marks=kept)
        return
    approved = before.approved[name]
    new, gone = now - approved, approved - now
    parts = [
        t(f"checks.baseline_{word}", count=len(them), items=some(them))
        for word, them in (("new", new), ("gone", gone))
        if them
    ]
    status = worst if new else Status.WARN if gone else Status.OK
    change = t("cli.semicolon").join(parts)
    told = change or t("checks.baseline_same", count=len(now))
    advice = t("checks.baseline_advice")
    yield finding(subject, status, told, number, change=change, advice=advice, marks=kept)


def things(text: str) -> list[str]:
    """What a mark holds, a thing a line. Ended by line feeds alone: a name may hold any other mark."""
    return [thing for thing in text.split("\n") if thing]


def some(items: Collection[str]) -> str:
    named = sorted(items) or [t("checks.none")]
    more = t("checks.more", count=len(named)) if len(named) > SHOWN else ""
    return listed(named[:SHOWN]) + more
