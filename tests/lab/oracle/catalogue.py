"""Oracle's dictionary views with the columns they have in a version: from `dictionary/*.toml`, which is
taken from Oracle's books and not from the product's statements.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent / "dictionary"
# From here on there are containers.
CONTAINERS = (12, 1)
AFFINITIES = {"number": "REAL", "date": "REAL", "timestamp": "REAL", "raw": "BLOB"}
Version = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    kind: str
    since: Version = ()
    before: Version = ()

    @property
    def affinity(self) -> str:
        return AFFINITIES.get(self.kind.split("(")[0], "TEXT")

    def stands(self, version: Version) -> bool:
        return version >= self.since and not (self.before and version >= self.before)


@dataclass(frozen=True, slots=True)
class View:
    name: str
    columns: tuple[Column, ...]
    # Read in Oracle's book; otherwise known.
    confirmed: bool


def numbers(text: str) -> Version:
    return tuple(int(part) for part in text.split(".")) if text else ()


def column(line: str) -> Column:
    name, kind, *words = line.split()
    said = dict(word.split("=") for word in words)
    return Column(name, kind, numbers(said.get("since", "")), numbers(said.get("before", "")))


@cache
def sourced() -> Mapping[str, Mapping[str, Any]]:
    return {
        name: said
        for path in sorted(HERE.glob("*.toml"))
        for name, said in tomllib.loads(path.read_text("utf-8")).items()
    }


@cache
def views(version: Version) -> Mapping[str, View]:
    """All that exist in it, twins included: GV$ and CDB_."""
    own = Column("con_id", "number")
    containers = (own,) if version >= CONTAINERS else ()
    found: dict[str, View] = {}
    for name, said in sourced().items():
        if version < numbers(said.get("since", "")):
            continue
        lines = sourced()[said["like"]]["columns"] if "like" in said else said["columns"]
        columns = tuple(one for one in map(column, lines.strip().split("\n")) if one.stands(version))
        confirmed = not said.get("unconfirmed", False)
        if name.startswith("v$"):
            columns += containers
            found[f"g{name}"] = View(f"g{name}", (Column("inst_id", "number"), *columns), confirmed)
        if name.startswith("dba_") and containers:
            twin = name.replace("dba_", "cdb_")
            found[twin] = View(twin, (*columns, own), confirmed)
        found[name] = View(name, columns, confirmed)
    return found
