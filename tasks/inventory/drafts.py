"""From the entries of one file to one draft per target: ranges spread, layers of settings merged."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from tasks.inventory.addresses import is_address
from tasks.inventory.ranges import BadRange, expand, spread
from tasks.inventory.schema import NAME, InstanceEntry, TargetFile
from tasks.inventory.suggest import meant
from tasks.model import Instance
from tasks.strict import Document, Location, Problem
from tasks.texts import t

# What may hold a range.
RANGED = ("name", "address", "host", "service", "path")


@dataclass(slots=True)
class Draft:
    """One target as its file says it, and where the file says each part of it."""

    contract: str
    type: str
    document: Document[Any]
    location: Location
    settings: dict[str, Any] = field(default_factory=dict)
    places: dict[str, Location] = field(default_factory=dict)
    instances: list[Instance] = field(default_factory=list)

    @property
    def name(self) -> str:
        return str(self.settings["name"])

    def problem(self, key: str, text: str, suggestion: str = "") -> Problem:
        return self.document.problem(self.places.get(key, self.location), text, suggestion)

    @property
    def place(self) -> tuple[str, int]:
        """File and line of the entry it comes from."""
        found = self.document.problem(self.location, "")
        return found.file, found.line

    @property
    def origin(self) -> str:
        return "{}:{}".format(*self.place)

    def layer(self, values: Mapping[str, Any], location: Location) -> None:
        """Later layers replace what earlier ones said; groups and ledger columns add up."""
        for key, value in values.items():
            if value is None:
                continue
            if key == "groups":
                value = tuple(dict.fromkeys((*self.settings.get(key, ()), *value)))
            elif key == "ledger":
                value = {**self.settings.get(key, {}), **value}
            self.settings[key] = value
            self.places[key] = (*location, key)


def said(settings: BaseModel, *without: str) -> dict[str, Any]:
    """What the file says itself, not what the shape adds."""
    return {key: getattr(settings, key) for key in sorted(settings.model_fields_set) if key not in without}


def drafts(
    contract: str, kind: str, entries: str, document: Document[TargetFile], problems: list[Problem]
) -> list[Draft]:
    """Every target of a file; what cannot be spread or overridden is a problem."""
    found: list[Draft] = []
    before = len(problems)
    for group, settings in document.content.groups.items():
        for number, entry in enumerate(getattr(settings, entries)):
            location = ("groups", group, entries, number)
            try:
                rows = spread_entry(entry)
            except BadRange as bad:
                problems.append(document.problem(location, t(f"inventory.{bad.key}", **bad.values)))
                continue
            for fields, instances in rows:
                draft = Draft(contract, kind, document, location, instances=instances)
                draft.layer(said(document.content.defaults), ("defaults",))
                draft.layer(
                    said(settings, entries) | {"groups": (group, *(settings.groups or ()))}, ("groups", group)
                )
                draft.layer(said(entry, *RANGED, "instances") | fields, location)
                draft.places["instances"] = (*location, "instances")
                found.append(draft)
    override(found, document, problems, all_names=len(problems) == before)
    return [draft for draft in found if well_named(draft, problems)]


def spread_entry(entry: Any) -> Iterator[tuple[dict[str, str], list[Instance]]]:
    """One row for each target the entry stands for, with its instances."""
    fields = {key: getattr(entry, key) for key in RANGED if getattr(entry, key, None) is not None}
    members: tuple[InstanceEntry, ...] = getattr(entry, "instances", None) or ()
    for number, member in enumerate(members):
        fields |= {f"instances.{number}.name": member.name, f"instances.{number}.host": member.host}
    if "url" in type(entry).model_fields:
        return iter([(fields | {"url": entry.url}, [])])
    return iter([parts(row, members) for row in spread(fields)])


def parts(row: dict[str, str], members: tuple[InstanceEntry, ...]) -> tuple[dict[str, str], list[Instance]]:
    instances = [
        Instance(
            name=row.pop(f"instances.{number}.name"),
            host=row.pop(f"instances.{number}.host"),
            role=member.role or "",
            port=member.port,
        )
        for number, member in enumerate(members)
    ]
    return row, instances


def override(
    found: list[Draft], document: Document[TargetFile], problems: list[Problem], all_names: bool
) -> None:
    """The layer of the few that differ: a name in it that no entry has is a mistake."""
    by_name = {draft.name: draft for draft in found}
    for names, settings in document.content.overrides.items():
        location = ("overrides", names)
        try:
            chosen = expand(names)
        except BadRange as bad:
            problems.append(document.problem(location, t(f"inventory.{bad.key}", **bad.values)))
            continue
        for name in chosen:
            if name in by_name:
                by_name[name].layer(said(settings), location)
            elif all_names:
                text = t("inventory.override_unknown", name=name)
                problems.append(document.problem(location, text, meant(name, by_name)))


def well_named(draft: Draft, problems: list[Problem]) -> bool:
    """Names and addresses after their ranges are spread."""
    before = len(problems)
    if not NAME.fullmatch(draft.name):
        problems.append(draft.problem("name", t("strict.bad_name", key="name", value=draft.name)))
    address = draft.settings.get("address")
    if address is not None and not is_address(address):
        problems.append(draft.problem("address", t("inventory.bad_address", value=address)))
    return len(problems) == before
