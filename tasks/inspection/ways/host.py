"""A host: all probes in one script, in the language of its family, by whatever transport leads there."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from tasks.checks import Check, checks_for, powershell, script
from tasks.checks.script import Script
from tasks.errors import OpsError
from tasks.inspection.ways import WAYS, Answer, Question
from tasks.model import Host, Output, SecurityEvent
from tasks.texts import t
from tasks.transports import Access, open_transport


class Compose(Protocol):
    def __call__(self, checks: Sequence[Check], variables: Mapping[str, Mapping[str, str]]) -> Script: ...


@dataclass(frozen=True, slots=True)
class Language:
    compose: Compose
    take_apart: Callable[[Script, Output], dict[str, Output]]
    other_name: Callable[[Script, Output, str], str]


LANGUAGES: Mapping[str, Language] = {
    "linux": Language(script.compose, script.take_apart, script.other_name),
    "windows": Language(powershell.compose, powershell.take_apart, powershell.other_name),
}


@WAYS.add("host")
class Hosts:
    def checks(self, target: Host) -> tuple[Check, ...]:
        return checks_for(target.family)

    def ask(self, question: Question) -> Answer:
        host: Host = question.target
        told = {one.name: one.variables(host, question.marks.get(one.name, {})) for one in question.checks}
        return look(host, question.checks, told, question.access)


def look(
    host: Host, checks: Sequence[Check], variables: Mapping[str, Mapping[str, str]], access: Access
) -> Answer:
    if not checks:
        raise OpsError(t("inspection.no_checks", kind=host.os))
    language = LANGUAGES[host.family]
    composed = language.compose(checks, variables)
    limit, quiet = timedelta(seconds=composed.seconds), timedelta(seconds=composed.quiet)
    answer = open_transport(host, access).run(composed.text, limit, quiet)
    if host.hostname and (other := language.other_name(composed, answer, host.hostname)):
        failure = t("inspection.other_name", name=other, expected=host.hostname)
        return Answer({}, failure, SecurityEvent.NAME_DIFFERS)
    return Answer(language.take_apart(composed, answer), event=answer.event)
