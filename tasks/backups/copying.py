"""A copy of a complete backup in another store, byte for byte: whole, its manifest last, or not at all."""

import hashlib
from collections.abc import Iterator

from tasks.backups import manifest as manifests
from tasks.backups.catalogue import PROVED, Backup, proof_key
from tasks.backups.locking import lock, lockable
from tasks.backups.manifest import FILE, Member
from tasks.backups.proof import same_manifest
from tasks.backups.road import Altered
from tasks.backups.taking import Place, arrived, unfinished
from tasks.errors import OpsError, Refused
from tasks.storage import Missing, Store
from tasks.texts import t


def copy(place: Place, backup: Backup, to: str) -> Backup:
    """The backup as the catalogue knows it afterwards. What is read is compared with its manifest on the way:
    what is no more what was written is not copied."""
    if to not in place.stores:
        raise Refused(t("backups.no_store", name=to))
    target, manifest = place.stores[to], backup.manifest
    lockable(target)
    if to not in backup.stores and is_whole(target, backup):
        # The catalogue was made anew while this store was shut: written over, it would be taken away by any
        # error, and it may be the last that is sound.
        known = place.catalogue.join(Backup(manifest, backup.digest, (to,)))
        lock(place.catalogue, known, to, target)
        return known
    source = source_of(place, backup, to)
    room = target.free()
    if room is not None and room < manifest.stored_size:
        raise OpsError(t("backups.store_full", need=manifest.stored_size / 2**30, room=room / 2**30))
    with unfinished(place, manifest, to):
        for member in manifest.members:
            target.put(manifest.key(member), compared(source, backup, member))
        arrived(target, manifest)
        for proof in backup.proofs:
            target.put(proof_key(manifest, proof), [PROVED.dump_json(proof)])
        target.put(f"{manifest.folder}/{FILE}", [manifests.write(manifest)])
        same_manifest(target, backup)
        copied = place.catalogue.join(Backup(manifest, backup.digest, (to,)))
    lock(place.catalogue, copied, to, target)
    return copied


def source_of(place: Place, backup: Backup, to: str) -> Store:
    others = [name for name in whole_in(place, backup) if name != to]
    if not others:
        raise Missing(t("backups.nowhere", name=backup.name))
    return place.stores[others[0]]


def is_whole(store: Store, backup: Backup) -> bool:
    """By what its listing says."""
    manifest = backup.manifest
    try:
        if store.stat(f"{manifest.folder}/{FILE}") is None:
            return False
        same_manifest(store, backup)
    except Altered:
        return False
    found = [store.stat(manifest.key(member)) for member in manifest.members]
    sizes = [member.stored_size for member in manifest.members]
    return [one.size if one else -1 for one in found] == sizes


def whole_in(place: Place, backup: Backup) -> list[str]:
    """Its stores that still have all of it, by what their listing says; an error where not one has."""
    found: list[str] = []
    problem: OpsError = Missing(t("backups.nowhere", name=backup.name))
    for name in backup.stores:
        try:
            if store := place.stores.get(name):
                same_manifest(store, backup)
                arrived(store, backup.manifest)
                found.append(name)
        except OpsError as failed:
            problem = failed
    if not found:
        raise problem
    return found


def compared(source: Store, backup: Backup, member: Member) -> Iterator[bytes]:
    """What is read, and at its end an error where it is not what was written: then nothing was put."""
    counted, size = hashlib.sha256(), 0
    for chunk in source.read(backup.manifest.key(member)):
        counted.update(chunk)
        size += len(chunk)
        yield chunk
    if (size, counted.hexdigest()) != (member.stored_size, member.stored_sha256):
        raise Altered(
            t(
                "backups.altered",
                name=backup.name,
                member=member.object,
                expected=member.stored_size,
                size=size,
            )
        )
