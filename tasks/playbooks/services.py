"""Services of a system and what each needs: from one list both playbooks come, to stop and to start."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from tasks.errors import Refused
from tasks.inventory.schema import Service
from tasks.inventory.suggest import meant
from tasks.playbooks.schema import Approval, Limit, Playbook, Prove, Targets
from tasks.playbooks.service_control import Named
from tasks.strict import Document, Name, Problem, Shape, Text, read
from tasks.texts import listed, t

Direction = Literal["start", "stop"]


class Entry(Named):
    """`engine`: what is started and stopped is the databases themselves, each by its engine's own means.
    `healthy` proves more than that it runs; `silent` more than that it does not. `drain` is sent before it
    is stopped. `keep`: running through every holiday."""

    service: Service = ""
    engine: Annotated[bool, Field(strict=True)] = False
    name: Name
    on: Targets
    needs: tuple[Name, ...] = ()
    healthy: tuple[Prove, ...] = ()
    silent: tuple[Prove, ...] = ()
    drain: Text = ""
    start_within: Limit = timedelta(minutes=5)
    stop_within: Limit = timedelta(minutes=5)
    keep: Annotated[bool, Field(strict=True)] = False

    @model_validator(mode="after")
    def service_or_engine(self) -> "Entry":
        of_hosts = (self.service, self.how, self.scripts, self.process, self.drain)
        if self.engine == any(of_hosts) or not (self.engine or self.service):
            raise PydanticCustomError("engine", t("playbooks.service_or_engine"))
        return self


class Services(Shape):
    """One list, two playbooks: `<name>-stop` and `<name>-start`. Where something is kept through holidays,
    `<name>-holiday-stop` and `<name>-holiday-start` as well, which leave it alone."""

    name: Annotated[Name, Field(max_length=48)]
    title: Annotated[Text, Field(max_length=200)]
    purpose: Text
    contract: Name
    approval: Approval = "one"
    services: Annotated[tuple[Entry, ...], Field(min_length=1)]


def read_services(path: Path, problems: list[Problem]) -> Document[Services] | None:
    document = read(path, Services, problems, f"{path.parent.name}/{path.name}")
    if document:
        problems.extend(unsound(document))
    return document


def load(path: Path) -> Services:
    problems: list[Problem] = []
    document = read_services(path, problems)
    if document is None or problems:
        raise Refused(t("playbooks.invalid", path=path.name), sorted(problems))
    return document.content


def unsound(document: Document[Services]) -> Iterator[Problem]:
    services = document.content.services
    names = [one.name for one in services]
    for number, one in enumerate(services):
        if one.name in names[:number]:
            yield document.problem(("services", number, "name"), t("playbooks.twice", id=one.name))
        for need in one.needs:
            if need not in names:
                text = t("playbooks.unknown_need", name=one.name, need=need)
                yield document.problem(("services", number, "needs"), text, meant(need, names))
        if kept_down(one, services):
            text = t("playbooks.keep_needs", name=one.name, needs=listed(kept_down(one, services)))
            yield document.problem(("services", number, "keep"), text)
    if circle := circular(services):
        yield document.problem(("services",), t("playbooks.circle", names=listed(circle)))


def kept_down(one: Entry, services: Sequence[Entry]) -> list[str]:
    """What a service that is kept needs and is not kept itself."""
    by_name = {other.name: other for other in services}
    return [need for need in one.needs if one.keep and need in by_name and not by_name[need].keep]


def circular(services: Sequence[Entry]) -> list[str]:
    ordered = [one.name for one in in_order(services)]
    return [one.name for one in services if one.name not in ordered]


def in_order(services: Sequence[Entry]) -> list[Entry]:
    """What is needed first, otherwise as written; what stands in a circle is left out."""
    known = {one.name for one in services}
    done: list[Entry] = []
    left = list(services)
    while ready := [
        one
        for one in left
        if all(need not in known or need in {other.name for other in done} for need in one.needs)
    ]:
        done.append(ready[0])
        left.remove(ready[0])
    return done


def playbooks(said: Services) -> list[Playbook]:
    """All that come of the list."""
    directions: tuple[Direction, ...] = ("stop", "start")
    kept = {one.keep for one in said.services}
    holidays = (False, True) if len(kept) > 1 else (False,)
    return [playbook(said, direction, holiday) for holiday in holidays for direction in directions]


def playbook(said: Services, direction: Direction, holiday: bool = False) -> Playbook:
    """`holiday`: what is kept running stays."""
    chosen = [one for one in said.services if not (holiday and one.keep)]
    ordered = in_order(chosen)
    make = starting if direction == "start" else stopping
    steps = [make(one) for one in (ordered if direction == "start" else reversed(ordered))]
    return Playbook.model_validate(
        {
            "name": f"{said.name}-holiday-{direction}" if holiday else f"{said.name}-{direction}",
            "title": t(f"playbooks.{'holiday_' if holiday else ''}{direction}_title", title=said.title),
            "purpose": said.purpose,
            "kind": "service",
            "contract": said.contract,
            "scope": list(dict.fromkeys(name for one in chosen for name in one.on)),
            "approval": said.approval,
            "steps": steps,
        }
    )


def starting(one: Entry) -> Mapping[str, Any]:
    """What came up stays up when a later one does not: people mend what is missing."""
    return {
        "id": f"start-{one.name}",
        "title": t("playbooks.start_step", name=one.name),
        "on": one.on,
        "do": doing(one, "running"),
        "prove": [being(one, "running"), *map(written, one.healthy)],
        "limit": one.start_within,
        "repeat": harmless(one),
    }


def stopping(one: Entry) -> Mapping[str, Any]:
    return {
        "id": f"stop-{one.name}",
        "title": t("playbooks.stop_step", name=one.name),
        "on": one.on,
        "do": doing(one, "stopped"),
        "prove": [being(one, "stopped"), *map(written, one.silent)],
        "undo": doing(one, "running"),
        "undone": [being(one, "running"), *map(written, one.healthy)],
        "limit": one.stop_within,
        "repeat": harmless(one),
    }


def harmless(one: Entry) -> bool:
    """Whether it may be sent twice: a service manager knows that it was told already, and nobody knows what a
    script makes of it."""
    return one.how != "script" and not one.drain


def doing(one: Entry, to: str) -> dict[str, Any]:
    if one.engine:
        return {"engine": to}
    drained = {"drain": one.drain} if one.drain and to == "stopped" else {}
    return {**control(one), "to": to, **drained}


def being(one: Entry, to: str) -> dict[str, Any]:
    return {"engine": to} if one.engine else {**control(one), "is": to}


def control(one: Entry) -> dict[str, Any]:
    return Named.model_validate({name: getattr(one, name) for name in Named.model_fields}).model_dump(
        exclude_none=True
    )


def written(said: Any) -> dict[str, Any]:
    found: dict[str, Any] = said.model_dump(mode="json", by_alias=True, exclude_none=True)
    return found
