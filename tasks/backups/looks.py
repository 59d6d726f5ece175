"""What lies in each store now, held against what the catalogue knows: listed as a whole every morning; and
the bytes themselves read again, a share of them a day, so that none goes unread for long.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from tasks import clock
from tasks.backups.catalogue import Backup
from tasks.backups.chains import order
from tasks.backups.copying import compared
from tasks.backups.manifest import FILE
from tasks.backups.proof import same_manifest
from tasks.backups.road import Altered
from tasks.backups.taking import Place
from tasks.errors import OpsError
from tasks.files import write_whole
from tasks.storage import Missing, Store, Stored
from tasks.texts import t

# Read again in one morning, beside the newest of each item.
BUDGET = 20 * 2**30
# Backup in a store → the tags it had, and when its bytes were read.
Memory = Mapping[str, tuple[str, datetime]]
# In the place of tags: what lay there was not what was written.
BAD = "-"
State = Literal["whole", "vanished", "changed", "unknown"]


@dataclass(frozen=True, slots=True)
class Seen:
    """One backup in one store. `read_at`: when its bytes were last compared, now or before."""

    backup: Backup
    store: str
    state: State
    said: str = ""
    read_at: datetime | None = None
    # What the store says of its objects: another tag is another object.
    tags: str = ""


@dataclass(frozen=True, slots=True)
class Stranger:
    """A folder in a store that the catalogue does not know. `whole`: it has a manifest."""

    store: str
    folder: str
    size: int
    whole: bool


@dataclass(frozen=True, slots=True)
class Look:
    """`closed`: stores that could not be looked into, and why."""

    seen: tuple[Seen, ...]
    strangers: tuple[Stranger, ...] = ()
    closed: Mapping[str, str] = field(default_factory=dict)
    read: int = 0


def look(
    place: Place,
    backups: Sequence[Backup],
    closed: Mapping[str, str] | None = None,
    budget: int = BUDGET,
) -> Look:
    """`closed`: what could not even be opened. Remembers what it read, for the next morning."""
    listing, shut = listed(place, dict(closed or {}))
    memory = remembered(place)
    seen = [glanced(one, store, listing.get(store), shut, memory) for one in backups for store in one.stores]
    seen, read = read_again(place, seen, memory, budget)
    remember(place, seen)
    return Look(tuple(seen), tuple(strangers(place, backups, listing)), shut, read)


def listed(place: Place, shut: dict[str, str]) -> tuple[dict[str, dict[str, Stored]], dict[str, str]]:
    """One listing of each store: asking for each object apart would be thousands of questions."""
    found: dict[str, dict[str, Stored]] = {}
    for name, store in place.stores.items():
        try:
            found[name] = {one.key: one for one in store.objects(f"{place.contract}/")}
        except OpsError as problem:
            shut[name] = str(problem)
    return found, shut


def glanced(
    backup: Backup,
    store: str,
    objects: Mapping[str, Stored] | None,
    shut: Mapping[str, str],
    memory: Memory,
) -> Seen:
    """By the listing alone."""
    if objects is None:
        return Seen(backup, store, "unknown", shut.get(store) or t("looks.no_store", store=store))
    manifest = backup.manifest
    expected = {manifest.key(member): member.stored_size for member in manifest.members}
    missing = [key for key in (*expected, f"{manifest.folder}/{FILE}") if key not in objects]
    if missing:
        every = len(missing) == len(expected) + 1
        what = "gone" if every else "part_gone"
        return Seen(backup, store, "vanished", t(f"looks.{what}", key=missing[0], count=len(missing)))
    for key, size in expected.items():
        if objects[key].size != size:
            return Seen(
                backup, store, "changed", t("looks.size", key=key, size=objects[key].size, expected=size)
            )
    tags = "|".join(objects[key].tag for key in (*expected, f"{manifest.folder}/{FILE}"))
    known_tags, read_at = memory.get(memory_key(backup, store), ("", None))
    return Seen(backup, store, "whole", tags=tags, read_at=read_at if known_tags == tags else None)


def read_again(place: Place, seen: Sequence[Seen], memory: Memory, budget: int) -> tuple[list[Seen], int]:
    """The newest of each item in each store whatever it takes; then those whose objects are others now; then
    what was read the longest ago, within the budget."""
    done: dict[int, Seen] = {}
    used = 0
    for place_in_list, always in queue(seen, memory):
        one = seen[place_in_list]
        size = one.backup.manifest.stored_size
        if not always and used + size > budget:
            continue
        used += size
        done[place_in_list] = bytes_compared(place.stores[one.store], one)
    return [done.get(number, one) for number, one in enumerate(seen)], used


def queue(seen: Sequence[Seen], memory: Memory) -> list[tuple[int, bool]]:
    """Places in `seen`, and whether they are read whatever it takes."""
    whole = [number for number, one in enumerate(seen) if one.state == "whole"]
    newest: dict[tuple[object, str], int] = {}
    for number in sorted(whole, key=lambda number: order(seen[number].backup)):
        newest[(seen[number].backup.item, seen[number].store)] = number
    before = {number: memory.get(memory_key(seen[number].backup, seen[number].store)) for number in whole}
    bad = {number for number, known in before.items() if known and known[0] == BAD}
    always = {*bad, *newest.values()}

    def urgency(number: int) -> tuple[bool, bool, float]:
        read_at = seen[number].read_at
        replaced = read_at is None and before[number] is not None
        return number not in always, not replaced, read_at.timestamp() if read_at else 0.0

    return [(number, number in always) for number in sorted(whole, key=urgency)]


def bytes_compared(store: Store, one: Seen) -> Seen:
    try:
        same_manifest(store, one.backup)
        for member in one.backup.manifest.members:
            for _ in compared(store, one.backup, member):
                pass
    except Altered as problem:
        return replace(one, state="changed", said=str(problem), read_at=None)
    except Missing as problem:
        return replace(one, state="vanished", said=str(problem), read_at=None)
    except OpsError as problem:
        return replace(one, state="unknown", said=str(problem), read_at=None)
    return replace(one, read_at=clock.now())


def strangers(
    place: Place, backups: Sequence[Backup], listing: Mapping[str, Mapping[str, Stored]]
) -> Iterable[Stranger]:
    """Folders that are no backup we know, those at work this moment apart."""
    known = {(store, one.manifest.folder) for one in backups for store in one.stores}
    busy = {note.stem for note in (place.home.backups / place.contract / "running").glob("*.json")}
    for store, objects in listing.items():
        sizes: dict[str, int] = {}
        for key, stored in objects.items():
            folder = key.rpartition("/")[0]
            sizes[folder] = sizes.get(folder, 0) + stored.size
        for folder, size in sorted(sizes.items()):
            if (store, folder) not in known and folder.rpartition("/")[2] not in busy:
                yield Stranger(store, folder, size, f"{folder}/{FILE}" in objects)


def memory_key(backup: Backup, store: str) -> str:
    return f"{store}/{backup.name}"


def remembered(place: Place) -> Memory:
    """What was read when, by the tags it had. It may be lost: then everything is read again in time."""
    path = place.home.backups / place.contract / "looks.json"
    try:
        said = json.loads(path.read_bytes())
        return {key: (tags, clock.parse(at)) for key, (tags, at) in said.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def remember(place: Place, seen: Sequence[Seen]) -> None:
    """What was found changed is read again each morning until it is right: nobody forgets it."""
    read = {
        memory_key(one.backup, one.store): (one.tags if one.state == "whole" else BAD, at.isoformat())
        for one in seen
        if (at := one.read_at or (clock.now() if one.state == "changed" else None))
    }
    folder = place.home.ready(place.home.backups / place.contract)
    write_whole(folder / "looks.json", json.dumps(read, indent=1).encode())
