"""What depends on what: a backup and those it cannot be restored without."""

from collections.abc import Iterable, Mapping

from tasks.backups.catalogue import Backup
from tasks.backups.manifest import Kind, Level


def by_name(backups: Iterable[Backup]) -> dict[str, Backup]:
    return {one.name: one for one in backups}


def links(backup: Backup, known: Mapping[str, Backup]) -> list[Backup]:
    """From the full backup on to this one; empty where a link is gone or is another one now."""
    found = [backup]
    while parent := found[-1].manifest.parent:
        before = known.get(parent.name)
        if before is None or before.digest != parent.digest or len(found) > len(known):
            return []
        found.append(before)
    return found[::-1] if found[-1].manifest.kind is Kind.FULL else []


def order(backup: Backup) -> tuple[int, int]:
    """As they were made, whatever the clock said."""
    return backup.manifest.chain, backup.manifest.number


def newest(before: Iterable[Backup]) -> Backup | None:
    return max(before, key=order, default=None)


def failed(backup: Backup) -> bool:
    return backup.proved is not None and bool(backup.proved.failed)


def proven(backup: Backup, asked: Level) -> bool:
    """It once held up to what is asked, and nothing has failed since."""
    held = False
    for proof in backup.proofs:
        if proof.failed:
            held = False
        elif proof.holds and proof.level.rank >= asked.rank:
            held = True
    return held
