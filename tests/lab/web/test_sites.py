"""Sites on a real nginx and on servers that mean no good, through the room that inspects them."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.checks.judging import Before, Limits
from tasks.inspection.collect import collect
from tasks.inspection.judge import judge_target
from tasks.model import Finding, Site, Status
from tests.lab.web.servers import BROKEN, HANGING, Hostile, nginx


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    if not shutil.which("nginx"):
        pytest.skip("nginx is not installed")
    with nginx(tmp_path_factory.getbasetemp() / "web") as ports:
        yield ports


@pytest.fixture(autouse=True)
def home(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPSPROOF_HOME", str(tmp_path))
    monkeypatch.setenv("OPSPROOF_INVENTORIES", str(tmp_path_factory.getbasetemp() / "web"))


def look(url: str, marker: str = "用户登录", ca: str = "good/cert.pem", **said: object) -> dict[str, Finding]:
    site = Site(contract="c", part="p", name="S", url=url, marker=marker, ca=ca, **said)  # type: ignore[arg-type]
    found = judge_target(collect(site), lambda check, _: Limits(check.limits), lambda *_: Before())
    return {one.subject: one for one in found}


def test_a_page_that_is_as_it_should_be(ports: dict[str, int]) -> None:
    for path in ("/", "/old", "/gbk.html", "/zip/index.html"):
        found = look(f"http://127.0.0.1:{ports['plain']}{path}")
        assert {one.status for one in found.values()} == {Status.OK}, (path, found)
    assert "重定向 1 次" in look(f"http://127.0.0.1:{ports['plain']}/old")["页面"].summary
    found = look(f"https://127.0.0.1:{ports['good']}/")
    assert {one.status for one in found.values()} == {Status.OK}, found
    assert "TLS" in found["页面"].summary


@pytest.mark.parametrize(
    ("path", "marker", "said"),
    [
        ("/", "政务公开", "政务公开"),
        ("/down", "", "503"),
        ("/missing", "", "404"),
        ("/empty.html", "", "为空"),
        ("/loop", "", "重定向超过"),
    ],
)
def test_a_page_that_is_not(ports: dict[str, int], path: str, marker: str, said: str) -> None:
    found = look(f"http://127.0.0.1:{ports['plain']}{path}", marker)["页面"]
    assert found.status is Status.FAIL and said in found.summary and found.advice


def test_an_expected_status_and_a_head_are_as_the_inventory_says(ports: dict[str, int]) -> None:
    found = look(f"http://127.0.0.1:{ports['plain']}/down", "", status=503)
    assert found["页面"].status is Status.OK
    assert look(f"http://127.0.0.1:{ports['plain']}/", method="HEAD")["页面"].status is Status.OK


@pytest.mark.parametrize(
    ("kind", "status", "said"),
    [
        ("expired", Status.FAIL, "已过期"),
        ("soon", Status.WARN, "还有 11 天"),
        ("other", Status.FAIL, "不受信任"),
    ],
)
def test_a_certificate_is_a_finding_of_its_own(
    ports: dict[str, int], kind: str, status: Status, said: str
) -> None:
    found = look(f"https://127.0.0.1:{ports[kind]}/", ca=f"{kind}/cert.pem")
    assert found["证书"].status is status and said in found["证书"].summary, found
    assert found["页面"].status is Status.OK


def test_an_authority_that_nobody_named_vouches_for_nothing(ports: dict[str, int]) -> None:
    found = look(f"https://127.0.0.1:{ports['good']}/", ca="")["证书"]
    assert found.status is Status.FAIL and "self-signed" in found.summary


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("name", HANGING)
def test_a_server_that_hangs_anywhere_is_left_at_its_limit(name: str, scheme: str) -> None:
    with Hostile(HANGING[name]) as port:  # in TLS all of them hang in the handshake
        started = time.monotonic()
        found = look(f"{scheme}://127.0.0.1:{port}/", seconds=1)
        assert time.monotonic() - started < 3
        assert (found["页面"].status is Status.FAIL and "1 秒" in found["页面"].summary) or scheme == "https"


@pytest.mark.parametrize("name", BROKEN)
def test_a_server_that_breaks_off(name: str) -> None:
    with Hostile(BROKEN[name]) as port:
        assert look(f"http://127.0.0.1:{port}/")["页面"].status is Status.FAIL


def test_a_name_that_is_none() -> None:
    found = look("https://no-such-host.invalid/")
    assert found["页面"].status is Status.FAIL and "域名" in found["页面"].summary
    assert found["证书"].status is Status.UNKNOWN
