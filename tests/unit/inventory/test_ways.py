"""How Windows, sites and devices are looked at, as the files say it."""

from pathlib import Path

import pytest

from tasks.errors import Refused
from tasks.inventory import load
from tasks.model import Device, Host, Site
from tests.unit.inventory.sound import FILES, write

HOST = FILES["shop/hosts.yml"]


def hosts_with(line: str) -> str:
    return HOST.replace("defaults: {owner: 一组}", f"defaults:\n  owner: 一组\n  {line}")


@pytest.mark.parametrize(
    ("said", "port", "insecure"),
    [
        ("{auth: ntlm, ca: certs/own.pem}", 5986, ""),
        ("{pin: '" + "A" * 64 + "'}", 5986, ""),
        ("{tls: false}", 5985, ""),
        ("{verify: false, insecure: true, reason: 试用环境}", 5986, "试用环境"),
    ],
)
def test_how_windows_is_spoken_to(tmp_path: Path, said: str, port: int, insecure: str) -> None:
    inventory = load(write(tmp_path, shop_hosts=hosts_with(f"winrm: {said}")))
    (host,) = [one for one in inventory.targets(type="host") if one.os == "windows"]  # type: ignore[attr-defined]
    assert isinstance(host, Host)
    assert (host.port, host.winrm.insecure) == (port, insecure)
    assert host.winrm.pin in ("", "a" * 64)


@pytest.mark.parametrize(
    "said",
    [
        "{verify: false}",
        "{verify: false, insecure: true}",
        "{insecure: true, reason: 试用}",
        "{reason: 试用}",
        "{verify: false, insecure: true, reason: 试用, ca: own.pem}",
        "{tls: false, auth: certificate}",
        "{tls: false, pin: '" + "a" * 64 + "'}",
        "{auth: basic}",
        "{pin: '12:34'}",
    ],
)
def test_what_would_look_at_no_certificate_unnoticed_is_refused(tmp_path: Path, said: str) -> None:
    with pytest.raises(Refused) as refused:
        load(write(tmp_path, shop_hosts=hosts_with(f"winrm: {said}")))
    assert any("shop/hosts.yml:3" in str(problem) for problem in refused.value.problems)


def test_a_device_is_reached_as_the_file_says_or_by_people(tmp_path: Path) -> None:
    def reach(text: str) -> list[str]:
        inventory = load(write(tmp_path, shop_devices=text))
        return [one.reach for one in inventory.targets(type="device") if isinstance(one, Device)]

    frame = "groups:\n  cams:\n    part: front\n    kind: camera\n    devices:\n"
    lines = frame + "      - {name: CAM-1, %s}\n      - name: CAM-2\n"
    assert reach(lines % "address: 10.0.9.1") == ["icmp", "manual"]
    assert reach(lines % "address: 10.0.9.1, port: 554") == ["tcp", "manual"]
    assert reach(lines % "address: 10.0.9.1, reach: http") == ["http", "manual"]
    for wrong in ("reach: icmp", "address: 10.0.9.1, reach: tcp", "address: 10.0.9.1, reach: snmp"):
        with pytest.raises(Refused):
            reach(lines % wrong)


def test_a_site_says_what_is_expected_of_it(tmp_path: Path) -> None:
    text = (
        FILES["shop/sites.yml"]
        .replace("name: SITE-1,", "name: SITE-1, marker: 首页,")
        .replace("    part: front", "    part: front\n    status: 401\n    method: HEAD\n    seconds: 5")
    )
    site = load(write(tmp_path, shop_sites=text)).targets(type="site")[0]
    assert isinstance(site, Site)
    assert (site.status, site.method, site.seconds) == (401, "HEAD", 5)
