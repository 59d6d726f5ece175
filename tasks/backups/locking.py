"""Object lock: before its day nobody deletes a complete backup, nor what it needs to be restored."""

from datetime import timedelta

from tasks import clock
from tasks.backups.catalogue import Backup, Catalogue
from tasks.backups.manifest import FILE
from tasks.errors import OpsError, Refused
from tasks.storage import Store
from tasks.texts import t


class NotLocked(OpsError):
    """The backup is complete and known all the same."""

    def __init__(self, backup: Backup, reason: object) -> None:
        super().__init__(t("s3.not_locked", name=backup.name, reason=reason))
        self.backup = backup


def lockable(store: Store) -> None:
    """Refused before the first byte: what was asked for cannot be had there."""
    if store.lock_days and not store.locks:
        raise Refused(t("s3.no_lock"))


def lock(catalogue: Catalogue, backup: Backup, store_name: str, store: Store) -> None:
    if not store.lock_days:
        return
    until = clock.now() + timedelta(days=store.lock_days)
    try:
        for link in catalogue.chain(backup):
            manifest = link.manifest
            # The manifest first: a backup that is locked only in part is one that cannot be taken apart.
            keys = [f"{manifest.folder}/{FILE}", *map(manifest.key, manifest.members)]
            for key in keys if store_name in link.stores else []:
                store.keep(key, until)
    except OpsError as problem:
        raise NotLocked(backup, problem) from problem
