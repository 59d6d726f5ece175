"""Prove a backup, level by level, on a scratch instance; a record says the level that was reached and why
not the next."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tasks import clock
from tasks.backups import CouldNotLook, Fetched, Method, Unsound, is_elsewhere, method_named
from tasks.backups import manifest as manifests
from tasks.backups.catalogue import Backup, Proved
from tasks.backups.digests import Difference, compare
from tasks.backups.manifest import FILE, Level, Manifest
from tasks.backups.road import Altered, Opened, Undecodable
from tasks.backups.scratch import Scratch, scratch
from tasks.backups.taking import Place
from tasks.errors import OpsError
from tasks.storage import Missing, Store
from tasks.texts import listed, t

# Unpacked and rolled forward, a backup takes at most so much more than its plain size.
ROOM = 1.3
NAMED = 8


@dataclass
class Climb:
    """How far one proof has come."""

    asked: Level
    level: Level = Level.NONE
    seconds: float = 0.0
    compared: int = 0
    rows: int = 0
    say: Callable[[str], None] = lambda _: None

    def reached(self, level: Level) -> bool:
        """Whether that was all that is asked for."""
        self.level = level
        self.say(t("backups.reached", level=level))
        return level.rank >= self.asked.rank

    def ended(self, failed: str = "", unsure: str = "", point: Mapping[str, str] | None = None) -> Proved:
        return Proved(
            at=clock.now(),
            level=self.level,
            asked=self.asked,
            failed=failed,
            unsure=unsure,
            seconds=self.seconds,
            compared=self.compared,
            rows=self.rows,
            point=point,
        )


def prove(
    place: Place,
    backup: Backup,
    asked: Level,
    identities: Sequence[Any] = (),
    say: Callable[[str], None] = lambda _: None,
) -> Proved:
    """What does not hold is in the proof, not an error; an error is ours, and tells nothing of the backup."""
    climb = Climb(asked, say=say)
    try:
        chain = place.catalogue.chain(backup)
        fetched = [fetched_from(place, link, identities) for link in chain]
        if asked is Level.L0:
            compared(fetched, climb)
            return climb.ended()
        restored(place, backup, fetched, climb)
    except (Altered, Missing) as problem:
        climb.level = Level.NONE
        return climb.ended(failed=str(problem))
    except (Unsound, Undecodable) as problem:
        return climb.ended(failed=str(problem))
    except OpsError as problem:  # CouldNotLook, a store that cannot be reached
        return climb.ended(unsure=str(problem))
    return climb.ended(point=backup.manifest.digest_point or backup.manifest.point)


def restored(place: Place, backup: Backup, chain: Sequence[Fetched], climb: Climb) -> None:
    manifest, method = backup.manifest, method_named(backup.manifest.method)
    verification = place.plan.verification
    root = place.home.root / verification.folder
    with scratch(root, int(verification.keep_free * 2**30), place.elsewhere) as room:
        try:
            if not is_elsewhere(method):
                room.need(int(sum(one.manifest.size for one in chain) * ROOM))
        except OpsError as problem:
            raise CouldNotLook(str(problem)) from problem
        started = time.monotonic()
        unpacked(method, chain, room, climb)
        if climb.reached(Level.L1):
            return
        until = manifest.digest_point or manifest.point
        with method.opened(chain, room, until) as instance:
            climb.seconds = time.monotonic() - started
            climb.reached(Level.L2)
            if manifest.sentinel and (found := instance.sentinel()) != manifest.sentinel:
                raise Unsound(t("backups.sentinel", found=found or "—"))
            if climb.asked is Level.L2:
                return
            if not comparable(manifest):
                raise CouldNotLook(t("backups.no_digests", why=listed(manifest.not_digested.values())))
            differences = compare(manifest.digests, instance.digests(manifest.digests))
            climb.compared = len(manifest.digests)
            climb.rows = sum(one.count for one in manifest.digests)
            if differences:
                raise Unsound(told(differences))
            climb.reached(Level.L3)


def comparable(manifest: Manifest) -> bool:
    """Definitions alone are no rows that agree, where rows had to be left out."""
    content = [one for one in manifest.digests if one.what != "definition"]
    return bool(content if manifest.not_digested else manifest.digests)


def unpacked(method: Method, chain: Sequence[Fetched], room: Scratch, climb: Climb) -> None:
    """L0 is told while the bytes are read for L1: once, not twice; and of what L1 did not come to."""
    try:
        method.unpack(chain, room)
    except (Altered, Missing):
        raise
    except OpsError:
        compared(chain, climb)
        raise
    compared(chain, climb)


def compared(chain: Sequence[Fetched], climb: Climb) -> None:
    for one in chain:
        one.compare_rest()
    climb.reached(Level.L0)


def fetched_from(place: Place, backup: Backup, identities: Sequence[Any]) -> Opened:
    """From the first of its stores that has it, its manifest being the one that the catalogue knows. It is
    gone only where all of them were looked into."""
    gone: OpsError = Missing(t("backups.nowhere", name=backup.name))
    unseen: OpsError | None = None
    for name in backup.stores:
        store = place.stores.get(name)
        if store is None:
            unseen = CouldNotLook(t("looks.no_store", store=name))
            continue
        try:
            same_manifest(store, backup)
            return Opened(backup.manifest, store, identities)
        except (Altered, Missing) as problem:
            gone = problem
        except OpsError as problem:
            unseen = problem
    raise unseen or gone


def same_manifest(store: Store, backup: Backup) -> None:
    content = b"".join(store.read(f"{backup.manifest.folder}/{FILE}"))
    if manifests.digest_of(content) != backup.digest:
        raise Altered(t("backups.other_manifest", name=backup.name))


def told(differences: Sequence[Difference]) -> str:
    """The first few by name, and how many there are."""
    named = [
        t(
            f"backups.differs_{one.how}",
            name=one.name,
            expected=one.expected.count if one.expected else 0,
            found=one.found.count if one.found else 0,
        )
        for one in differences[:NAMED]
    ]
    return t("backups.differs", count=len(differences), named=listed(named))
