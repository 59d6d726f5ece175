"""Detection on Windows (a stand-in: synthetic) and on sites (a real nginx), for `make show-inspection`.

A table of its own: every seeded fault found with its host and subject, and no alarm on what is healthy.
"""

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from tasks.checks.judging import Before, Limits
from tasks.inspection.collect import collect, collect_all
from tasks.inspection.judge import judge_target
from tasks.model import Host, Site, Status, Target, Winrm
from tests.bench.show import Item, Show
from tests.lab.web.servers import HANGING, Hostile, nginx
from tests.lab.winrm.answering import FAULTS, answering, healthy
from tests.lab.winrm.fakewinrm import FakeWindows

RUNS = 5
GOOD, HANGS = 58, 5
PASSWORD = "stand-in only"
Alarm = tuple[str, str, str]


@contextlib.contextmanager
def windows(name: str) -> Iterator[FakeWindows]:
    os.environ["OPSPROOF_CREDENTIAL_LAB_WINDOWS_USER"] = "ops"
    os.environ["OPSPROOF_CREDENTIAL_LAB_WINDOWS_PASSWORD"] = PASSWORD
    try:
        with FakeWindows(name, {"ops": PASSWORD}, https=True, basic=False) as server:
            yield server
    finally:
        for part in ("USER", "PASSWORD"):
            os.environ.pop(f"OPSPROOF_CREDENTIAL_LAB_WINDOWS_{part}", None)


def host_of(server: FakeWindows, ca: str, hostname: str = "") -> Host:
    return Host(
        contract="lab",
        part="windows",
        name=server.name,
        os="windows",
        transport="winrm",
        address="127.0.0.1",
        port=server.ports["https"],
        credential="lab-windows",
        hostname=hostname,
        winrm=Winrm(ca=ca),
    )


def site_of(url: str, marker: str = "用户登录", ca: str = "", seconds: int = 3) -> Site:
    return Site(contract="lab", part="web", name="SITE", url=url, marker=marker, ca=ca, seconds=seconds)


def alarms(target: Target) -> list[Alarm]:
    """Everything that is not ok: check, subject, status."""
    found = judge_target(collect(target), lambda check, _: Limits(check.limits), lambda *_: Before())
    return [(one.check, one.subject, str(one.status)) for one in found if one.status is not Status.OK]


@contextlib.contextmanager
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        before = {name: os.environ.get(name) for name in ("OPSPROOF_HOME", "OPSPROOF_INVENTORIES")}
        os.environ |= {"OPSPROOF_HOME": f"{folder}/var", "OPSPROOF_INVENTORIES": folder}
        try:
            yield Path(folder)
        finally:
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)


def detection_on_windows() -> Iterator[Item]:
    with place() as folder, windows("WEB01") as server:
        shutil.copy(server.ca_file, folder / "ca.pem")
        target = host_of(server, "ca.pem")
        for name, (cause, found) in FAULTS.items():
            documents = healthy()
            cause(documents)
            answering(server, documents)
            seen = alarms(target)
            only = found in seen and {check for check, _, _ in seen} == {found[0]}
            yield Item(f"Windows: {name} (synthetic)", str(seen), f"{found} and nothing else", only)
        answering(server, healthy())
        count = sum(len(alarms(target)) for _ in range(RUNS))
        yield Item("Windows: healthy (synthetic)", f"{count} alarms in {RUNS} runs", "0", count == 0)


def detection_on_sites() -> Iterator[Item]:
    with place() as folder, nginx(folder / "web") as ports, Hostile(HANGING["body-without-end"]) as hanging:
        plain, secure = f"http://127.0.0.1:{ports['plain']}", "https://127.0.0.1:"
        faults = {
            "page without its marker": (site_of(f"{plain}/", "政务公开"), "web.page"),
            "page that is empty": (site_of(f"{plain}/empty.html", ""), "web.page"),
            "page with 503": (site_of(f"{plain}/down"), "web.page"),
            "page that never ends": (site_of(f"http://127.0.0.1:{hanging}/", seconds=1), "web.page"),
            "expired certificate": (
                site_of(f"{secure}{ports['expired']}/", ca="web/expired/cert.pem"),
                "web.certificate",
            ),
            "certificate of another name": (
                site_of(f"{secure}{ports['other']}/", ca="web/other/cert.pem"),
                "web.certificate",
            ),
        }
        for name, (site, check) in faults.items():
            seen = alarms(site)
            sound = [one[0] for one in seen] == [check] and seen[0][2] == "fail"
            yield Item(f"Site: {name}", str(seen), f"{check} fail and nothing else", sound)
        healthy_ones = [
            site_of(f"{plain}/"),
            site_of(f"{plain}/gbk.html"),
            site_of(f"{secure}{ports['good']}/", ca="web/good/cert.pem"),
        ]
        count = sum(len(alarms(site)) for site in healthy_ones for _ in range(RUNS))
        yield Item("Sites: healthy", f"{count} alarms in {RUNS} runs of 3", "0", count == 0)


def hanging_hosts_delay_nobody() -> Iterator[Item]:
    """Half of the issue's 116 and 10: the stand-in runs in this process and takes its share of it."""
    with place() as folder, windows("WEB01") as server, Hostile(HANGING["silent"]) as hanging:
        shutil.copy(server.ca_file, folder / "ca.pem")
        answering(server, healthy())
        server.max_shells = 2 * GOOD
        good = [host_of(server, "ca.pem")] * GOOD
        crowd = [*[stuck(hanging, number) for number in range(HANGS)], *good]
        answered(good)  # the first one loads what the others then have
        alone = median(answered(good) for _ in range(RUNS))
        beside = median(answered(crowd) for _ in range(RUNS))
        yield Item(
            f"Windows: {GOOD} good, {HANGS} hanging (synthetic)",
            f"last good one after {beside:.2f} s, alone {alone:.2f} s",
            "within 10 % (medians of 5)",
            beside <= alone * 1.1,
        )


def stuck(port: int, number: int) -> Host:
    address = {"address": "127.0.0.1", "port": port, "credential": "lab-windows", "login_seconds": 3}
    return Host(
        contract="lab",
        part="w",
        name=f"STUCK-{number}",
        os="windows",
        transport="winrm",
        winrm=Winrm(ca="ca.pem"),
        **address,
    )  # type: ignore[arg-type]


def answered(targets: list[Host]) -> float:
    """Seconds until the last one that answers at all has answered."""
    started, last = time.monotonic(), 0.0

    def heard(done: int, total: int, name: str) -> None:
        nonlocal last
        if not name.startswith("STUCK"):
            last = time.monotonic() - started

    collect_all(targets, heard)
    return last


PARTS: dict[str, tuple[Show, ...]] = {
    "windows": (detection_on_windows, hanging_hosts_delay_nobody),
    "sites": (detection_on_sites,),
}
