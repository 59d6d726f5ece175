"""`inventories/operators.yml`: who may do what, on which contracts. People edit it too, so that
what is added or removed here leaves the rest of the file, its comments included, as it was.
"""

import io
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from pydantic import Field
from ruamel.yaml import YAML

from tasks.errors import OpsError, Refused
from tasks.files import write_whole
from tasks.home import Home
from tasks.people.vault import alone
from tasks.strict import Name, Problem, Shape, read
from tasks.texts import t

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
    path = inventories / FILE
    if not path.exists():
        return ()
    document = read(path, Operators, problems)
    names = [operator.name for operator in document.content.operators] if document else []
    for index, name in enumerate(names):
        if document and name in names[:index]:
            problems.append(document.problem(("operators", index), t("people.name_twice", name=name)))
    if document is None or problems:
        raise Refused(t("people.operators_invalid"), problems)
    return document.content.operators


def find(inventories: Path, name: str) -> Operator | None:
    return next((found for found in load(inventories) if found.name == name), None)


def add(home: Home, operator: Operator) -> None:
    with editing(home) as listed:
        if any(entry["name"] == operator.name for entry in listed):
            raise Refused(t("people.exists", name=operator.name))
        written = operator.model_dump(mode="json")
        for key in ("roles", "contracts"):
            if isinstance(written[key], list):
                written[key] = flow(written[key])
        listed.append(written)


def remove(home: Home, name: str) -> None:
    with editing(home) as listed:
        found = [index for index, entry in enumerate(listed) if entry["name"] == name]
        if not found:
            raise Refused(t("people.unknown", name=name))
        del listed[found[0]]


def flow(values: Sequence[str]) -> Any:
    from ruamel.yaml.comments import CommentedSeq

    short = CommentedSeq(values)
    short.fa.set_flow_style()
    return short


@contextmanager
def editing(home: Home) -> Iterator[Any]:
    """The list of operators as it stands in the file; written back when the block has ended well."""
    path = home.inventories / FILE
    yaml = YAML(typ="rt")
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.width = 4096
    with alone(home, "operators"):
        load(home.inventories)
        try:
            tree = yaml.load(path.read_bytes()) if path.exists() else {}
            listed = tree.setdefault("operators", [])
            if hasattr(listed, "fa"):
                listed.fa.set_block_style()
            yield listed
            Operators.model_validate(tree)
            text = io.BytesIO()
            yaml.dump(tree, text)
            mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o644
            write_whole(path, text.getvalue(), mode)
        except OSError as problem:
            raise OpsError(t("people.unwritable", path=path, reason=problem.strerror)) from problem
