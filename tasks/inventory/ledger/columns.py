"""The five ledgers and their columns. A column is a field of a target, or free text kept with it."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tasks.inventory.contract import Contract
from tasks.texts import t, texts

Kind = Literal["name", "text", "address", "choice", "port", "version", "date", "number", "instances"]


@dataclass(frozen=True, slots=True)
class Column:
    key: str
    kind: Kind = "text"
    # Kept in the target's `ledger` mapping: no routine works with it.
    extra: bool = False
    # What cannot be blank: a blank cell says nothing, instead of taking the value away.
    needed: bool = False
    # In characters, as it is printed.
    width: int = 14


@dataclass(frozen=True, slots=True)
class Ledger:
    code: str
    key: tuple[str, ...]
    # What a new line has to say, itself or by the mapping's defaults.
    required: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def title(self) -> str:
        return t(f"ledger.title_{self.code}")

    def heading(self, key: str) -> str:
        return t(f"ledger.{self.code}_{key}")

    def column(self, key: str) -> Column:
        return next(column for column in self.columns if column.key == key)

    def names(self, key: str) -> list[str]:
        """Headings under which people keep this column, the ledger's own first."""
        return [self.heading(key), key, *words(f"also_{key}"), *words(f"also_{self.code}_{key}")]


def extra(key: str, kind: Kind = "text", width: int = 12) -> Column:
    return Column(key, kind, extra=True, width=width)


PART = Column("part", "choice", needed=True, width=16)
NAME = Column("name", "name", needed=True, width=16)
PURPOSE = Column("purpose", width=24)
OWNER = Column("owner", width=12)

HOST = Ledger(
    "host",
    ("name",),
    ("part", "address", "os"),
    (
        PART,
        NAME,
        Column("address", "address", needed=True, width=16),
        PURPOSE,
        Column("os", "choice", needed=True, width=12),
        Column("version", "version", width=10),
        extra("kernel"),
        extra("architecture", width=10),
        extra("memory", width=8),
        extra("disk", width=10),
        extra("patched", "date"),
        extra("end-of-support", "date"),
        extra("accounts"),
        extra("security-software"),
        extra("time-source"),
        extra("backup"),
        OWNER,
    ),
)
DATABASE = Ledger(
    "database",
    ("name",),
    ("part", "engine", "instances"),
    (
        PART,
        NAME,
        Column("engine", "choice", needed=True, width=10),
        Column("form", "choice", needed=True, width=10),
        Column("instances", "instances", needed=True, width=34),
        Column("address", "address", needed=True, width=16),
        Column("port", "port", needed=True, width=8),
        Column("service", "name", width=12),
        Column("version", "version", width=12),
        extra("patch"),
        extra("charset", width=10),
        extra("size", width=10),
        extra("growth", width=10),
        Column("role", "choice", needed=True, width=8),
        Column("partner", "name", needed=True, width=12),
        extra("backup"),
        extra("archiving"),
        extra("accounts"),
        extra("applications", width=16),
        PURPOSE,
        OWNER,
    ),
)
POLICY = Ledger(
    "policy",
    ("device", "number"),
    ("source", "destination", "ports", "action"),
    (
        Column("device", "name", needed=True),
        Column("number", "name", needed=True, width=10),
        Column("source", needed=True, width=18),
        Column("destination", needed=True, width=18),
        Column("ports", needed=True, width=14),
        Column("action", "choice", needed=True, width=8),
        Column("reason", width=28),
        Column("request"),
        Column("approval"),
        Column("effective", "date", width=12),
        Column("expires", "date", width=12),
        Column("hits", "number", width=10),
        Column("reviewed", width=16),
    ),
)
CLOUD = Ledger(
    "cloud",
    ("name",),
    ("part", "kind"),
    (
        PART,
        NAME,
        Column("kind", "choice", needed=True, width=12),
        Column("spec", width=24),
        Column("address", "address", width=16),
        PURPOSE,
        Column("request"),
        Column("approval"),
        Column("opened", "date", width=12),
        Column("expires", "date", width=12),
        Column("reclaimed", "date", width=12),
        Column("advice", width=24),
        OWNER,
    ),
)
DEVICE = Ledger(
    "device",
    ("name",),
    ("part", "kind"),
    (
        PART,
        NAME,
        Column("kind", "choice", needed=True, width=18),
        Column("model", "version"),
        Column("serial", "version", width=16),
        Column("address", "address", needed=True, width=16),
        Column("location", width=16),
        PURPOSE,
        extra("installed", "date"),
        extra("warranty", "date"),
        extra("state"),
        OWNER,
    ),
)

LEDGERS: Mapping[str, Ledger] = {one.code: one for one in (HOST, DATABASE, POLICY, CLOUD, DEVICE)}

OPEN_CHOICES = ("part", "kind")


def words(key: str) -> list[str]:
    """The words of a text that lists them; none if there is no such text."""
    return [word for word in texts("ledger").get(key, "").split("|") if word]


@functools.cache
def fixed_choices(name: str) -> dict[str, tuple[str, ...]]:
    """Code → what it is shown as, and other words for it: the texts `choice_<name>_<code>`."""
    start = f"choice_{name}_"
    found = {key.removeprefix(start): words(key) for key in texts("ledger") if key.startswith(start)}
    return {code.replace("_", "-"): tuple(listed) for code, listed in found.items()}


def choices(ledger: Ledger, column: Column, contract: Contract) -> Mapping[str, tuple[str, ...]]:
    """Code → its words. Parts and kinds of devices are the contract's own."""
    if column.key == "part":
        return {code: (part.title,) for code, part in contract.parts.items()}
    if ledger.code == "device" and column.key == "kind":
        return {code: (title,) for code, title in contract.kinds.items()}
    return fixed_choices(f"{ledger.code}_{column.key}")
