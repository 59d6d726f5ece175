"""What an inspection adds to what it saw: when what fills up will be full, by the history of its numbers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from flows.routine import Run
from tasks import clock
from tasks.checks import CHECKS, Check
from tasks.checks.judging import Before, Limits
from tasks.checks.logrules import rules_for
from tasks.history.decisions import with_known
from tasks.history.filling import Filling, fillings, outputs
from tasks.inspection.judge import judge
from tasks.model import Finding, Status, Target
from tasks.reports.chart import filling
from tasks.reports.form import Picture
from tasks.texts import t

CHECK = "trend.days"
# The form is read by people: beyond these the table says it.
MOST_PICTURES = 12


@dataclass(frozen=True, slots=True)
class Foreseen:
    findings: Sequence[Finding] = ()
    pictures: Sequence[Picture] = ()


def foresee(run: Run, targets: Sequence[Target], seen: Sequence[Finding]) -> Foreseen:
    now, contract = clock.now(), run.request.contract
    found = fillings(run.history, contract, [target.name for target in targets], now, seen)
    answers, check = outputs(found, now), CHECKS.all()[CHECK]
    findings = [
        replace(one, check=CHECK, target=target.name)
        for target in targets
        if target.name in answers
        for one in judge(check, answers[target.name], limits_of(run, check, target), Before())
    ]
    known = with_known(findings, run.history.acknowledged(contract), now.date())
    shown = {(one.target, one.subject) for one in known if one.status is not Status.OK}
    soon = [one for one in found if (one.target, f"{one.title} {one.subject}") in shown]
    return Foreseen(known, pictures(soon))


def pictures(found: Sequence[Filling], most: int = MOST_PICTURES) -> list[Picture]:
    """The soonest first."""
    ordered = sorted(found, key=lambda one: one.trend.days)
    return [picture(one) for one in ordered if one.trend.high < math.inf][:most]


def picture(one: Filling) -> Picture:
    its = one.trend
    title = t("trends.chart_title", target=one.target, check=one.title, subject=one.subject)
    return Picture(title, filling(one.points, its.level, its.days, its.low, its.high))


def limits_of(run: Run, check: Check, target: Target) -> Limits:
    given = run.inventory.limits[run.request.contract]
    file = run.inventory.logrules[run.request.contract].file
    return Limits(
        check.limits,
        lambda number, subject, own: given.of(check.name, number, target, subject, own),
        lambda: rules_for(file, target.name, clock.now().date()),
    )
