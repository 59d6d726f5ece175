"""Everything there is to know about a target, in one trip; nothing is judged here."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field

from tasks.checks import Check
from tasks.errors import OpsError
from tasks.home import home
from tasks.inspection.ways import WAYS, Question
from tasks.inventory.credentials import Keyring
from tasks.model import Output, SecurityEvent, Target
from tasks.texts import t
from tasks.transports import Access

# Targets are waited for, not worked on: threads cost little, and one that hangs delays nobody.
AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class Collected:
    """What a target answered. `failure`: why it was not reached; `outputs` are what was seen all the same."""

    target: Target
    checks: tuple[Check, ...]
    outputs: Mapping[str, Output]
    failure: str = ""
    event: SecurityEvent | None = None

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


def collect(target: Target, request: Wanted = EVERYTHING, access: Access | None = None) -> Collected:
    opener = WAYS.get(target.type)
    if opener is None:
        return Collected(target, (), {}, t("inspection.no_way", type=target.type))
    way = opener()
    checks = request.of(way.checks(target), target)
    marks = request.marks.get(target.name, {})
    try:
        answer = way.ask(Question(target, checks, marks, access or Access(Keyring(home()))))
    except OpsError as problem:
        return Collected(target, checks, {}, str(problem))
    checks = tuple(one for one in checks if one.name not in answer.aside)
    return Collected(target, checks, answer.outputs, answer.failure, answer.event)


def collect_all(
    targets: Sequence[Target],
    progress: Callable[[int, int, str], None] = lambda done, total, name: None,
    request: Wanted = EVERYTHING,
    access: Access | None = None,
) -> list[Collected]:
    """All targets at once, in the order given; `progress` hears of each as it comes in."""
    access = access or Access(Keyring(home()))
    with ThreadPoolExecutor(min(AT_ONCE, max(len(targets), 1))) as pool:
        jobs = {pool.submit(collect, target, request, access): target for target in targets}
        for done, job in enumerate(as_completed(jobs), 1):
            progress(done, len(jobs), jobs[job].name)
        return [job.result() for job in jobs]
