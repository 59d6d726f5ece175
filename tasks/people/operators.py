"""`inventories/operators.yml`: who may do what, on which contracts. People edit it too, so that
what is added or removed here leaves the rest of the file, its comments included, as it was.
"""

import stat
import unicodedata
from collections.abc import Callable, Collection, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Literal

from pydantic import Field, TypeAdapter, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from tasks.errors import OpsError, Refused
from tasks.files import write_whole
from tasks.home import Home
from tasks.inventory.suggest import meant
from tasks.people.listing import with_entry, without_entry
from tasks.people.vault import alone
from tasks.strict import Document, Name, Problem, Shape, ascii_safe, is_there, read
from tasks.texts import listed, t, why

FILE = "operators.yml"


class Role(StrEnum):
    OPERATOR = "operator"
    APPROVER = "approver"
    READER = "reader"
    ADMIN = "admin"


class Operator(Shape):
    name: Name
    roles: tuple[Role, ...] = Field(min_length=1)
    contracts: Literal["all"] | tuple[Name, ...]

    def may(self, role: Role, contract: str) -> bool:
        return role in self.roles and (self.contracts == "all" or contract in self.contracts)


class Operators(Shape):
    operators: tuple[Operator, ...] = ()


def load(inventories: Path) -> tuple[Operator, ...]:
    """Everybody in the file; a missing file is nobody."""
    problems: list[Problem] = []
    document = read_operators(inventories, problems)
    if problems:
        raise Refused(t("people.operators_invalid"), problems)
    return document.content.operators if document else ()


def read_operators(inventories: Path, problems: list[Problem]) -> Document[Operators] | None:
    """The file, if there is one; what is wrong goes to `problems`."""
    path = inventories / FILE
    if not is_there(path):
        return None
    document = read(path, Operators, problems)
    names = [operator.name for operator in document.content.operators] if document else []
    for index, name in enumerate(names):
        if document and name in names[:index]:
            problems.append(document.problem(("operators", index), t("people.name_twice", name=name)))
    return document


def unknown_contracts(document: Document[Operators], codes: Collection[str]) -> Iterator[Problem]:
    """Somebody may act on a contract that is not there: a misspelt code, or a leftover."""
    for index, operator in enumerate(document.content.operators):
        for code in () if operator.contracts == "all" else operator.contracts:
            if code not in codes:
                place = ("operators", index, "contracts")
                yield document.problem(place, t("people.unknown_contract", contract=code), meant(code, codes))


def find(inventories: Path, name: str) -> Operator | None:
    return next((found for found in load(inventories) if found.name == name), None)


def known(home: Home, name: str) -> Operator:
    operator = find(home.inventories, name)
    if operator is None:
        names = [listed.name for listed in load(home.inventories)]
        raise Refused(t("people.unknown", name=name) + meant(name, names))
    return operator


def refuse_known(home: Home, name: str) -> None:
    if find(home.inventories, name):
        raise Refused(t("people.exists", name=name))


def described(name: str, roles: Sequence[str], contracts: Sequence[str]) -> Operator:
    """An operator from what was typed; no contract named means all of them."""
    for role in roles:
        if role not in set(Role):
            allowed = [str(known) for known in Role]
            text = t("people.bad_role", role=ascii_safe(role), allowed=", ".join(allowed))
            raise Refused(text + meant(role, allowed))
    for given in (name, *contracts):
        try:
            TypeAdapter(Name).validate_python(given)
        except ValidationError as problem:
            raise Refused(t("people.bad_name", name=ascii_safe(given))) from problem
    # Input methods differ in how they compose a character; the file and the login must agree.
    composed = unicodedata.normalize("NFC", name)
    return Operator(
        name=composed, roles=tuple(dict.fromkeys(map(Role, roles))), contracts=tuple(contracts) or "all"
    )


def refuse_unknown_contracts(home: Home, operator: Operator) -> None:
    known = sorted(path.stem for path in (home.inventories / "contracts").glob("*.yml"))
    for contract in () if operator.contracts == "all" else operator.contracts:
        if contract not in known:
            raise Refused(t("people.unknown_contract", contract=contract) + meant(contract, known))


def add(home: Home, operator: Operator) -> None:
    def changed(text: str, before: Sequence[Operator]) -> tuple[str, list[Operator]]:
        if any(listed.name == operator.name for listed in before):
            raise Refused(t("people.exists", name=operator.name))
        new = with_entry(text, operator.name, operator.roles, operator.contracts)
        return new, [*before, operator]

    edit(home, changed)


def remove(home: Home, name: str) -> None:
    def changed(text: str, before: Sequence[Operator]) -> tuple[str, list[Operator]]:
        index = next((at for at, listed in enumerate(before) if listed.name == name), None)
        if index is None:
            raise Refused(t("people.unknown", name=name))
        return without_entry(text, index), [listed for listed in before if listed.name != name]

    edit(home, changed)


def edit(home: Home, changed: Callable[[str, Sequence[Operator]], tuple[str, list[Operator]]]) -> None:
    """Replace the file by its `changed` text, if that says exactly what it should."""
    path = home.inventories / FILE
    with alone(home, "operators"):
        before = load(home.inventories)
        try:
            old = path.read_text("utf-8") if path.exists() else ""
            new, meant_to_say = changed(old, before)
            if not says(new, meant_to_say):
                raise Refused(t("people.edit_by_hand"))
            mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o644
            write_whole(path, new.encode(), mode)
        except OSError as problem:
            raise OpsError(t("people.unwritable", path=path, reason=why(problem))) from problem


def says(text: str, operators: Sequence[Operator]) -> bool:
    try:
        content = Operators.model_validate(YAML(typ="safe").load(text))
    except (YAMLError, ValidationError):
        return False
    return list(content.operators) == list(operators)


def entitled(home: Home, name: str, contract: str, *roles: Role) -> Operator:
    """Somebody on the list who may decide this for the contract."""
    operator = known(home, name)
    if not any(operator.may(role, contract) for role in roles):
        wanted = listed(t(f"people.role_{role}") for role in roles)
        raise Refused(t("people.not_entitled", name=name, contract=contract, roles=wanted))
    return operator
