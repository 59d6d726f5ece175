"""Ways to a host: each is one file that registers itself and takes a whole script in one trip."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from threading import Lock
from typing import Any, Protocol, TypeVar

from tasks.errors import OpsError
from tasks.home import home
from tasks.inventory.credentials import Keyring
from tasks.model import Host, Output
from tasks.operations import COLLECTED, Answer, Operations
from tasks.registry import Registry
from tasks.texts import t
from tasks.transports.noting import Noting
from tasks.transports.streaming import Streaming

T = TypeVar("T")


class Transport(Protocol):
    def run(self, script: str, limit: timedelta, quiet: timedelta | None = None) -> Output:
        """Run `script` in the host's shell. What goes wrong on the way is in the output's `failure`.
        `quiet`: a way that hears a script while it runs need not wait any longer for its next word."""


# Far more than all probes together honestly answer: a flood is stopped before it fills the memory.
MOST = 32 * 2**20


@dataclass(frozen=True, slots=True)
class Access:
    """What a transport needs beside the host itself: logins, and the hosts to go through."""

    keyring: Keyring
    hosts: Mapping[str, Host] = field(default_factory=dict)
    # What hosts of one run share, made by the transport that needs it; `lock` while making it.
    shared: dict[object, Any] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)
    # Where what goes out is noted: what the run collects that made this; None: it makes no record.
    sent: Operations | None = field(default_factory=COLLECTED.get)

    @contextmanager
    def noting(self, target: str, way: str, text: str) -> Iterator[Answer]:
        """Around whatever goes out past a transport."""
        if self.sent is None:
            yield Answer()
            return
        with self.sent.noting(target, way, text, self.keyring.hide) as answer:
            yield answer

    def once(self, key: object, make: Callable[[], T]) -> T:
        with self.lock:
            if key not in self.shared:
                self.shared[key] = make()
        made: T = self.shared[key]
        return made


# The name that hosts.yml uses → how to open it.
TRANSPORTS: Registry[Callable[[Host, Access], Transport]] = Registry(__name__)


def open_transport(host: Host, access: Access | None = None) -> Transport:
    opener = TRANSPORTS.get(host.transport)
    if opener is None:
        raise OpsError(t("checks.no_transport", name=host.transport))
    access = access or Access(Keyring(home()))
    way = opener(host, access)
    return way if access.sent is None else Noting(way, partial(access.noting, host.name, host.transport))


def open_stream(host: Host, access: Access) -> Streaming:
    """The same way, for what is too long to hear out first."""
    way: Any = open_transport(host, access)
    if not hasattr(way.way if isinstance(way, Noting) else way, "stream"):
        raise OpsError(t("transports.no_stream", name=host.transport))
    streaming: Streaming = way
    return streaming
