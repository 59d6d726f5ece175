"""Delete what retention gave up, so that an interruption at any moment leaves only whole backups on offer.

First a note, then the catalogue, then the manifest, then the rest: what has no manifest is no backup, and the
note lets the next run end what this one began.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tasks.backups.catalogue import Backup
from tasks.backups.chains import by_name, links, newest, proven
from tasks.backups.copying import whole_in
from tasks.backups.looks import BAD, memory_key, remembered
from tasks.backups.manifest import FILE, Level
from tasks.backups.retention import Retention
from tasks.backups.road import Altered
from tasks.backups.taking import Place, clear, noted
from tasks.errors import OpsError
from tasks.storage import Kept
from tasks.texts import t


@dataclass(frozen=True, slots=True)
class Removed:
    """`problem`: why it stayed in that store; empty: it is gone from there."""

    name: str
    store: str
    problem: str = ""


def tidy(place: Place, found: Retention, asked: Level) -> Iterator[Removed]:
    """Only while what stands for those that go is there: proven once, it may have rotted since."""
    known = by_name(found.stays)
    good = [one for one in found.stays if proven(one, asked) and links(one, known)]
    last = newest(good) if found.goes else None
    try:
        for link in links(last, known) if last else ():
            stands(place, link)
    except OpsError as problem:
        assert last is not None
        yield Removed(last.name, "", t("retention.not_standing", name=last.name, reason=problem))
        return
    yield from remove(place, found.goes)


def stands(place: Place, backup: Backup) -> None:
    """In a store that has all of it, and where no morning's look found other bytes."""
    memory = remembered(place)
    if all(memory.get(memory_key(backup, store), ("",))[0] == BAD for store in whole_in(place, backup)):
        raise Altered(t("looks.bad_before", name=backup.name))


def remove(place: Place, goes: Sequence[Backup]) -> Iterator[Removed]:
    """In the order of `Retention.goes`. What a backup that could not be deleted depends on stays, too."""
    needed: set[str] = set()
    for backup in goes:
        if backup.name in needed:
            told = [Removed(backup.name, store, t("retention.needed")) for store in backup.stores]
        else:
            told = [removed(place, backup.name, store) for store in backup.stores]
        yield from told
        if backup.manifest.parent and any(one.problem for one in told):
            needed.add(backup.manifest.parent.name)


def removed(place: Place, name: str, store_name: str) -> Removed:
    if store_name not in place.stores:
        return Removed(name, store_name, t("retention.no_store", store=store_name, name=name))
    try:
        remove_from(place, name, store_name)
    except Kept as problem:
        return Removed(name, store_name, t("retention.kept", store=store_name, name=name, reason=problem))
    except OpsError as problem:
        return Removed(
            name, store_name, t("retention.not_reached", store=store_name, name=name, reason=problem)
        )
    return Removed(name, store_name)


def remove_from(place: Place, name: str, store_name: str) -> None:
    backup = place.catalogue.named(name)
    store, folder = place.stores[store_name], backup.manifest.folder
    with noted(place, backup.manifest, store_name, going=True) as note:
        with place.catalogue.changing():
            backup = place.catalogue.named(name)
            left = tuple(one for one in backup.stores if one != store_name)
            if left:
                place.catalogue.add(replace(backup, stores=left))
            else:
                place.catalogue.forget(backup)
        try:
            store.delete(f"{folder}/{FILE}")
        except OpsError:
            # Still whole there, as far as can be known.
            place.catalogue.join(backup)
            note.unlink()
            raise
        clear(store, folder)
        note.unlink()
