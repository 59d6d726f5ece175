"""Ranges, layers of settings and thresholds: what a short file comes to mean."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.inventory import load
from tasks.inventory.limits import Limits
from tasks.inventory.ranges import BadRange, expand
from tasks.model import Database, Host, Target
from tests.unit.inventory.sound import spoil, write


def test_ranges() -> None:
    assert expand("A-[08-11]") == ["A-08", "A-09", "A-10", "A-11"]
    assert expand("[1,3,7-8]x") == ["1x", "3x", "7x", "8x"]
    assert expand("plain") == ["plain"]
    for wrong in ("a[1-2]b[1-2]", "a[2-1]", "a[1-9999999999999999999]"):
        with pytest.raises(BadRange):
            expand(wrong)


@given(st.integers(0, 10**6), st.integers(0, 999), st.integers(1, 8))
def test_a_range_has_one_name_each(first: int, more: int, width: int) -> None:
    names = expand(f"n[{first:0{width}}-{first + more}]")
    assert len(set(names)) == more + 1
    assert [int(name[1:]) for name in names] == list(range(first, first + more + 1))


def host(folder: Path, name: str) -> Host:
    found = load(folder).target("shop", name)
    assert isinstance(found, Host)
    return found


def test_the_nearest_layer_wins(tmp_path: Path) -> None:
    folder = write(tmp_path)
    assert host(folder, "WEB-2").version == "6.10"
    assert host(folder, "WEB-3").version == "7.9"
    assert host(folder, "WEB-2").groups == ("web", "old")
    assert host(folder, "WEB-2").owner == "一组"
    spoil(folder, "shop/hosts.yml", "  win:\n", "  win:\n    owner: 二组\n")
    assert host(folder, "WIN-1").owner == "二组"


def test_defaults_of_a_system(tmp_path: Path) -> None:
    folder = write(tmp_path)
    assert (host(folder, "WIN-1").transport, host(folder, "WIN-1").port) == ("winrm", 5986)
    assert (host(folder, "WEB-1").transport, host(folder, "WEB-1").port) == ("ssh", 22)
    assert (host(folder, "WIN-1").family, host(folder, "WEB-1").family) == ("windows", "linux")


def test_a_database_is_asked_at_its_primary(tmp_path: Path) -> None:
    folder = write(tmp_path)
    first, second = "{name: dg1, host: WEB-3, role: primary}", "{name: dg2, host: WEB-4, role: standby}"
    spoil(folder, "shop/databases.yml", f"{first}\n          - {second}", f"{second}\n          - {first}")
    database = load(folder).target("shop", "DG")
    assert isinstance(database, Database)
    assert database.address == "10.0.0.3"
    assert database.hosts == ("WEB-4", "WEB-3")
    assert database.port == 1521


def test_where_a_target_is_written(tmp_path: Path) -> None:
    inventory = load(write(tmp_path))
    assert inventory.origin(inventory.target("shop", "WEB-3")) == "shop/hosts.yml:9"


def test_the_most_specific_limit_wins(tmp_path: Path) -> None:
    inventory = load(write(tmp_path))
    limits = inventory.limits["shop"]
    own = (50.0, 60.0)

    def of(name: str, subject: str = "/", check: str = "linux.disk") -> tuple[float | None, float | None]:
        target: Target = inventory.target("shop", name)
        return limits.of(check, "percent", target, subject, own)

    assert of("WEB-4") == (85, 90)
    assert of("WEB-2") == (85, 92)
    assert of("WEB-1") == (70, 92)
    assert of("WEB-1", "/data") == (60, 95)
    assert of("WEB-4", "/data") == (85, 95)
    assert of("WEB-4", "/backup2") == (95, 99)
    assert of("WIN-1", check="windows.disk") == (80, 50)
    assert of("WEB-1", check="linux.memory") == own
    assert Limits().of("linux.disk", "percent", inventory.target("shop", "WEB-1"), "/", own) == own


def test_limits_for_checks_that_do_not_exist(tmp_path: Path) -> None:
    limits = load(write(tmp_path)).limits["shop"]
    assert limits.unknown_checks(["linux.disk", "linux.memory"]) == []
    told = [str(problem) for problem in limits.unknown_checks(["linux.dist"])]
    assert told[0] == "shop/limits.yml:1: 没有名为 disk 的检查项（是否想写 dist？）"
    assert len(told) == 3
