"""The inventories as shipped: exactly what the contracts count, and nothing that could be real."""

import time
from collections import Counter
from pathlib import Path

import pytest

from tasks.home import CODE
from tasks.inventory import Inventory, load
from tasks.inventory.addresses import is_documentation, is_loopback
from tasks.model import Database, Device, Host

SHIPPED = CODE / "inventories"
# From the contracts: part → operating system → number.
HOSTS = {
    "approval-platform": {
        "supervision": {"windows": 30, "centos": 2, "redhat": 24, "kylin": 1},
        "front-end": {"windows": 17, "centos": 6},
        "portal": {"windows": 6, "centos": 19},
        "matters": {"windows": 1, "centos": 10},
    },
}
# Part → (engine, form) → number. A RAC or a Data Guard set is one database.
DATABASES = {
    "approval-platform": {
        "supervision": {
            ("oracle", "single"): 17,
            ("oracle", "rac"): 4,
            ("oracle", "dataguard"): 2,
            ("mysql", "single"): 1,
        },
        "front-end": {("oracle", "single"): 16, ("mysql", "single"): 4},
        "portal": {("oracle", "single"): 2, ("mysql", "single"): 5},
        "matters": {("mysql", "single"): 5},
    },
}
DEVICES = {
    "approval-platform": {"tamper-guard": 1, "network-monitor": 1, "ftp": 1, "share": 9},
    "petition-web": {
        "self-service-kiosk": 4,
        "video-reception-kiosk": 8,
        "conference-terminal": 8,
        "camera": 8,
        "microphone": 8,
        "media-processor-a": 3,
        "media-processor-b": 3,
        "media-processor-c": 3,
        "decoder-node-a": 13,
        "decoder-node-b": 4,
        "smart-board": 4,
        "large-display": 4,
        "file-cabinet-a": 1,
        "file-cabinet-b": 1,
        "control-computer": 2,
    },
}


@pytest.fixture(scope="module")
def inventory() -> Inventory:
    return load(SHIPPED)


@pytest.mark.parametrize("contract", HOSTS)
def test_hosts_by_part_and_system(inventory: Inventory, contract: str) -> None:
    found: dict[str, Counter[str]] = {}
    for host in inventory.targets(contract, "host"):
        assert isinstance(host, Host)
        found.setdefault(host.part, Counter())[host.os] += 1
    assert found == HOSTS[contract]


@pytest.mark.parametrize("contract", DATABASES)
def test_databases_by_part_engine_and_form(inventory: Inventory, contract: str) -> None:
    found: dict[str, Counter[tuple[str, str]]] = {}
    for database in inventory.targets(contract, "database"):
        assert isinstance(database, Database)
        found.setdefault(database.part, Counter())[database.engine, database.form] += 1
    assert found == DATABASES[contract]


@pytest.mark.parametrize("contract", DEVICES)
def test_devices_by_kind(inventory: Inventory, contract: str) -> None:
    devices = inventory.targets(contract, "device")
    assert Counter(one.kind for one in devices if isinstance(one, Device)) == DEVICES[contract]


def test_totals(inventory: Inventory) -> None:
    totals = Counter((target.contract, target.type) for target in inventory.targets())
    assert totals["approval-platform", "host"] == 116
    assert totals["approval-platform", "database"] == 56
    assert totals["petition-web", "device"] == 74
    assert totals["petition-web", "site"] == 5
    parts = Counter(target.part for target in inventory.targets("science-oa", "host"))
    assert parts == {"oa": 6, "mobile": 4, "archive": 2}
    for contract in ("office-oa", "culture-office", "science-oa"):
        assert all(totals[contract, kind] for kind in ("host", "database", "site"))


def test_one_petition_site_is_a_path_on_anothers_host(inventory: Inventory) -> None:
    names = Counter(site.address for site in inventory.targets("petition-web", "site"))
    assert sorted(names.values()) == [1, 1, 1, 2]


def test_addresses_are_set_aside_for_documents(inventory: Inventory) -> None:
    for target in inventory.targets():
        if target.contract == "local":
            assert is_loopback(target.address)
        elif target.contract == "lab":
            assert is_loopback(target.address) or target.address.startswith("10.99."), target
        elif target.address:
            assert is_documentation(target.address), target


def test_rac_and_dataguard_hold_their_instances(inventory: Inventory) -> None:
    for database in inventory.targets(type="database"):
        assert isinstance(database, Database)
        assert len(database.instances) == (1 if database.form == "single" else 2)


def test_no_login_is_shared_between_contracts(inventory: Inventory) -> None:
    users = {(getattr(one, "credential", ""), one.contract) for one in inventory.targets()}
    assert max(Counter(name for name, _ in users if name).values()) == 1


def test_files_stay_readable(inventory: Inventory) -> None:
    assert all(len(path.read_text("utf-8").splitlines()) <= 170 for path in SHIPPED.glob("*/hosts.yml"))


def test_one_contract_is_read_alone(tmp_path: Path) -> None:
    assert {target.contract for target in load(SHIPPED, "local").everything} == {"local"}


def test_loading_all_of_it_is_quick() -> None:
    started = time.perf_counter()
    load(SHIPPED)
    assert time.perf_counter() - started < 2
