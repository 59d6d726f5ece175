"""A copy of a complete backup in another store, byte for byte: whole, its manifest last, or not at all."""

import hashlib
from collections.abc import Iterator

from tasks.backups import manifest as manifests
from tasks.backups.catalogue import PROVED, Backup, proof_key
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
    source, target = source_of(place, backup, to), place.stores[to]
    manifest = backup.manifest
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
        return place.catalogue.join(Backup(manifest, backup.digest, (to,)))


def source_of(place: Place, backup: Backup, to: str) -> Store:
    """The first of its stores that still has it whole, by what its listing says."""
    problem: OpsError = Missing(t("backups.nowhere", name=backup.name))
    for name in backup.stores:
        store = place.stores.get(name)
        if store is None or name == to:
            continue
        try:
            same_manifest(store, backup)
            arrived(store, backup.manifest)
            return store
        except OpsError as failed:
            problem = failed
    raise problem


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
