"""Verb: prove one backup on a scratch instance."""

from collections.abc import Callable, Sequence
from typing import Any

from tasks.backups.catalogue import Backup, Proved
from tasks.backups.manifest import Level
from tasks.backups.proof import prove
from tasks.backups.taking import Place
from tasks.log import log
from tasks.texts import t
from tasks.verb import verb

NAME = t("backups.task_prove")


@verb(name=NAME, run_name="{backup.name}")
def prove_backup(
    place: Place, backup: Backup, asked: Level, identities: Sequence[Any], heard: Callable[[str], None]
) -> Proved:
    """`heard` gets each step as it is done."""

    def say(text: str) -> None:
        log.info(text)
        heard(text)

    return prove(place, backup, asked, identities, say=say)
