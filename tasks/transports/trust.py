"""Which host keys to trust: what hosts show now beside what we know, for a person to decide."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum

from tasks.errors import OpsError
from tasks.home import Home
from tasks.locks import held
from tasks.model import Host
from tasks.texts import t
from tasks.transports import Access
from tasks.transports.known_hosts import (
    KnownHosts,
    fingerprints,
    host_name,
    known_hosts_file,
    read_known_hosts,
)
from tasks.transports.login import Failed
from tasks.transports.ssh import SSH

AT_ONCE = 30


class State(StrEnum):
    NEW = "new"
    SAME = "same"
    CHANGED = "changed"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Offer:
    """The key a host shows. `failure`: it showed none."""

    host: Host
    state: State
    type: str = ""
    key: str = ""
    failure: str = ""

    @property
    def fingerprints(self) -> tuple[str, str]:
        return fingerprints(self.key) if self.key else ("", "")


def known(home: Home, host: Host) -> dict[str, str]:
    return read_known_hosts(known_hosts_file(home)).keys(host_name(host.address, host.port))


def offers(home: Home, hosts: Sequence[Host], access: Access) -> list[Offer]:
    with ThreadPoolExecutor(min(AT_ONCE, max(len(hosts), 1))) as pool:
        return list(pool.map(lambda host: offer(home, host, access), hosts))


def offer(home: Home, host: Host, access: Access) -> Offer:
    try:
        type_, key = SSH(host, access).host_key()
    except (Failed, OpsError) as problem:
        return Offer(host, State.SILENT, failure=str(problem))
    ours = known(home, host)
    if not ours:
        return Offer(host, State.NEW, type_, key)
    return Offer(host, State.SAME if ours.get(type_) == key else State.CHANGED, type_, key)


def enrol(home: Home, chosen: Iterable[Offer]) -> None:
    """The key of each is from now on the only one of that host."""
    home.ready(home.root)
    path = known_hosts_file(home)
    with held(home, "hosts", "trust", changes=True, title=t("transports.trust_title")):
        trusted: KnownHosts = read_known_hosts(path)
        for one in chosen:
            trusted = trusted.replaced(host_name(one.host.address, one.host.port), {one.type: one.key})
        trusted.write(path)
