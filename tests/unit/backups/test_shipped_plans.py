"""The plans of backups as shipped: sound beside their inventories, and nothing in them that could be real."""

from urllib.parse import urlsplit

import pytest

from flows.inventory_check import logins
from tasks.backups.plan import items, load
from tasks.home import CODE
from tasks.inventory import load as load_inventory
from tasks.inventory.addresses import is_documentation

SHIPPED = CODE / "inventories"
COUNTS = {
    "approval-platform": 33,
    "office-oa": 3,
    "culture-office": 1,
    "petition-web": 3,
    "science-oa": 3,
    "local": 1,
}


@pytest.mark.parametrize("contract", COUNTS)
def test_sound_and_made_up(contract: str) -> None:
    inventory = load_inventory(SHIPPED, contract)
    plan = load(SHIPPED, contract, inventory)
    assert len(items(plan, inventory, contract)) == COUNTS[contract]
    for settings in plan.stores.values():
        endpoint = urlsplit(getattr(settings, "endpoint", "")).hostname
        assert endpoint is None or is_documentation(endpoint)
    # This machine's own backups lie beside it; those of others are opened by two keys, one the client's.
    assert contract == "local" or {"ops", "client"} == set(plan.keys)
    assert all(job.level == "L3" for job in plan.jobs)
    assert bool(list(logins(plan))) == (contract != "local")
