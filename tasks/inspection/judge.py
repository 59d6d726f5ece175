"""From outputs to findings: what every check of a target saw, or why it could not look."""

from collections.abc import Callable
from dataclasses import replace

from tasks.checks import Check
from tasks.checks.judging import Before, Limits, unknown
from tasks.inspection.collect import Collected
from tasks.model import Finding, Output, Status, Target
from tasks.texts import t

LimitsFor = Callable[[Check, Target], Limits]
BeforeFor = Callable[[Check, Target], Before]


def judge_target(collected: Collected, limits: LimitsFor, before: BeforeFor) -> list[Finding]:
    """A target that was not reached is one finding, not one for each check it did not answer."""
    target, name = collected.target, collected.target.name
    if not collected.reached:
        reasons = [output.failure for output in collected.outputs.values() if output.failure]
        reason = collected.failure or next(iter(reasons), t("checks.no_answer"))
        return [replace(unknown(t("checks.all_subjects"), reason), check="reach", target=name)]
    return [
        replace(found, check=check.name, target=name)
        for check in collected.checks
        for found in judge(check, collected.outputs[check.name], limits(check, target), before(check, target))
    ]


def judge(check: Check, output: Output, limits: Limits, before: Before) -> list[Finding]:
    """A judge that cannot read an answer, or finds nothing in it, has not looked."""
    subject = t("checks.all_subjects")
    if output.failure:
        return [unknown(subject, output.failure)]
    try:
        found = list(check.judge(output, limits, before))
    except (ValueError, KeyError, IndexError, TypeError):
        line = next((line for line in output.lines if line.strip()), output.stderr.strip())
        return [unknown(subject, t("checks.unparsable", line=line[:120]))]
    return found or [unknown(subject, output.stderr.strip()[:200] or t("checks.nothing_found"))]


def counts(findings: list[Finding]) -> dict[Status, int]:
    return {status: sum(found.status == status for found in findings) for status in Status}
