"""Ways to a host: each is one file that registers itself and takes a whole script in one trip."""

from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

from tasks.errors import OpsError
from tasks.model import Host, Output
from tasks.registry import Registry
from tasks.texts import t


class Transport(Protocol):
    def run(self, script: str, limit: timedelta) -> Output:
        """Run `script` in the host's shell. What goes wrong on the way is in the output's `failure`."""


# The name that hosts.yml uses → how to open it.
TRANSPORTS: Registry[Callable[[Host], Transport]] = Registry(__name__)


def open_transport(host: Host) -> Transport:
    opener = TRANSPORTS.get(host.transport)
    if opener is None:
        raise OpsError(t("checks.no_transport", name=host.transport))
    return opener(host)
