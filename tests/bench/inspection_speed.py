"""`make show-inspection`, its speed: 116 lab hosts, alone and with ten that hang; others at the same task."""

import contextlib
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import paramiko

from tasks.checks import checks_for
from tasks.checks.script import compose
from tasks.home import home
from tasks.inspection.collect import AT_ONCE, collect_all
from tasks.model import Host, Output
from tasks.transports import Access, open_transport
from tasks.transports.known_hosts import host_name, known_hosts_file, read_known_hosts
from tests.bench.inspection_flow import CANNED, Flow, installed, started
from tests.bench.inspection_peers import Peers, programs
from tests.bench.show import Item
from tests.hostile import EARLY, HOST_KEY, LATE, hostile
from tests.lab.hosts import Lab, lab, missing
from tests.lab.inspected import Inspected
from tests.lab.product import access, give_credentials, host_of, trust
from tests.lab.systems import CENTOS_7, KYLIN_SERVER, RHEL_7

HOSTS = 116
ROUNDS = 3
# Where a few per cent decide.
CLOSE_ROUNDS = 7
LIMIT = timedelta(seconds=60)
LOGIN_SECONDS = 5


@contextlib.contextmanager
def ready() -> Iterator[tuple[Lab, float]]:
    """A lab whose network this thread is in, with its keys trusted; and how long it took to come up."""
    if why := missing():
        raise RuntimeError(why)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        os.environ["OPSPROOF_HOME"] = folder
        started = time.monotonic()
        made = stack.enter_context(lab(HOSTS, systems=(CENTOS_7, RHEL_7, KYLIN_SERVER)))
        seconds = time.monotonic() - started
        give_credentials(made, os.environ.__setitem__)
        trust(made)
        with made.inside():
            yield made, seconds


def timed(work: Callable[[], object]) -> float:
    started = time.monotonic()
    work()
    return time.monotonic() - started


def canned(hosts: Sequence[Host], given: Access) -> None:
    def one(host: Host) -> Output:
        answer = open_transport(host, given).run(f"{CANNED}\n", LIMIT)
        assert len(answer.raw) == 5000, answer.failure
        return answer

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(one, hosts))


def bare(made: Lab) -> None:
    """The least that does the same: strict keys, one login, one command, both streams to their end."""
    key = paramiko.PKey.from_path(made.folder / "key")
    known = paramiko.HostKeys(str(known_hosts_file(home())))

    def one(address: str) -> None:
        client = paramiko.SSHClient()
        for type_, its in (known.lookup(address) or {}).items():
            client.get_host_keys().add(address, type_, its)
        with client:
            client.connect(address, username="root", pkey=key, allow_agent=False, look_for_keys=False)
            stdin, stdout, stderr = client.exec_command("sh -s")
            stdin.write(f"{CANNED}\n")
            stdin.channel.shutdown_write()
            assert len(stdout.read()) == 5000
            stderr.read()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(one, [host.address for host in made.hosts]))


def by_turns(rounds: int, *works: Callable[[], float]) -> list[float]:
    """Seconds of each, in turns, so that a busy moment of this machine hits all; the medians count."""
    found = [[work() for work in works] for _ in range(rounds)]
    return [statistics.median(each) for each in zip(*found, strict=True)]


def speed() -> Iterable[Item]:
    with ready() as (made, up):
        hosts = [host_of(one) for one in made.hosts]
        yield Item(f"{HOSTS} lab hosts answer", f"{up:.1f} s", "≤ 10 s", up <= 10)
        yield from against_bare(made, hosts)
        yield from with_hanging(made, hosts)
        yield from with_probes(made, hosts)


def against_bare(made: Lab, hosts: Sequence[Host]) -> Iterable[Item]:
    bare(made)
    mine, least = by_turns(
        CLOSE_ROUNDS, lambda: timed(lambda: canned(hosts, access(made))), lambda: timed(lambda: bare(made))
    )
    yield Item(
        "collection against a bare Paramiko loop",
        f"{mine:.2f} s against {least:.2f} s: {mine / least:.2f} ×",
        "≤ 1.15 ×",
        mine <= 1.15 * least,
    )


def whole_flow() -> Iterable[Item]:
    """The product as it is installed, its flow in a process of its own with nothing of the lab in it."""
    others = programs()  # from outside the lab, which has no way out
    with (
        ready() as (made, _),
        tempfile.TemporaryDirectory() as folder,
        installed(made, Path(folder)) as product,
    ):
        with started(product) as flow:
            yield from with_everything(flow)
        peers = Peers(made, known_hosts_file(home()), Path(folder), others, CANNED)
        yield from against_others(product, peers)


def with_everything(flow: Flow) -> Iterable[Item]:
    said = flow.inspect()
    name = f"whole flow with all checks of {HOSTS} hosts, on the same 2 processors"
    measured = f"{said['seconds']:.1f} s, {said['reached']} reached"
    yield Item(name, measured, "reported", said["reached"] == HOSTS)
    yield Item("peak memory of the flow's process", f"{said['mb']:.0f} MB", "≤ 300 MB", said["mb"] <= 300)


def against_others(product: Inspected, peers: Peers) -> Iterable[Item]:
    """All with the canned payload. The others start their programs, as an engineer does; the flow has
    started, and its server runs: by then nobody waits for it.
    """
    hosts = [host_of(one) for one in peers.lab.hosts]
    with started(product, "canned") as flow:
        flow.inspect()  # the first one loads what the next ones have
        ours, whole, pyinfra, ansible = by_turns(
            ROUNDS,
            lambda: timed(lambda: canned(hosts, access(peers.lab))),
            lambda: all_reached(flow.inspect()),
            lambda: timed(peers.pyinfra),
            lambda: timed(peers.ansible),
        )
    yield against("collection", ours, "pyinfra exec", pyinfra, 1)
    yield against("collection", ours, "ansible -m raw", ansible, 1)
    yield against("whole flow", whole, "ansible -m raw", ansible, 2.5)


def against(what: str, ours: float, whom: str, theirs: float, times: float) -> Item:
    measured = f"{ours:.2f} s against {theirs:.2f} s: {theirs / ours:.1f} × faster"
    return Item(f"{what} against {whom}", measured, f"≥ {times} × faster", theirs >= times * ours)


def all_reached(said: dict[str, Any]) -> float:
    assert said["reached"] == HOSTS, said
    return float(said["seconds"])


def hanging(stack: ExitStack) -> list[Host]:
    """Ten hosts, each hanging at a stage of its own."""
    found, known = [], read_known_hosts(known_hosts_file(home()))
    stages = [stage for stage in (*EARLY, *LATE) if stage != "exit, never closed"]
    for stage in stages:
        port = stack.enter_context(hostile(stage))
        key = {HOST_KEY.get_name(): HOST_KEY.get_base64()}
        known = known.replaced(host_name("127.0.0.1", port), key)
        found.append(
            Host(
                contract="lab",
                part="linux",
                name=f"hangs: {stage}",
                os="linux",
                address="127.0.0.1",
                port=port,
                credential="ops",
                login_seconds=LOGIN_SECONDS,
            )
        )
    known.write(known_hosts_file(home()))
    return found


def last_good(hosts: Sequence[Host], bad: Sequence[Host], given: Access) -> tuple[float, float]:
    """When the last good host had answered, and when everything was over."""
    names, done = {host.name for host in bad}, [0.0]
    started = time.monotonic()

    def one(host: Host) -> None:
        answer = open_transport(host, given).run(f"{CANNED}\n", timedelta(seconds=2 * LOGIN_SECONDS))
        if host.name in names:
            assert answer.failure
        else:
            assert len(answer.raw) == 5000, answer.failure
            done.append(time.monotonic() - started)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(one, [*bad, *hosts]))
    return max(done), time.monotonic() - started


def with_hanging(made: Lab, hosts: Sequence[Host]) -> Iterable[Item]:
    with ExitStack() as stack:
        bad = hanging(stack)
        alone, among, whole = [], [], []
        for _ in range(CLOSE_ROUNDS):
            alone.append(last_good(hosts, (), access(made))[0])
            good, all_of_it = last_good(hosts, bad, access(made))
            among.append(good)
            whole.append(all_of_it)
    before, after = statistics.median(alone), statistics.median(among)
    yield Item(
        f"{HOSTS} good hosts among {len(bad)} that hang",
        f"{after:.2f} s against {before:.2f} s alone: {after / before:.2f} ×",
        "≤ 1.10 ×",
        after <= 1.1 * before,
    )
    limit = 3 * LOGIN_SECONDS + 2
    yield Item(
        "all of them, the hanging ones given up", f"{max(whole):.1f} s", f"≤ {limit} s", max(whole) <= limit
    )


def with_probes(made: Lab, hosts: Sequence[Host]) -> Iterable[Item]:
    found = []
    seconds = timed(lambda: found.extend(collect_all(hosts, access=access(made))))
    reached = sum(one.reached for one in found)
    yield Item(
        f"{HOSTS} hosts × all {len(found[0].checks)} checks, on the same 2 processors",
        f"{seconds:.1f} s, {reached} reached",
        "reported",
        reached == HOSTS,
    )
    cost = statistics.median(processor_seconds(made, host) for host in hosts[:5])
    yield Item("processor time of all probes on the host", f"{cost:.2f} s", "≤ 0.2 s", cost <= 0.2)


def processor_seconds(made: Lab, host: Host) -> float:
    """By the shell's own count, everything it waited for included."""
    checks = [one for one in checks_for(host.family) if one.concerns(host)]
    script = compose(checks, {one.name: one.variables(host, {}) for one in checks})
    answer = open_transport(host, access(made)).run(f"{script.text}\ntimes\n", LIMIT)
    spent = [word for line in answer.lines[-2:] for word in line.split()]
    return sum(int(minutes) * 60 + float(rest.rstrip("s")) for minutes, rest in (w.split("m") for w in spent))


SHOWS = [speed, whole_flow]
