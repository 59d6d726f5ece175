"""What lies in the folder of playbooks: found by contract and name, every mistake told at once."""

from pathlib import Path

import pytest

from tasks.errors import Refused
from tasks.home import CODE, Home
from tasks.inventory import load as inventory
from tasks.playbooks.library import every, named, names
from tasks.playbooks.plan import made
from tasks.playbooks.schema import load as load_playbook
from tasks.playbooks.services import load
from tasks.strict import Problem

FILES = {
    "inventories/contracts/shop.yml": "code: shop\nname: 商店\nparts: {front: {title: 前台}}\n",
    "inventories/shop/hosts.yml": """\
groups:
  web:
    part: front
    os: centos
    credential: web
    hosts: [{name: "WEB-[1-2]", address: "10.0.0.[1-2]"}]
""",
    "inventories/shop/databases.yml": """\
groups:
  my:
    part: front
    engine: mysql
    credential: my
    databases: [{name: MY, host: WEB-1}]
""",
    "playbooks/services/web.yml": """\
name: web
title: 前台
purpose: 启停
contract: shop
services:
  - {name: nginx, on: ["WEB-[1-2]"], service: nginx, healthy: [{sql: SELECT 1, database: MY}]}
  - {name: redis, on: [WEB-1], service: redis, keep: true}
""",
    "playbooks/changes/config.yml": """\
name: config
title: 改配置
purpose: 换上新配置
roles: {操作员: 执行, 复核员: 旁站}
kind: change
contract: shop
scope: [WEB-1]
steps:
  - id: put
    title: 换上
    on: [WEB-1]
    do: {command: cp new old}
    prove: [{command: cmp new old}]
""",
}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    for name, text in FILES.items():
        put(tmp_path / name, text)
    return Home(tmp_path / "var", tmp_path / "inventories")


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def problems_of(home: Home) -> list[str]:
    problems: list[Problem] = []
    every(home, problems)
    return [str(one) for one in sorted(problems)]


def test_a_list_gives_four_where_something_is_kept(home: Home) -> None:
    assert problems_of(home) == []
    assert names(home, "shop") == ["web-stop", "web-start", "web-holiday-stop", "web-holiday-start", "config"]
    assert names(home, "other") == []
    assert named(home, "shop", "web-holiday-stop").scope == ("WEB-1", "WEB-2")


@pytest.mark.parametrize(
    "change", [("engine: mysql", "engine: mysql\n    data: /srv/my"), ("host: WEB-1", "host: WEB-2")]
)
def test_a_database_that_is_only_asked_is_part_of_what_is_approved(
    home: Home, change: tuple[str, str]
) -> None:
    before = made(named(home, "shop", "web-start"), inventory(home.inventories))
    databases = FILES["inventories/shop/databases.yml"]
    put(home.inventories / "shop" / "databases.yml", databases.replace(*change))
    after = made(named(home, "shop", "web-start"), inventory(home.inventories))
    assert before.digest != after.digest and sorted(after.places) == ["MY", "WEB-1", "WEB-2"]


def test_no_folder_is_no_playbooks(tmp_path: Path) -> None:
    assert names(Home(tmp_path / "var", tmp_path / "inventories"), "shop") == []


def test_a_name_nobody_has_is_refused_with_what_was_meant(home: Home) -> None:
    with pytest.raises(Refused, match="是否想写 web-stop"):
        named(home, "shop", "web-stopp")


def test_an_error_in_another_file_stops_nothing(home: Home) -> None:
    put(home.playbooks / "changes" / "broken.yml", "name: [")
    assert named(home, "shop", "config").roles["操作员"] == "执行"
    assert len(problems_of(home)) == 1


@pytest.mark.parametrize(
    ("file", "change", "told"),
    [
        ("services/web.yml", ('"WEB-[1-2]"', "WEB-1, WBE-2"), "services/web.yml:6: 没有名为 WBE-2"),
        ("services/web.yml", ("database: MY", "database: MYY"), "没有名为 MYY 的数据库（是否想写 MY"),
        ("services/web.yml", ("on: [WEB-1], service", "on: [MY], service"), "service 不能用于 MY"),
        (
            "services/web.yml",
            ("service: redis", "service: redis, how: windows"),
            "how: windows 不能用于 WEB-1",
        ),
        ("services/web.yml", ("contract: shop", "contract: shopp"), "没有合同 shopp。（是否想写 shop"),
        ("services/web.yml", ('"WEB-[1-2]"', '"WEB-[2-1]"'), "services/web.yml:6"),
        ("services/web.yml", ('"WEB-[1-2]"', "WEB-1, WEB-1"), "重复"),
        ("services/web.yml", ("name: web\n", f"name: {'w' * 60}\n"), "services/web.yml:1"),
        ("changes/config.yml", ("kind: change", "kind: drill"), "changes/config.yml:5: kind 是 drill"),
        ("changes/config.yml", ("name: config", "name: web-stop"), "名称 web-stop 与"),
        ("changes/config.yml", ("scope: [WEB-1]", "scope: [WEB-1, WEB-9]"), "没有名为 WEB-9"),
        ("changes/config.yml", ("on: [WEB-1]", "on: [WEB-2]"), "不在本手册的范围"),
        ("changes/config.yml", ("{command: cmp new old}", "{comand: cmp}"), "恰好写一种"),
    ],
)
def test_what_is_wrong_is_told_with_file_and_line(
    home: Home, file: str, change: tuple[str, str], told: str
) -> None:
    path = home.playbooks / file
    text = path.read_text("utf-8")
    assert text.count(change[0]) == 1
    path.write_text(text.replace(*change), "utf-8")
    found = problems_of(home)
    assert any(told in one for one in found), found


@pytest.mark.parametrize("place", ["top.yml", "change/a.yml", "changes/a.yaml", "changes/deep/a.yml"])
def test_yaml_that_nobody_would_read_is_told(home: Home, place: str) -> None:
    put(home.playbooks / place, "name: x\n")
    (found,) = problems_of(home)
    assert place in found


def test_services_in_a_circle_or_all_kept_make_nothing_that_breaks(home: Home) -> None:
    path = home.playbooks / "services" / "web.yml"
    path.write_text(
        FILES["playbooks/services/web.yml"].replace("service: nginx,", "service: nginx, keep: true,")
    )
    assert names(home, "shop") == ["web-stop", "web-start", "config"]
    path.write_text(
        FILES["playbooks/services/web.yml"].replace("service: nginx,", "service: nginx, needs: [nginx],")
    )
    assert names(home, "shop") == ["config"] and "成环" in problems_of(home)[0]


def test_those_shipped_are_sound() -> None:
    problems: list[Problem] = []
    found = every(Home(CODE / "var", CODE / "inventories"), problems)
    assert not problems and {one.contract for one in found} >= {"office-oa", "approval-platform"}


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
def test_what_the_readme_shows_can_be_read(tmp_path: Path, readme: str) -> None:
    text = (CODE / "playbooks" / readme).read_text("utf-8")
    blocks = [block.partition("```")[0] for block in text.split("```yaml\n")[1:]]
    for number, block in enumerate(blocks):
        put(tmp_path / f"{number}.yml", block)
    assert len(load(tmp_path / "0.yml").services) == 3
    assert load_playbook(tmp_path / "1.yml").roles
