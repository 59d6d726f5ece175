"""A contract's backups at hand: its plan read, each of its stores opened for itself."""

from collections.abc import Mapping
from dataclasses import dataclass

from tasks.backups.catalogue import Catalogue
from tasks.backups.plan import Backups
from tasks.backups.scratch import Elsewhere
from tasks.backups.taking import Place
from tasks.errors import OpsError
from tasks.home import Home
from tasks.inventory.credentials import Keyring
from tasks.storage import Site, Store, open_store
from tasks.texts import t
from tasks.transports import Access


@dataclass(frozen=True, slots=True)
class Opened:
    """`closed`: why a store cannot be used; it costs what lies there, and nothing else."""

    place: Place
    closed: Mapping[str, str]


def opened(
    home: Home, contract: str, plan: Backups, keyring: Keyring, access: Access | None = None
) -> Opened:
    """`access`: the ways to the contract's hosts, where proof needs one of them."""
    site = Site(home, keyring)
    stores: dict[str, Store] = {}
    closed: dict[str, str] = {}
    for name, settings in plan.stores.items():
        try:
            stores[name] = open_store(settings, site)
        except OpsError as problem:
            closed[name] = str(problem)
    catalogue = Catalogue(home, contract)
    place = Place(
        home=home,
        contract=contract,
        plan=plan,
        stores=stores,
        catalogue=catalogue,
        elsewhere=elsewhere(plan, access) if access else None,
    )
    return Opened(place, closed)


def elsewhere(plan: Backups, access: Access) -> Elsewhere | None:
    said = plan.verification
    if said.host is None:
        return None
    host = access.hosts.get(said.host)
    if host is None:
        raise OpsError(t("inventory.no_target", name=said.host))
    return Elsewhere(host, access, said.programs)
