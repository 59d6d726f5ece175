"""Which proofs that lie in storage the book knows of: whoever can write there could write proofs as well."""

from collections.abc import Callable
from datetime import datetime

from tasks.backups.catalogue import Backup, Proved
from tasks.records import Book

# Of the record; a proof was made within its run.
Run = tuple[datetime, datetime, str]


def recorded(book: Book, contract: str) -> Callable[[Backup, Proved], bool]:
    runs: dict[str, list[Run]] = {}
    for entry in book.entries(contract=contract, routine="backup-proof"):
        levels = entry.record.facts.get("levels")
        for name, level in (levels if isinstance(levels, dict) else {}).items():
            runs.setdefault(name, []).append((entry.record.started_at, entry.record.ended_at, str(level)))

    def known(backup: Backup, proof: Proved) -> bool:
        return any(
            start <= proof.at <= end and level == proof.level
            for start, end, level in runs.get(backup.name, ())
        )

    return known
