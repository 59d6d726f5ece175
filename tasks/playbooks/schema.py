"""A playbook as people write it: YAML that a manager can read, refused with every error at once."""

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from tasks.calendar.schedules import distinct, duration
from tasks.errors import Refused
from tasks.inventory.ranges import spelt_out
from tasks.inventory.suggest import meant
from tasks.playbooks import ACTIONS, CONDITIONS
from tasks.registry import Registry
from tasks.strict import Document, Name, Problem, Shape, Text, read
from tasks.texts import listed, t

SUFFIX = ".yml"


def kinds(registry: Registry[Any]) -> Any:
    """One of the registered shapes, told apart by the key that names its kind."""
    known = registry.all()

    def named(value: Any) -> Any:
        if isinstance(value, Mapping):
            return next((key for key in value if key in known), None)
        return next(iter(type(value).model_fields))

    def one_kind(value: Any) -> Any:
        if not isinstance(value, Mapping) or sum(key in known for key in value) != 1:
            raise PydanticCustomError("kind", t("playbooks.one_kind", known=listed(known)))
        return value

    union = reduce(or_, [Annotated[kind.Settings, Tag(name)] for name, kind in known.items()])
    return Annotated[Annotated[union, Discriminator(named)], BeforeValidator(one_kind)]


def limit(value: Any) -> Any:
    """`90s`, or as in schedules: `5m`, `2h`."""
    if isinstance(value, timedelta):
        return value
    seconds = isinstance(value, str) and re.fullmatch(r"([1-9]\d{0,8})s", value, re.ASCII)
    return timedelta(seconds=int(seconds[1])) if seconds else duration(value)


Limit = Annotated[timedelta, BeforeValidator(limit)]
Do: Any = kinds(ACTIONS)
Prove: Any = kinds(CONDITIONS)
Targets = Annotated[
    tuple[Name, ...], Field(min_length=1), BeforeValidator(spelt_out), AfterValidator(distinct)
]


Sort = Literal["service", "drill", "patch", "hardening", "change"]
# How many different people have to approve a run of it: operators with the role `approver`.
Approval = Literal["none", "one", "two"]


class Check(Shape):
    """Something that has to hold before anything is changed."""

    title: Text
    on: Targets
    prove: Annotated[tuple[Prove, ...], Field(min_length=1)]


class Step(Shape):
    """`always`: it is sent although its proof holds already. `repeat`: it may be sent a second time when
    nobody knows whether the first arrived. `no_return`: behind it nothing is undone. Without `do` it only
    waits until `prove` holds."""

    id: Name
    title: Text
    on: Targets
    do: Do | None = None
    prove: Annotated[tuple[Prove, ...], Field(min_length=1)]
    undo: Do | None = None
    undone: tuple[Prove, ...] = ()
    limit: Limit = timedelta(minutes=5)
    target_time: Limit | None = None
    always: Annotated[bool, Field(strict=True)] = False
    repeat: Annotated[bool, Field(strict=True)] = False
    no_return: Annotated[bool, Field(strict=True)] = False

    @model_validator(mode="after")
    def undo_is_proved(self) -> "Step":
        if bool(self.undo) != bool(self.undone):
            raise PydanticCustomError("undo", t("playbooks.undo_unproved"))
        return self


class Playbook(Shape):
    name: Name
    title: Text
    purpose: Text
    # Who does what, for the people who read it.
    roles: Mapping[Text, Text] = Field(default_factory=dict)
    kind: Sort
    contract: Name
    # Nothing else is ever touched, whatever a step names.
    scope: Targets
    approval: Approval = "one"
    checks: tuple[Check, ...] = ()
    steps: Annotated[tuple[Step, ...], Field(min_length=1)]


def read_playbook(path: Path, problems: list[Problem]) -> Document[Playbook] | None:
    document = read(path, Playbook, problems, f"{path.parent.name}/{path.name}")
    if document:
        problems.extend(unsound(document))
    return document


def load(path: Path) -> Playbook:
    problems: list[Problem] = []
    document = read_playbook(path, problems)
    if document is None or problems:
        raise Refused(t("playbooks.invalid", path=path.name), sorted(problems))
    return document.content


def unsound(document: Document[Playbook]) -> Iterator[Problem]:
    said = document.content
    first: dict[str, int] = {}
    for number, step in enumerate(said.steps):
        if first.setdefault(step.id, number) != number:
            yield document.problem(("steps", number, "id"), t("playbooks.twice", id=step.id))
        yield from outside(document, ("steps", number), step.on, said.scope)
    for number, check in enumerate(said.checks):
        yield from outside(document, ("checks", number), check.on, said.scope)
        if any(one.remembers for one in check.prove):
            yield document.problem(("checks", number, "prove"), t("playbooks.proves_a_step"))


def outside(
    document: Document[Playbook], where: tuple[str, int], on: tuple[str, ...], scope: tuple[str, ...]
) -> Iterator[Problem]:
    for name in on:
        if name not in scope:
            text = t("playbooks.outside_scope", name=name)
            yield document.problem((*where, "on"), text, meant(name, scope))
