"""Whether what a playbook names is there, and of a kind that its steps can do something with."""

from collections.abc import Iterator
from typing import Any

from tasks.inventory import Inventory
from tasks.inventory.suggest import meant
from tasks.model import Host, Target
from tasks.playbooks.plan import kind_of
from tasks.playbooks.schema import Step
from tasks.playbooks.services import Services, starting, stopping
from tasks.strict import Document, Location, Problem
from tasks.texts import t


def misfits(document: Document[Any], inventory: Inventory) -> Iterator[Problem]:
    """Targets that the contract does not have, and kinds that cannot be used on those it has."""
    said = document.content
    known = {one.name: one for one in inventory.everything if one.contract == said.contract}
    for where, names in named(said):
        for name in names:
            if name not in known:
                yield document.problem(where, t("inventory.no_target", name=name), meant(name, known))
    for where, on, kinds in used(said):
        targets = [known[name] for name in on if name in known]
        for one in kinds:
            yield from unusable(document, where, one, targets)
            yield from not_a_database(document, where, getattr(one, "database", ""), known)


def named(said: Any) -> Iterator[tuple[Location, tuple[str, ...]]]:
    if isinstance(said, Services):
        yield from ((("services", number, "on"), one.on) for number, one in enumerate(said.services))
    else:
        yield ("scope",), said.scope


def used(said: Any) -> Iterator[tuple[Location, tuple[str, ...], tuple[Any, ...]]]:
    """Where, on which targets, and the actions and conditions."""
    if isinstance(said, Services):
        for number, one in enumerate(said.services):
            for made in (starting(one), stopping(one)):
                yield ("services", number), one.on, of_step(Step.model_validate(made))
        return
    for number, check in enumerate(said.checks):
        yield ("checks", number), check.on, check.prove
    for number, step in enumerate(said.steps):
        yield ("steps", number), step.on, of_step(step)


def of_step(step: Step) -> tuple[Any, ...]:
    return (*filter(None, (step.do, step.undo)), *step.prove, *step.undone)


def unusable(document: Document[Any], where: Location, said: Any, targets: list[Target]) -> Iterator[Problem]:
    for target in targets:
        if said.usable_on and target.type not in said.usable_on:
            yield document.problem(where, t("playbooks.unusable", kind=kind_of(said), name=target.name))
        elif isinstance(target, Host) and (how := wrong_manager(said, target)):
            text = t("playbooks.wrong_system", how=how, name=target.name, os=target.os)
            yield document.problem(where, text)


def wrong_manager(said: Any, host: Host) -> str:
    """A service manager that this system does not have."""
    how = getattr(said, "how", None) or ""
    return how if how and how != "script" and (how == "windows") != (host.family == "windows") else ""


def not_a_database(
    document: Document[Any], where: Location, name: str, known: dict[str, Target]
) -> Iterator[Problem]:
    databases = [one.name for one in known.values() if one.type == "database"]
    if name and name not in databases:
        yield document.problem(where, t("playbooks.no_database", name=name), meant(name, databases))
