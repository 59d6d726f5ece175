"""Each thing that can be wrong in the files is told with file, line and what to do, all in one pass."""

from pathlib import Path

import pytest

from tasks.errors import Refused
from tasks.inventory import load, survey
from tests.unit.inventory.sound import spoil, write

HOSTS, DATABASES, SITES, DEVICES, LIMITS = (
    f"shop/{name}.yml" for name in ("hosts", "databases", "sites", "devices", "limits")
)
CONTRACT = "contracts/shop.yml"

# file, what is replaced, by what, where the problem is shown, what it says
SPOILT = [
    (
        HOSTS,
        "    os: centos",
        "    os: centos\n    prot: 22",
        f"{HOSTS}:6",
        "未知的键 prot（是否想写 port？）",
    ),
    (HOSTS, "os: centos", "os: cento", f"{HOSTS}:5", "（是否想写 centos？）"),
    (HOSTS, "WEB-5", "WEB-4", f"{HOSTS}:11", f"名称 WEB-4 重复，首次出现在 {HOSTS}:9"),
    (HOSTS, "WEB-5", "web-4", f"{HOSTS}:11", "名称 web-4 重复"),
    (HOSTS, "address: 10.0.0.5", "address: 10.0.0.4", f"{HOSTS}:12", "与 WEB-4 重复"),
    (HOSTS, "address: 10.0.0.5", "address: 10.0.0.500", f"{HOSTS}:12", "既不是 IP 地址也不是主机名"),
    (HOSTS, "address: 10.0.0.5", "addres: 10.0.0.5", f"{HOSTS}:12", "（是否想写 address？）"),
    (HOSTS, "        address: 10.0.0.5\n", "", f"{HOSTS}:11", "WEB-5 缺少 address"),
    (HOSTS, "    os: windows\n", "", f"{HOSTS}:17", "WIN-1 缺少 os"),
    (HOSTS, "    credential: web-windows\n", "", f"{HOSTS}:17", "WIN-1 需要登录，但没有写 credential"),
    (HOSTS, "10.0.0.[1-4]", "10.0.0.[1-5]", f"{HOSTS}:9", "address 展开为 5 个，而 name 展开为 4 个"),
    (HOSTS, "10.0.0.[1-4]", "10.0.0.[4-1]", f"{HOSTS}:9", "起止颠倒"),
    (HOSTS, "WEB-[1-4]", "WEB-[1-40000]", f"{HOSTS}:9", "超过 1000 个"),
    (HOSTS, "WEB-[1-2]:", "WEB-[5-6]:", f"{HOSTS}:21", "overrides 中的 WEB-6 不在本文件的条目里"),
    (HOSTS, 'version: "7.9"', "version: 7.9", f"{HOSTS}:6", "请加引号"),
    (HOSTS, "part: front", "part: frnt", f"{HOSTS}:4", "合同中没有 frnt 这一部分（是否想写 front？）"),
    (HOSTS, "groups:", "groups: &a\n  b: [", f"{HOSTS}:", "不是有效的 YAML"),
    (DATABASES, "host: WEB-2", "host: WEB-9", f"{DATABASES}:", "主机 WEB-9 不在 hosts.yml 中（是否想写 WEB-"),
    (DATABASES, "          - {name: rac2, host: WEB-2}\n", "", f"{DATABASES}:10", "至少需要两个实例"),
    (DATABASES, "host: WEB-2", "host: WEB-1", f"{DATABASES}:10", "至少需要两个实例，且各在不同主机上"),
    (DATABASES, "rac2, host", "rac1, host", f"{DATABASES}:10", "实例名 rac1 重复"),
    (
        DATABASES,
        "WEB-4, role: standby",
        "WEB-4, role: primary",
        f"{DATABASES}:16",
        "恰好有一个 role: primary",
    ),
    (
        DATABASES,
        "          - {name: dg2, host: WEB-4, role: standby}\n",
        "",
        f"{DATABASES}:16",
        "主库没有对端",
    ),
    (
        DATABASES,
        "WEB-3, role: primary",
        "WEB-3, role: standby",
        f"{DATABASES}:16",
        "恰好有一个 role: primary",
    ),
    (DATABASES, "dg2, host: WEB-4, role: standby", "dg2, host: WEB-4", f"{DATABASES}:16", "主库没有对端"),
    (
        DATABASES,
        "role: standby}\n",
        "role: standby}\n          - {name: d, host: WEB-5}\n",
        f"{DATABASES}:16",
        "主库没有对端",
    ),
    (DATABASES, "role: standby, partner: MY-1", "role: standby", f"{DATABASES}:25", "MY-2 的角色是 standby"),
    (DATABASES, "partner: MY-1", "partner: MY-3", f"{DATABASES}:25", "（是否想写 MY-"),
    (
        DATABASES,
        ", role: standby, partner: MY-1",
        "",
        f"{DATABASES}:24",
        "没有任何 standby 以 partner 指向它",
    ),
    (DATABASES, "host: WIN-1", "host: WEB-5", f"{DATABASES}:25", f"与 MY-1 重复（{DATABASES}:24）"),
    (DATABASES, "    credential: my\n", "", f"{DATABASES}:23", "MY-1 需要登录"),
    (DATABASES, "form: rac", "form: raq", f"{DATABASES}:8", "（是否想写 rac？）"),
    (DATABASES, "engine: mysql", "engine: mysql\n    form: rac", f"{DATABASES}:22", "只适用于 oracle"),
    (DATABASES, "engine: mysql", "engine: sqlite", f"{DATABASES}:24", "MY-1 需要 path"),
    (SITES, "/news/", "", f"{SITES}:6", "与 SITE-1 重复"),
    (SITES, "https://shop.test/news/", "shop.test", f"{SITES}:6", "应为完整网址"),
    (SITES, "SITE-2", "CAM-1", f"{DEVICES}:6", f"名称 CAM-1 重复，首次出现在 {SITES}:6"),
    (DEVICES, "10.0.1.[1-2]", "10.0.0.[6-7]", f"{DEVICES}:7", "与 WIN-1 重复"),
    (DEVICES, "kind: camera", "knd: camera", f"{DEVICES}:4", "（是否想写 kind？）"),
    (CONTRACT, "windows: 1", "windows: 2", f"{CONTRACT}:6", "合同为 2，清单为 1"),
    (CONTRACT, ", windows: 1", "", f"{CONTRACT}:6", "hosts windows：合同为 0，清单为 1"),
    (CONTRACT, "oracle-rac: 1", "oracle-rac: 2", f"{CONTRACT}:7", "databases oracle-rac：合同为 2，清单为 1"),
    (CONTRACT, "sites: 2", "sites: 3", f"{CONTRACT}:8", "合同为 3，清单为 2"),
    (CONTRACT, "camera: 2", "camera: 1", f"{CONTRACT}:9", "合同为 1，清单为 2"),
    (
        LIMITS,
        "    web: {warn: 85}",
        "    wbe: {warn: 85}",
        f"{LIMITS}:5",
        "没有名为 wbe 的分组（是否想写 web？）",
    ),
    (LIMITS, "WIN-1: {fail", "WIN-2: {fail", f"{LIMITS}:16", "没有名为 WIN-2 的对象（是否想写 WIN-1？）"),
    (LIMITS, "warn: 80", "wran: 80", f"{LIMITS}:2", "（是否想写 warn？）"),
]


def test_the_sound_one_is_sound(tmp_path: Path) -> None:
    inventory = load(write(tmp_path))
    assert len(inventory.targets()) == 14


@pytest.mark.parametrize(("file", "old", "new", "place", "text"), SPOILT)
def test_told_with_place_and_advice(
    tmp_path: Path, file: str, old: str, new: str, place: str, text: str
) -> None:
    spoil(write(tmp_path), file, old, new)
    with pytest.raises(Refused) as refused:
        load(tmp_path)
    told = [str(problem) for problem in refused.value.problems]
    assert any(one.startswith(place) and text in one for one in told), told
    # One mistake is told where it is, not wherever it shows.
    assert len(told) <= 4, told


def test_all_at_once(tmp_path: Path) -> None:
    folder = write(tmp_path)
    spoil(folder, HOSTS, "10.0.0.5", "10.0.0.4")
    spoil(folder, DATABASES, "engine: mysql", "engin: mysql")
    spoil(folder, SITES, "SITE-2", "SITE-1")
    spoil(folder, DEVICES, "kind: camera", "knd: camera")
    spoil(folder, CONTRACT, "sites: 2", "sites: 3")
    spoil(folder, LIMITS, "warn: 80", "warn: viel")
    problems = survey(folder)[1]
    assert {problem.file for problem in problems} == {HOSTS, DATABASES, SITES, DEVICES, CONTRACT, LIMITS}
    assert problems == sorted(problems)


def test_addresses_over_contracts(tmp_path: Path) -> None:
    folder = write(tmp_path)
    (folder / "contracts/other.yml").write_text("code: other\nname: 他\nparts: {x: {title: 甲}}\n")
    (folder / "other").mkdir()
    (folder / "other/hosts.yml").write_text(
        "groups:\n  g:\n    part: x\n    os: linux\n    credential: c\n"
        "    hosts:\n      - {name: WEB-5, address: 10.0.0.5}\n      - "
        "{name: NAT, address: 10.0.0.5, port: 2222}\n"
    )
    (told,) = survey(folder)[1]
    assert "WEB-5" in str(told)
    assert "10.0.0.5" in str(told)
    assert load(folder, "other").target("other", "NAT").name == "NAT"


def test_a_broken_neighbour_stops_nobody(tmp_path: Path) -> None:
    folder = write(tmp_path)
    (folder / "contracts/broken.yml").write_text("code: [")
    with pytest.raises(Refused):
        load(folder)
    assert load(folder, "shop").target("shop", "WEB-1")


def test_files_that_would_be_passed_over(tmp_path: Path) -> None:
    folder = write(tmp_path)
    (folder / "shop/hosts.yml").rename(folder / "shop/host.yml")
    (folder / "contracts/late.yaml").write_text("code: late")
    (folder / "shpo").mkdir()
    (folder / "shpo/hosts.yml").write_text("")
    told = "\n".join(str(problem) for problem in survey(folder)[1])
    assert "shop/host.yml:1: 不认识的文件（是否想写 hosts.yml？）" in told
    assert "contracts/late.yaml:1" in told
    assert "shpo:1: 目录 shpo 没有对应的合同文件 contracts/shpo.yml（是否想写 shop？）" in told


def test_no_folder_at_all(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="没有任何合同"):
        load(tmp_path / "nowhere")
    with pytest.raises(Refused, match="没有合同 x"):
        load(tmp_path / "nowhere", "x")


def test_unknown_names_are_refused_with_a_suggestion(tmp_path: Path) -> None:
    inventory = load(write(tmp_path))
    with pytest.raises(Refused, match="没有名为 WEB-11 的对象。（是否想写 WEB-1？）"):
        inventory.targets("shop", names=["WEB-1", "WEB-11"])
    with pytest.raises(Refused, match="是否想写 shop"):
        inventory.targets("shp")
    assert [one.name for one in inventory.targets("shop", "host", ["WIN-1", "WEB-2"])] == ["WEB-2", "WIN-1"]
