"""`policies.yml` and `cloud.yml`: what a ledger lists and no routine connects to."""

from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator
from pydantic_core import PydanticCustomError

from tasks.inventory.addresses import is_address
from tasks.inventory.schema import Version
from tasks.strict import Document, Name, Problem, Shape, Text, is_there, read
from tasks.texts import t


def address(text: str) -> str:
    if text and not is_address(text):
        raise PydanticCustomError("address", t("ledger.not_an_address", value=text))
    return text


def number_is_name(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Address = Annotated[Text, AfterValidator(address)]
Number = Annotated[Name, BeforeValidator(number_is_name)]


class Policy(Shape):
    """One rule of a firewall or switch. Without `expires` it holds until it is taken back."""

    device: Name
    number: Number
    source: Text
    destination: Text
    ports: Version
    action: Literal["permit", "deny"]
    reason: Text = ""
    request: Version = ""
    approval: Text = ""
    effective: date | None = None
    expires: date | None = None
    hits: int | None = None
    reviewed: Text = ""


class Policies(Shape):
    policies: tuple[Policy, ...] = ()


class Resource(Shape):
    """Something rented from a cloud, from its request to its reclaim."""

    name: Name
    part: Name
    kind: Literal["host", "storage", "network", "backup"]
    spec: Text = ""
    address: Address = ""
    purpose: Text = ""
    request: Version = ""
    approval: Text = ""
    opened: date | None = None
    expires: date | None = None
    reclaimed: date | None = None
    advice: Text = ""
    owner: Text = ""


class Cloud(Shape):
    cloud: tuple[Resource, ...] = ()


def read_policies(folder: Path, problems: list[Problem]) -> Document[Policies] | None:
    path = folder / "policies.yml"
    if not is_there(path):
        return None
    document = read(path, Policies, problems, f"{folder.name}/{path.name}")
    for number, policy in enumerate(document.content.policies if document else ()):
        assert document is not None
        if policy.effective and policy.expires and policy.expires < policy.effective:
            place = ("policies", number, "expires")
            problems.append(document.problem(place, t("ledger.expires_before", name=policy.number)))
    if document:
        ids = [f"{one.device}/{one.number}" for one in document.content.policies]
        problems += twice(document, "policies", ids)
    return document


def read_cloud(folder: Path, problems: list[Problem]) -> Document[Cloud] | None:
    path = folder / "cloud.yml"
    if not is_there(path):
        return None
    document = read(path, Cloud, problems, f"{folder.name}/{path.name}")
    if document:
        problems += twice(document, "cloud", [one.name for one in document.content.cloud])
    return document


def twice(document: Document[Policies] | Document[Cloud], key: str, ids: list[str]) -> list[Problem]:
    return [
        document.problem((key, number), t("ledger.id_twice", id=name))
        for number, name in enumerate(ids)
        if name.casefold() in {other.casefold() for other in ids[:number]}
    ]
