"""Made-up catalogues of one item: what cadence, retention and signs are judged by. Synthetic."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256

from tasks.backups.catalogue import Backup, Proved
from tasks.backups.digests import Digest
from tasks.backups.manifest import Kind, Level, Manifest, Member, Parent
from tasks.clock import ZONE

START = datetime(2026, 3, 2, 1, 0, tzinfo=ZONE)  # a Monday


def backup(
    at: datetime = START,
    kind: Kind = Kind.FULL,
    version: tuple[int, int] = (1, 0),
    parent: Backup | None = None,
    *,
    size: int = 10**9,
    stored: int = 3 * 10**8,
    tables: Mapping[str, int] | None = None,
    method: str = "sqlite",
    item: tuple[str, str] = ("app", "app-db"),
    stores: tuple[str, ...] = ("vault",),
) -> Backup:
    manifest = Manifest(
        contract="lab",
        system="app",
        target=item[1],
        engine="sqlite",
        job=item[0],
        method=method,
        kind=kind,
        chain=version[0],
        number=version[1],
        started_at=at,
        ended_at=at + timedelta(minutes=20),
        point={"time": at.isoformat()},
        members=(Member("data", size, "a" * 64, "data.zst", stored, "b" * 64),),
        digests=tuple(
            Digest("rows", name, sha256(f"{name} {count}".encode()).hexdigest(), count)
            for name, count in (tables or {}).items()
        ),
        parent=Parent(parent.name, parent.digest) if parent else None,
    )
    return Backup(manifest, sha256(manifest.name.encode()).hexdigest(), stores)


def proved(one: Backup, level: Level = Level.L3, failed: str = "", after: int = 2) -> Backup:
    """Once more, some hours later."""
    at = one.manifest.started_at + timedelta(hours=after)
    proof = Proved(at=at, level=level if not failed else Level.L0, asked=Level.L3, failed=failed)
    return replace(one, proofs=(*one.proofs, proof))


def chain(at: datetime, number: int, length: int, kind: Kind = Kind.INCREMENTAL) -> list[Backup]:
    """A full one and `length` more, a day apart each."""
    found = [backup(at, version=(number, 0))]
    for step in range(1, length + 1):
        found.append(backup(at + timedelta(days=step), kind, (number, step), found[-1]))
    return found
