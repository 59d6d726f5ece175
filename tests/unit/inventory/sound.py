"""A small sound inventory, for tests that spoil one thing in it."""

from pathlib import Path

FILES = {
    "contracts/shop.yml": """\
code: shop
name: 商店
parts:
  front:
    title: 前台
    hosts: {centos: 5, windows: 1}
    databases: {oracle-rac: 1, oracle-dataguard: 1, mysql: 2}
    sites: 2
    devices: {camera: 2}
kinds: {camera: 摄像机}
""",
    "shop/hosts.yml": """\
defaults: {owner: 一组}
groups:
  web:
    part: front
    os: centos
    version: "7.9"
    credential: web-linux
    hosts:
      - name: WEB-[1-4]
        address: 10.0.0.[1-4]
      - name: WEB-5
        address: 10.0.0.5
  win:
    part: front
    os: windows
    credential: web-windows
    hosts:
      - name: WIN-1
        address: 10.0.0.6
overrides:
  WEB-[1-2]: {version: "6.10", groups: [old]}
""",
    "shop/databases.yml": """\
groups:
  oracle:
    part: front
    engine: oracle
    credential: ora
    databases:
      - name: RAC
        form: rac
        service: rac
        instances:
          - {name: rac1, host: WEB-1}
          - {name: rac2, host: WEB-2}
      - name: DG
        form: dataguard
        service: dg
        instances:
          - {name: dg1, host: WEB-3, role: primary}
          - {name: dg2, host: WEB-4, role: standby}
  mysql:
    part: front
    engine: mysql
    credential: my
    databases:
      - {name: MY-1, host: WEB-5, role: primary}
      - {name: MY-2, host: WIN-1, role: standby, partner: MY-1}
""",
    "shop/sites.yml": """\
groups:
  sites:
    part: front
    sites:
      - {name: SITE-1, url: "https://shop.test/"}
      - {name: SITE-2, url: "https://shop.test/news/"}
""",
    "shop/devices.yml": """\
groups:
  cameras:
    part: front
    kind: camera
    devices:
      - name: CAM-[1-2]
        address: 10.0.1.[1-2]
""",
    "shop/limits.yml": """\
disk:
  warn: 80
  fail: 90
  groups:
    web: {warn: 85}
  targets:
    WEB-1: {warn: 70, subjects: {/data: {warn: 60}}}
  subjects:
    /data: {fail: 95}
    /backup*: {warn: 95, fail: 99}
linux.disk:
  groups:
    old: {fail: 92}
disk.percent:
  targets:
    WIN-1: {fail: 50}
""",
}


def write(folder: Path, **changed: str) -> Path:
    """The inventory under `folder`; `changed` by file, `shop_hosts="…"` for shop/hosts.yml."""
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(changed.get(name.removesuffix(".yml").replace("/", "_"), text), "utf-8")
    return folder


def spoil(folder: Path, file: str, old: str, new: str) -> None:
    """Put `new` in the place of `old`, which must be there."""
    text = (folder / file).read_text("utf-8")
    assert old in text
    (folder / file).write_text(text.replace(old, new, 1), "utf-8")
