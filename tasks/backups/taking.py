"""Take one backup: room first, then the streams, then the manifest, which alone makes it a backup."""

import fcntl
import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from tasks import clock
from tasks.backups import ChainBroken, Disturbed, Order, Source, Taken, method_named, road
from tasks.backups import manifest as manifests
from tasks.backups.catalogue import Backup, Catalogue, from_storage, next_version
from tasks.backups.locking import lock, lockable
from tasks.backups.manifest import FILE, Kind, Manifest, Member, Parent
from tasks.backups.plan import Backups, Item, kind_of
from tasks.backups.scratch import Elsewhere
from tasks.errors import OpsError
from tasks.files import write_whole
from tasks.home import Home
from tasks.storage import Kept, Store
from tasks.texts import t
from tasks.transports import Access


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a contract's backups lie and what is known of them."""

    home: Home
    contract: str
    plan: Backups
    stores: Mapping[str, Store]
    catalogue: Catalogue
    # The plan's `verification.host`, with the ways to it.
    elsewhere: Elsewhere | None = None


@dataclass
class Sending:
    """The sink of one backup: each member becomes an object in its folder."""

    store: Store
    manifest: Manifest
    item: Item
    recipients: Sequence[str]
    moved: Callable[[int], None] | None = None
    members: list[Member] = field(default_factory=list)

    def send(self, name: str, source: Source) -> None:
        load = self.item.job.load
        self.members.append(
            road.send(
                self.store,
                self.manifest.folder,
                name,
                source,
                recipients=self.recipients,
                compression=load.compression,
                rate=load.rate,
                moved=self.moved,
            )
        )


def take(
    place: Place,
    item: Item,
    kind: Kind,
    access: Access,
    *,
    say: Callable[[str], None] = lambda _: None,
    moved: Callable[[int], None] | None = None,
) -> Backup:
    """A complete backup in the catalogue, or an error and nothing left of it in storage. What cannot follow
    the last one is a full one."""
    try:
        return attempt(place, item, kind, access, say, moved)
    except (ChainBroken, Disturbed) as problem:
        say(str(problem))
        again = kind if isinstance(problem, Disturbed) else Kind.FULL
        return attempt(place, item, again, access, say, moved)


def attempt(
    place: Place,
    item: Item,
    kind: Kind,
    access: Access,
    say: Callable[[str], None],
    moved: Callable[[int], None] | None,
) -> Backup:
    before = place.catalogue.of(item.key)
    chain = chain_of(place, before) if kind is not Kind.FULL else []
    if not chain:
        kind = Kind.FULL
    begun = beginning(place, item, kind, before, chain)
    store = place.stores[item.job.store]
    lockable(store)
    enough_room(store, before, kind)
    order = Order(
        job=item.job,
        target=item.target,
        kind=kind,
        access=access,
        chain=[one.manifest for one in chain],
        digests=item.job.asked is manifests.Level.L3,
        sentinel=begun.sentinel,
        say=say,
    )
    sink = Sending(store, begun, item, list(place.plan.keys.values()), moved)
    with unfinished(place, begun, item.job.store):
        made = whole(begun, method_named(item.job.method).take(order, sink), sink.members)
        arrived(store, made)
        content = manifests.write(made)
        store.put(f"{made.folder}/{FILE}", [content])
        backup = Backup(made, manifests.digest_of(content), (item.job.store,))
        place.catalogue.add(backup)
    lock(place.catalogue, backup, item.job.store, store)
    return backup


def whole(begun: Manifest, taken: Taken, members: Sequence[Member]) -> Manifest:
    return replace(
        begun,
        ended_at=clock.now(),
        point=taken.point,
        digest_point=taken.digest_point,
        digests=taken.digests,
        not_digested=taken.not_digested,
        facts=taken.facts,
        members=tuple(members),
    )


def chain_of(place: Place, before: Sequence[Backup]) -> list[Backup]:
    """What an incremental one would follow. Nothing, where the chain is not all there or was found bad:
    it begins anew."""
    if not before:
        return []
    newest = max(before, key=lambda one: (one.manifest.chain, one.manifest.number))
    try:
        links = place.catalogue.chain(newest)
    except OpsError:
        return []
    bad = any(link.proved and link.proved.failed for link in links)
    return links if not bad and all(there(place, link) for link in links) else []


def there(place: Place, backup: Backup) -> bool:
    keys = [f"{backup.manifest.folder}/{FILE}", *map(backup.manifest.key, backup.manifest.members)]
    return any(
        all(place.stores[name].stat(key) for key in keys) for name in backup.stores if name in place.stores
    )


def beginning(
    place: Place, item: Item, kind: Kind, before: Sequence[Backup], chain: Sequence[Backup]
) -> Manifest:
    now = clock.now()
    number, follows = next_version(before, kind)
    parent = Parent(chain[-1].name, chain[-1].digest) if chain else None
    made = Manifest(
        contract=place.contract,
        system=item.target.part,
        target=item.target.name,
        engine=kind_of(item.target)[1],
        job=item.job.name,
        method=item.job.method,
        kind=kind,
        chain=number,
        number=follows,
        started_at=now,
        ended_at=now,
        point={},
        parent=parent,
        keys=tuple(place.plan.keys),
        sentinel=secrets.token_hex(16) if item.job.sentinel else "",
    )
    for _ in range(30):
        if not there_already(place, made):
            return made
        time.sleep(0.1)
        made = replace(made, started_at=clock.now(), ended_at=clock.now())
    raise OpsError(t("backups.same_name", name=made.name))


def there_already(place: Place, manifest: Manifest) -> bool:
    """Two jobs of one target that begin within one second would bear one name."""
    known = place.catalogue.folder / f"{manifest.name}.json"
    return known.exists() or (place.home.backups / place.contract / "running" / known.name).exists()


def enough_room(store: Store, before: Sequence[Backup], kind: Kind) -> None:
    """As much as the last of its kind took, and a fifth more."""
    last = next((one for one in reversed(before) if one.manifest.kind is kind), None)
    room = store.free()
    need = int(last.manifest.stored_size * 1.2) if last else 1
    if room is not None and room < need:
        raise OpsError(t("backups.store_full", need=need / 2**30, room=room / 2**30))


def arrived(store: Store, manifest: Manifest) -> None:
    """Before anything is said of it: all of its objects are there, and as long as they were sent."""
    for member in manifest.members:
        found = store.stat(manifest.key(member))
        if found is None or found.size != member.stored_size:
            raise OpsError(t("backups.not_arrived", name=manifest.name, member=member.object))


@contextmanager
def unfinished(place: Place, manifest: Manifest, store: str) -> Iterator[None]:
    """What comes is whole in the end, or nothing is left of it."""
    with noted(place, manifest, store) as note:
        try:
            yield
        except BaseException:
            # The note stays where that fails, and a full disk hides nothing of what went wrong first.
            with suppress(OpsError, OSError):
                clear(place.stores[store], manifest.folder)
                close_note(note, place.stores[store])
            raise
        note.unlink(missing_ok=True)


@contextmanager
def noted(place: Place, manifest: Manifest, store: str, going: bool = False) -> Iterator[Path]:
    """On disk before the first byte comes or goes, so that what a dead run left is found and removed."""
    note = place.home.ready(place.home.backups / place.contract / "running") / f"{manifest.name}.json"
    said = {"folder": manifest.folder, "store": store, "going": going}
    write_whole(note, json.dumps(said).encode())
    with note.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield note


def clear(store: Store, folder: str) -> None:
    """The manifest first: without it what is left is no backup, whenever this ends. Last what was still on
    its way there."""
    for stored in sorted(store.objects(f"{folder}/"), key=lambda one: not one.key.endswith(f"/{FILE}")):
        store.delete(stored.key)
    store.sweep(timedelta(0), f"{folder}/")


def clear_dead(place: Place) -> list[str]:
    """What killed runs left in storage; a backup with its manifest is whole and gets into the catalogue. What
    cannot be reached or is locked is left for the next time."""
    cleared = []
    folder = place.home.backups / place.contract / "running"
    for note in sorted(folder.glob("*.json")) if folder.is_dir() else []:
        with note.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            said = json.loads(note.read_bytes())
            if said["store"] not in place.stores:
                continue
            with suppress(OpsError, OSError):
                left = settle(place, said["store"], said["folder"], said.get("going", False))
                if not left:
                    note.unlink()
                    continue
                close_note(note, place.stores[said["store"]])
                cleared += [] if "cleared" in said else left
    return cleared


def close_note(note: Path, store: Store) -> None:
    """All of it is gone from the store. Where more may arrive, it is cleared again by later runs."""
    said = json.loads(note.read_bytes())
    cleared = said.setdefault("cleared", time.time())
    if abs(time.time() - cleared) >= store.late.total_seconds():
        note.unlink()
    else:
        write_whole(note, json.dumps({**said, "going": True}).encode())


def settle(place: Place, store_name: str, folder: str, going: bool = False) -> list[str]:
    """`going`: it was being deleted, which is ended now unless the store locks it."""
    store = place.stores[store_name]
    if going:
        with suppress(Kept):
            clear(store, folder)
    if store.stat(f"{folder}/{FILE}"):
        for found in from_storage(place.contract, {store_name: store}, f"{folder}/"):
            joined = place.catalogue.join(found)
            if not going:
                lock(place.catalogue, joined, store_name, store)
        return []
    clear(store, folder)
    return [folder]
