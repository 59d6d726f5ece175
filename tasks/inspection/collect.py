"""Everything there is to know about a target, in one trip; nothing is judged here."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from datetime import timedelta

from tasks.checks import Check, checks_for
from tasks.checks.script import compose, take_apart
from tasks.databases import open_engine
from tasks.errors import OpsError
from tasks.model import Database, Host, Output, Target
from tasks.texts import t
from tasks.transports import open_transport

# Targets are waited for, not worked on: threads cost little, and one that hangs delays nobody.
AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class Collected:
    """What a target answered. `failure`: it was not reached at all."""

    target: Target
    checks: tuple[Check, ...]
    outputs: Mapping[str, Output]
    failure: str = ""

    @property
    def reached(self) -> bool:
        return not self.failure and any(not output.failure for output in self.outputs.values())


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to ask beyond the targets: only some checks of them, and from which marks on, by target
    and check. A target without an entry in `checks` is asked everything."""

    checks: Mapping[str, frozenset[str]] = field(default_factory=dict)
    marks: Mapping[str, Mapping[str, Mapping[str, str]]] = field(default_factory=dict)

    def of(self, checks: Sequence[Check], target: Target) -> tuple[Check, ...]:
        only = self.checks.get(target.name)
        return tuple(one for one in checks if one.concerns(target) and (only is None or one.name in only))


EVERYTHING = Wanted()


def collect(target: Target, request: Wanted = EVERYTHING) -> Collected:
    try:
        match target:
            case Host():
                return _host(target, request)
            case Database():
                return _database(target, request)
            case _:
                return Collected(target, (), {}, t("inspection.no_way", type=target.type))
    except OpsError as problem:
        return Collected(target, request.of(_checks(target), target), {}, str(problem))


def _checks(target: Target) -> tuple[Check, ...]:
    match target:
        case Host():
            return checks_for(target.family)
        case Database():
            return checks_for(target.engine)
        case _:
            return ()


def _host(host: Host, request: Wanted) -> Collected:
    checks = request.of(checks_for(host.family), host)
    marks = request.marks.get(host.name, {})
    script = compose(checks, {one.name: one.variables(host, marks.get(one.name, {})) for one in checks})
    if not script.checks:
        return Collected(host, (), {}, t("inspection.no_checks", kind=host.os))
    answer = open_transport(host).run(script.text, timedelta(seconds=script.seconds))
    return Collected(host, script.checks, take_apart(script, answer))


def _database(database: Database, request: Wanted) -> Collected:
    checks = request.of(checks_for(database.engine), database)
    outputs = open_engine(database).ask(database, checks)
    return Collected(database, checks, outputs)


def collect_all(
    targets: Sequence[Target],
    progress: Callable[[int, int, str], None] = lambda done, total, name: None,
    request: Wanted = EVERYTHING,
) -> list[Collected]:
    """All targets at once, in the order given; `progress` hears of each as it comes in."""
    with ThreadPoolExecutor(min(AT_ONCE, max(len(targets), 1))) as pool:
        jobs = {pool.submit(collect, target, request): target for target in targets}
        for done, job in enumerate(as_completed(jobs), 1):
            progress(done, len(jobs), jobs[job].name)
        return [job.result() for job in jobs]
