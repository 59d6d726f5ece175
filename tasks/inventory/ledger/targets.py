"""Changes of targets in their file: in the entry, in `overrides` for a member of a range, and the
member taken out of its range where an override cannot say it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tasks.inventory.ledger.members import member, without
from tasks.inventory.ledger.yamlfile import (
    YamlFile,
    append,
    block,
    block_list,
    drop,
    flow,
    insert_after,
    put,
    take_out,
)
from tasks.inventory.ranges import BadRange, expand

# What only an entry can say; `overrides` has no place for it.
ENTRY_ONLY = ("address", "host", "service", "path", "instances")
RANGED = ("name", *ENTRY_ONLY[:4])
# What makes a group the place for a new target.
ALIKE = {"host": ("part", "os"), "database": ("part", "engine", "form"), "device": ("part", "kind")}
DEFAULT = {"form": "single"}

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    group: str
    number: int
    index: int
    count: int


class Targets:
    def __init__(self, kind: str, entries: str, content: bytes) -> None:
        self.kind, self.entries = kind, entries
        self.file = YamlFile(content or b"{}\n")
        if not content:
            self.file.tree = block({"groups": block({})})

    @property
    def tree(self) -> Any:
        return self.file.tree

    def listed(self, group: str) -> Any:
        return self.tree["groups"][group][self.entries]

    def find(self, name: str) -> Place:
        for group in self.tree["groups"]:
            for number, entry in enumerate(self.listed(group)):
                names = [one.casefold() for one in expand(str(entry["name"]))]
                if name.casefold() in names:
                    return Place(group, number, names.index(name.casefold()), len(names))
        raise KeyError(name)

    def change(self, name: str, values: Values) -> None:
        place = self.find(name)
        if place.count > 1 and any(key in ENTRY_ONLY for key in values):
            place = self.split(place)
        entry = self.listed(place.group)[place.number]
        own = {key: value for key, value in values.items() if key in ENTRY_ONLY}
        for key, value in own.items():
            put(entry, key, value)
        rest = {key: value for key, value in values.items() if key not in own}
        named = expand(str(entry["name"]))[place.index if place.count > 1 else 0]
        for key, value in rest.items():
            if place.count == 1 and not self.overridden(named, key):
                put(entry, key, value)
            else:
                put(self.override(named), key, value)

    def overridden(self, name: str, key: str) -> bool:
        overrides = self.tree.get("overrides") or {}
        return any(
            key in settings or (isinstance(key, tuple) and key[0] in settings)
            for names, settings in overrides.items()
            if name in expanded(str(names))
        )

    def override(self, name: str) -> Any:
        """The override of this one target, behind all others that also name it."""
        if not self.tree.get("overrides"):
            append(self.tree, "overrides", block({}), between="\n")
        overrides = self.tree["overrides"]
        naming = [str(names) for names in overrides if name in expanded(str(names))]
        if not naming or naming[-1] != name:
            kept = overrides.get(name)
            if kept is not None:
                drop(overrides, name)
            append(overrides, name, kept if kept is not None else flow({}))
        return overrides[name]

    def split(self, place: Place) -> Place:
        """The member as an entry of its own, behind the rest of its range."""
        entries = self.listed(place.group)
        entry = entries[place.number]
        alone = block({key: one_of(key, value, place.index) for key, value in entry.items()})
        for key in RANGED:
            if key in entry:
                entry[key] = without(str(entry[key]), place.index)
        for instance in entry.get("instances", ()):
            for key in ("name", "host"):
                instance[key] = without(str(instance[key]), place.index)
        insert_after(entries, place.number, alone)
        return Place(place.group, place.number + 1, 0, 1)

    def remove(self, name: str) -> None:
        place = self.find(name)
        if place.count > 1:
            place = self.split(place)
        entries = self.listed(place.group)
        named = str(entries[place.number]["name"])
        if len(entries) > 1:
            take_out(entries, place.number)
        elif len(self.tree["groups"]) > 1:
            drop(self.tree["groups"], place.group)
        else:
            self.tree["groups"][place.group][self.entries] = []
        overrides = self.tree.get("overrides") or {}
        if named in overrides:
            drop(overrides if len(overrides) > 1 else self.tree, named if len(overrides) > 1 else "overrides")

    def add(self, name: str, values: Values, blank: tuple[str, ...]) -> None:
        """In the group that says most of it already, or in one of its own."""
        group = self.group_for(values)
        shared = {key: values[key] for key in ALIKE[self.kind] if key in values}
        said = self.said(group) if group else {**self.said(), **shared}
        entry = block({"name": name})
        for key in sorted(values, key=lambda key: key not in ENTRY_ONLY):
            if isinstance(key, tuple) or said.get(key, DEFAULT.get(key)) != values[key]:
                put(entry, key, values[key])
        for key in blank:
            if said.get(key):
                put(entry, key, "")
        if group and self.listed(group):
            insert_after(self.listed(group), len(self.listed(group)) - 1, entry)
        elif group:
            self.tree["groups"][group][self.entries] = block_list([entry])
        else:
            made = block({**shared, self.entries: block_list([entry])})
            append(self.tree["groups"], self.new_name(values), made, between="\n")

    def said(self, group: str = "") -> dict[str, Any]:
        """What a target of `group` has without saying it; without a group, of any."""
        shared = {**(self.tree.get("defaults") or {}), **(self.tree["groups"][group] if group else {})}
        shared.pop(self.entries, None)
        return {key: value if key == "port" else str(value) for key, value in shared.items()}

    def group_for(self, values: Values) -> str | None:
        wanted = {key: values.get(key, DEFAULT.get(key)) for key in ALIKE[self.kind]}
        best, most = None, -1
        for group in self.tree["groups"]:
            said = self.said(group)
            if any(said.get(key, DEFAULT.get(key)) != value for key, value in wanted.items()):
                continue
            score = sum(said.get(key) == value for key, value in values.items() if isinstance(key, str))
            if score > most:
                best, most = group, score
        return best

    def new_name(self, values: Values) -> str:
        base = "-".join(str(values[key]) for key in ALIKE[self.kind] if key in values)
        return next(
            one for one in (base, *(f"{base}-{n}" for n in range(2, 1000))) if one not in self.tree["groups"]
        )


def expanded(names: str) -> list[str]:
    try:
        return expand(names)
    except BadRange:
        return []


def one_of(key: str, value: Any, index: int) -> Any:
    """The value of an entry as one of its members has it."""
    if key == "instances":
        return block_list(
            [
                block({k: member(str(v), index) if k in ("name", "host") else v for k, v in one.items()})
                for one in value
            ]
        )
    return member(str(value), index) if key in RANGED else value
