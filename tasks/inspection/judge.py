"""From outputs to findings: what every check of a target saw, or why it could not look."""

from collections.abc import Callable
from dataclasses import replace

from tasks.checks import Check
from tasks.checks.judging import Before, Limits, finding, unknown
from tasks.inspection.collect import Collected
from tasks.model import Finding, Output, SecurityEvent, Status, Target
from tasks.texts import t

LimitsFor = Callable[[Check, Target], Limits]
BeforeFor = Callable[[Check, Target], Before]


def judge_target(collected: Collected, limits: LimitsFor, before: BeforeFor) -> list[Finding]:
    """A target that was not reached is one finding, not one for each check it did not answer; what was
    seen all the same, such as the log of a database that is down, is judged like any other."""
    target, outputs = collected.target, collected.outputs
    reach, checks = [], collected.checks
    if not collected.reached:
        reach = not_reached(collected)
        checks = tuple(one for one in checks if one.name in outputs and not outputs[one.name].failure)
    judged = [
        replace(found, check=check.name, target=target.name)
        for check in checks
        for found in judge(check, outputs[check.name], limits(check, target), before(check, target))
    ]
    return [*reach, *judged]


def not_reached(collected: Collected) -> list[Finding]:
    reasons = [output.failure for output in collected.outputs.values() if output.failure]
    reason = collected.failure or next(iter(reasons), t("checks.no_answer"))
    found = unknown(t("checks.all_subjects"), reason)
    return [replace(found, check="reach", target=collected.target.name), *security(collected, reason)]


# What happened → the check it is shown under, and how bad it is.
EVENTS = {
    SecurityEvent.KEY_UNKNOWN: ("security.hostkey", Status.UNKNOWN),
    SecurityEvent.KEY_CHANGED: ("security.hostkey", Status.FAIL),
    SecurityEvent.NAME_DIFFERS: ("security.hostname", Status.FAIL),
}


def security(collected: Collected, reason: str) -> list[Finding]:
    """A finding of its own: that a host did not answer is one thing, that another one did is worse."""
    if collected.event is None:
        return []
    check, status = EVENTS[collected.event]
    advice = t(f"inspection.advice_{collected.event}", contract=collected.target.contract)
    found = finding(collected.target.address, status, reason, advice=advice)
    return [replace(found, check=check, target=collected.target.name)]


def judge(check: Check, output: Output, limits: Limits, before: Before) -> list[Finding]:
    """A judge that cannot read an answer, or finds nothing in it, has not looked."""
    subject = t("checks.all_subjects")
    if output.failure:
        return [unknown(subject, output.failure)]
    found: list[Finding] = []
    try:
        found.extend(check.judge(output, limits, before))
    except UNREADABLE as problem:
        return [*found, unknown(subject, said(output, str(problem)))]
    if not found or (output.exit_code and Status.worst(one.status for one in found) in SOUND):
        return [*found, unknown(subject, said(output))]
    return found


# What a judge runs into when an answer is not what its probe gives.
UNREADABLE = (ValueError, LookupError, ArithmeticError, TypeError, AttributeError, RecursionError)
# After these a probe that ended badly half-way would pass unnoticed.
SOUND = (Status.OK, Status.WARN)


def said(output: Output, problem: str = "") -> str:
    """Why an answer is none: what the command complained about, or the line that nobody understood."""
    if output.exit_code:
        stderr = " ".join(output.stderr.split())[:200]
        return t("checks.probe_failed", code=output.exit_code, stderr=stderr)
    first = next((line for line in output.lines if line.strip()), output.stderr.strip())
    line = problem if problem.strip() and problem in output.text else first
    return t("checks.unparsable", line=line[:120]) if line else t("checks.nothing_found")
