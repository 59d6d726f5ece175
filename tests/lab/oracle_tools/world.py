"""A contract with one Oracle, its production host and its verification host, both synthetic and both here."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tasks.backups.catalogue import Backup, Proved
from tasks.backups.manifest import Kind, Level
from tasks.backups.plan import Item
from tasks.backups.proof import prove
from tasks.backups.scratch import Elsewhere
from tasks.backups.taking import Place, take
from tasks.inventory.credentials import Keyring
from tasks.model import Database, Host, Instance
from tasks.transports import Access
from tests.lab.oracle_tools.made import Home, Source, pieces
from tests.unit.backups.places import CONTRACT, place


@dataclass
class World:
    production: Home
    verification: Home
    source: Source
    place: Place
    identities: list[Any]
    item: Item
    access: Access

    def take(self, kind: Kind = Kind.FULL) -> Backup:
        return take(self.place, self.item, kind, self.access)

    def prove(self, backup: Backup, level: Level = Level.L3) -> Proved:
        return prove(self.place, backup, level, self.identities)

    def left(self) -> list[str]:
        return [*pieces(self.production), *pieces(self.verification), *self.verification.running()]


def world(folder: Path, method: str = "oracle-rman", **job: Any) -> World:
    production, verification = Home(folder / "production", "db1"), Home(folder / "verification", "verify1")
    programs = {"home": str(production.folder), "staging": str(production.folder / "stage"), "quiet": "1"}
    said: dict[str, Any] = {
        "name": "erp",
        "targets": ["erp-db"],
        "method": method,
        "programs": programs,
        "between": "incr",
        "load": {"staging": "1M"},
        **job,
    }
    made, identities = place(folder, said)
    hosts = {
        name: Host(contract=CONTRACT, part="erp", name=name, os="linux", transport="local")
        for name in ("db1", "verify1")
    }
    access = Access(Keyring(made.home), hosts)
    there = {
        "sid": "VERIFY",
        "home": str(verification.folder),
        "folder": str(verification.folder / "proof"),
        "quiet": "1",
    }
    made = replace(made, elsewhere=Elsewhere(hosts["verify1"], access, there))
    target = Database(
        contract=CONTRACT,
        part="erp",
        name="erp-db",
        engine="oracle",
        instances=(Instance(name="ORCL", host="db1", role="primary"),),
    )
    source = Source(production).filled()
    return World(production, verification, source, made, identities, Item(made.plan.jobs[0], target), access)
