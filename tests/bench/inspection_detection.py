"""Detection by the whole product, for `make show-inspection`: `opsproof` on a lab, as its user runs it.

A first run, its baselines approved by a person, a second run that has nothing to say; then each fault on a
host of its own. What every finding is judged by is what `opsproof run inspection --json` says of it.
"""

import os
import signal
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.show import Item
from tests.certificates import self_signed
from tests.hostile import EARLY, LATE, hostile
from tests.lab.faults import FAULTS, ROTATED_ERRORS, Fault, ordinary_day
from tests.lab.hosts import Lab, LabHost, lab, missing
from tests.lab.inspected import Alarm, Inspected, alarms, entry, number, summary, told
from tests.lab.systems import CENTOS_6, CENTOS_7, DEBIAN, KYLIN_DESKTOP, KYLIN_SERVER, RHEL_8
from tests.lab.web.servers import PAGE, nginx

Run = Mapping[str, Any]
HEALTHY, WITH_SYSTEMD, RUNS = 12, 6, 5
SYSTEMS = (KYLIN_SERVER, RHEL_8, KYLIN_DESKTOP, DEBIAN, CENTOS_6, CENTOS_7)
HANGING_SECONDS = 5
SITES = ("PAGE", "SECURE")
SITE_FAULTS = {
    "page without its marker": (SITES[0], "web.page", "页面"),
    "expired certificate": (SITES[1], "web.certificate", "证书"),
}


@dataclass(frozen=True)
class Place:
    """A lab with its faults to be, each beside the host that will have it."""

    made: Lab
    healthy: Sequence[LabHost]
    faulty: Sequence[tuple[Fault, LabHost]]


@contextmanager
def place() -> Iterator[Place]:
    machines = WITH_SYSTEMD + sum(fault.systemd for fault in FAULTS)
    with lab(HEALTHY + len(FAULTS), machines, SYSTEMS) as made:
        with_systemd, others = made.hosts[:machines], made.hosts[machines:]
        rest = HEALTHY - WITH_SYSTEMD
        free = {True: iter(with_systemd[WITH_SYSTEMD:]), False: iter(others[rest:])}
        faulty = [(fault, next(free[fault.systemd])) for fault in FAULTS]
        yield Place(made, [*with_systemd[:WITH_SYSTEMD], *others[:rest]], faulty)


def detection() -> Iterator[Item]:
    if why := missing():
        raise RuntimeError(why)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        at = stack.enter_context(place())
        product = Inspected(at.made, Path(folder))
        stages = hanging(product, stack)
        with_hanging = product.begin("hanging")
        stack.callback(with_hanging.kill)
        web = product.inventories / "web"
        write_down(product, at, sites(at.made, web, stack))
        vouch(product, at)
        runs = [product.inspect()]
        yield of_all(at, runs[0])
        for fault, host in at.faulty:
            fault.done(host)
        spoil(web)
        runs.append(product.inspect())
        yield from of_hosts(at, runs[1])
        yield from of_sites(runs[1])
        while len(runs) < RUNS:
            for host in at.healthy:
                ordinary_day(host)
            runs.append(product.inspect())
        yield each_once(at, runs)
        yield of_later_runs(at, runs)
        yield of_healthy(at, runs)
        yield from of_hanging(told(with_hanging), stages)


def hanging(product: Inspected, stack: ExitStack) -> Sequence[str]:
    """A contract of its own: what hangs in a command holds up its run for minutes."""
    stages, hosts = (*EARLY, *LATE), []
    for number_, stage in enumerate(stages):
        with product.lab.inside():
            port = stack.enter_context(hostile(stage))
        host = {"name": f"hangs-{number_}", "address": "127.0.0.1", "port": port, "os": "linux"}
        hosts.append({**host, "credential": "ops", "login_seconds": HANGING_SECONDS})
    product.contract("hanging", hosts)
    return stages


def sites(made: Lab, web: Path, stack: ExitStack) -> list[dict[str, object]]:
    with made.inside():
        ports = stack.enter_context(nginx(web))
    return [
        {"name": SITES[0], "url": f"http://127.0.0.1:{ports['plain']}/", "marker": "用户登录"},
        {"name": SITES[1], "url": f"https://127.0.0.1:{ports['good']}/", "ca": "web/good/cert.pem"},
    ]


def spoil(web: Path) -> None:
    (web / "html/index.html").write_text(PAGE.replace("用户登录", "系统维护"), "utf-8")
    self_signed(web / "good", "127.0.0.1", 0)
    os.kill(int((web / "pid").read_text()), signal.SIGHUP)


def write_down(product: Inspected, at: Place, pages: list[dict[str, object]]) -> None:
    hosts = [entry(host) for host in at.healthy]
    for fault, host in at.faulty:
        fault.ready(host)
        hosts.append(fault.line(host))
    product.contract("lab", hosts, pages)


def vouch(product: Inspected, at: Place) -> None:
    """What its user does after the first run: baselines, and systems whose maker has given them up."""
    first = product.inspect()
    product.approve()
    for target, found in alarms(first, [host.name for host in at.made.hosts]).items():
        for one in found:
            if one[0] == "linux.release":
                product.acknowledge(target, one, "迁移已列入明年计划")


def of_all(at: Place, run: Run) -> Item:
    names = [*SITES, *(host.name for host in at.made.hosts)]
    wrong = [" ".join((name, *one)) for name, found in alarms(run, names).items() for one in sorted(found)]
    measured = f"{len(wrong)} alarms {'; '.join(wrong[:5])}".strip()
    return Item(f"{len(names)} hosts and sites, approved, before any fault", measured, "0", not wrong)


def of_hosts(at: Place, run: Run) -> Iterator[Item]:
    for fault, host in at.faulty:
        name = f"{fault.name} (synthetic)" if fault.synthetic else fault.name
        yield item(name, run, host.name, fault.alarms(host))


def of_sites(run: Run) -> Iterator[Item]:
    for name, (site, check, subject) in SITE_FAULTS.items():
        yield item(name, run, site, {(check, subject, "fail")})


def of_hanging(run: Run, stages: Sequence[str]) -> Iterator[Item]:
    for number_, stage in enumerate(stages):
        yield item(f"hung sshd: {stage}", run, f"hangs-{number_}", {("reach", "全部", "unknown")})


def item(name: str, run: Run, target: str, wanted: set[Alarm]) -> Item:
    found = alarms(run, [target])[target]
    said = "; ".join(f"{' '.join(one)}: {summary(run, target, one)[:90]}" for one in sorted(found))
    alone = " + ".join(" ".join(one) for one in sorted(wanted))
    return Item(name, f"{target}: {said or 'nothing'}", f"{alone}, nothing else", found == wanted)


def each_once(at: Place, runs: Sequence[Run]) -> Item:
    """In the first run after the rotation, and in no later one."""
    rotated = [host.name for fault, host in at.faulty if "between two runs" in fault.name]
    counted = {name: [number(run, name, "linux.logs", "errors") for run in runs] for name in rotated}
    wanted = [0.0, float(ROTATED_ERRORS), *[0.0] * (len(runs) - 2)]
    return Item(
        f"each of {ROTATED_ERRORS} errors around a rotation counted once",
        "; ".join(f"{name} {' '.join(f'{n:g}' for n in counts)}" for name, counts in counted.items()),
        f"{' '.join(f'{n:g}' for n in wanted)} in {len(runs)} runs",
        all(counts == wanted for counts in counted.values()),
    )


def of_later_runs(at: Place, runs: Sequence[Run]) -> Item:
    """What lasts is told again, what is past is not, and nothing comes of it that was not there."""
    last = runs[2:]
    wrong = [
        f"{fault.name}: {' '.join(one)}"
        for run in last
        for fault, host in at.faulty
        for one in alarms(run, [host.name])[host.name] ^ (set() if fault.past else fault.alarms(host))
    ]
    lasts = sum(not fault.past for fault, _ in at.faulty)
    return Item(
        f"{lasts} faults that last and {len(at.faulty) - lasts} that are past, {len(last)} more runs",
        f"{len(wrong)} told wrongly {'; '.join(wrong[:5])}".strip(),
        "0",
        not wrong,
    )


def of_healthy(at: Place, runs: Sequence[Run]) -> Item:
    names = [host.name for host in at.healthy]
    seen = [
        (name, *one) for run in runs for name, found in alarms(run, names).items() for one in sorted(found)
    ]
    looked = sum(one["target"] in names for run in runs for one in run["findings"])
    told_of = "; ".join(" ".join(one) for one in seen[:5])
    measured = f"{len(seen)} alarms among {looked} findings {told_of}".strip()
    return Item(
        f"{HEALTHY} healthy hosts, {len(runs)} runs, ordinary days between them",
        measured,
        "0",
        not seen and looked > 0,
    )


SHOWS = [detection]
