"""What the ledgers hold now: targets of the inventory, policies and cloud resources, as text."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from tasks.errors import Refused
from tasks.inventory.contract import Contract
from tasks.inventory.ledger.columns import LEDGERS, Ledger, choices
from tasks.inventory.ledger.registers import Policy, Resource, read_cloud, read_policies
from tasks.inventory.load import Inventory
from tasks.model import Database, Instance, Target
from tasks.strict import Problem
from tasks.texts import t


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a ledger, its values in the form of the files: codes, ISO dates."""

    key: tuple[str, ...]
    values: Mapping[str, str]
    # Column → the cell it was read from, `Sheet!C7`.
    places: Mapping[str, str] = field(default_factory=dict)
    # Columns whose number may have lost its last zeros on the way.
    doubtful: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        return "/".join(self.key)

    @property
    def identity(self) -> str:
        return self.name.casefold()


Tables = Mapping[str, tuple[Row, ...]]


def current(inventories: Path, inventory: Inventory, code: str) -> Tables:
    """Every ledger of one contract, in the order of its files."""
    problems: list[Problem] = []
    policies = read_policies(inventories / code, problems)
    cloud = read_cloud(inventories / code, problems)
    if problems:
        raise Refused(t("ledger.files_invalid"), sorted(problems))
    listed: dict[str, list[Target | Policy | Resource]] = {
        kind: list(inventory.targets(code, kind)) for kind in ("host", "database", "device")
    }
    listed["policy"] = list(policies.content.policies) if policies else []
    listed["cloud"] = list(cloud.content.cloud) if cloud else []
    return {kind: tuple(row(ledger, thing) for thing in listed[kind]) for kind, ledger in LEDGERS.items()}


def row(ledger: Ledger, thing: Target | Policy | Resource) -> Row:
    kept = dict(thing.ledger) if isinstance(thing, Target) else {}
    values = {
        column.key: kept.get(column.key, "") if column.extra else text(thing, column.key)
        for column in ledger.columns
    }
    return Row(tuple(values[key] for key in ledger.key), values)


def text(thing: Target | Policy | Resource, key: str) -> str:
    if isinstance(thing, Database) and key == "instances":
        return instances_text(thing.instances)
    value = getattr(thing, key)
    if value is None:
        return ""
    return value.isoformat() if isinstance(value, date) else str(value)


def instances_text(instances: tuple[Instance, ...]) -> str:
    """`name@host`, a Data Guard member with its role: `name@host:primary`."""
    return " ".join(f"{one.name}@{one.host}{':' if one.role else ''}{one.role}" for one in instances)


def shown(ledger: Ledger, key: str, value: str, contract: Contract) -> str:
    """A value as people read it: codes by their titles."""
    column = ledger.column(key)
    if column.kind == "choice":
        return choices(ledger, column, contract).get(value, (value,))[0]
    if column.kind == "instances":
        for role in ("primary", "standby"):
            value = value.replace(f":{role}", f"({t(f'ledger.role_{role}')})")
    return value
