"""A contract's place for backups in a temporary folder: what every test of the room begins with."""

from pathlib import Path
from typing import Any

from tasks.backups.catalogue import Catalogue
from tasks.backups.keys import new_identity
from tasks.backups.plan import Backups
from tasks.backups.taking import Place
from tasks.home import Home
from tasks.inventory.credentials import Keyring
from tasks.storage import Site, open_store

CONTRACT = "lab"


def place(
    folder: Path, *jobs: dict[str, Any], encrypted: bool = True, **more: Any
) -> tuple[Place, list[Any]]:
    """With one folder store; and what opens its backups."""
    import pyrage

    home = Home(folder, folder / "inventories")
    private, public = new_identity()
    said = {
        "stores": {"vault": {"kind": "folder", "path": "vault", "keep_free": 0}},
        "keys": {"ops": public} if encrypted else {},
        "identity": "backup-key" if encrypted else None,
        "jobs": [{"store": "vault", **job} for job in jobs],
        **more,
    }
    plan = Backups.model_validate(said)
    site = Site(home, Keyring(home))
    stores = {name: open_store(settings, site) for name, settings in plan.stores.items()}
    made = Place(home=home, contract=CONTRACT, plan=plan, stores=stores, catalogue=Catalogue(home, CONTRACT))
    return made, [pyrage.x25519.Identity.from_str(private)] if encrypted else []
