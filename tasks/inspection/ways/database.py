"""A database: every query over one session with each of its members, and what lies on its hosts in one
trip to each. Where nobody lets us in, the hosts tell why: their logs are read all the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tasks import clock
from tasks.checks import Check, checks_for
from tasks.checks.answers import Member
from tasks.databases.asking import Open, ask, opened, output, unreached
from tasks.errors import OpsError
from tasks.inspection.ways import WAYS, Answer, Question
from tasks.inspection.ways import host as hosts
from tasks.model import Database, Host, Output
from tasks.texts import t


@WAYS.add("database")
class Databases:
    def checks(self, target: Database) -> tuple[Check, ...]:
        return checks_for(target.engine)

    def ask(self, question: Question) -> Answer:
        queries = [one for one in question.checks if not one.on_host]
        with opened(question.target, question.access) as members:
            failure = unreached(members)
            asked = {} if failure else {one.name: ask(members, one) for one in queries}
        outputs = {name: answer for name, answer in asked.items() if answer is not None}
        aside = frozenset(asked) - frozenset(outputs)
        outputs |= look_on_hosts([one for one in question.checks if one.on_host], members, question)
        return Answer(outputs, failure, aside=aside)


def look_on_hosts(checks: Sequence[Check], members: Sequence[Open], question: Question) -> dict[str, Output]:
    if not checks:
        return {}
    started_at = clock.now()
    # A cluster that is down is its first node twice: on the same host the same question is asked once.
    once = {(one.endpoint.host, *sorted(one.known.items())): one for one in reversed(members)}
    found = [look(checks, one, question) for one in reversed(once.values())]
    return {one.name: output(one.probe, [told[one.name] for told in found], started_at) for one in checks}


def look(checks: Sequence[Check], member: Open, question: Question) -> dict[str, Member]:
    """Through the same door as the host's own inspection: its login, its script, its limits."""
    name, host = member.endpoint.name, question.access.hosts.get(member.endpoint.host)
    try:
        if host is None:
            raise OpsError(t("databases.no_host", name=member.endpoint.host or name))
        spoken = tuple(in_its_language(one, host) for one in checks)
        answer = hosts.look(host, spoken, variables(spoken, member, question), question.access)
        if answer.failure:
            raise OpsError(answer.failure)
    except OpsError as problem:
        return {one.name: Member(name, member.known, failure=str(problem)) for one in checks}
    return {check: told(name, member.known, answer) for check, answer in answer.outputs.items()}


def in_its_language(check: Check, host: Host) -> Check:
    return check if host.family == "linux" else replace(check, probe=check.windows)


def variables(checks: Sequence[Check], member: Open, question: Question) -> dict[str, dict[str, str]]:
    """What the session said of itself, and how far this member's own logs were read."""
    facts = {f"db_{key}": text for key, text in member.known.items()}
    own = f"{member.endpoint.name}."
    marks = {
        check.name: {
            mark.removeprefix(own): text
            for mark, text in question.marks.get(check.name, {}).items()
            if mark.startswith(own)
        }
        for check in checks
    }
    return {one.name: {**facts, **one.variables(question.target, marks[one.name])} for one in checks}


def told(name: str, facts: Mapping[str, str], answer: Output) -> Member:
    failure = answer.failure or (
        t("checks.probe_failed", code=answer.exit_code, stderr=answer.stderr[:200])
        if answer.exit_code
        else ""
    )
    return Member(name, facts, text=answer.text, stderr=answer.stderr, failure=failure)
