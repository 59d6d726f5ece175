"""Verb: take the backup of one item. A task each: one that fails costs no other."""

from collections.abc import Callable

from tasks.backups.catalogue import Backup
from tasks.backups.manifest import Kind
from tasks.backups.plan import Item
from tasks.backups.taking import Place, take
from tasks.log import log
from tasks.texts import t
from tasks.transports import Access
from tasks.verb import verb

NAME = t("backups.task_take")
MOVED_STEP = 256 * 2**20


@verb(name=NAME, run_name="{item.target.name}")
def take_backup(place: Place, item: Item, kind: Kind, access: Access, heard: Callable[[str], None]) -> Backup:
    """`heard` gets what programs said of it, whatever comes of it."""
    moved = told = 0

    def say(text: str) -> None:
        log.info(text)
        heard(text)

    def progress(size: int) -> None:
        nonlocal moved, told
        moved += size
        if moved - told >= MOVED_STEP:
            told = moved
            log.info(t("backups.moved", name=item.target.name, mib=moved // 2**20))

    return take(place, item, kind, access, say=say, moved=progress)
