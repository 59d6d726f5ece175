import pytest

from tasks.model import Host
from tasks.transports import Transport, open_transport
from tests.suites.transport import Run, TransportSuite, runner


def opened(**fields: object) -> Transport:
    host = {"contract": "local", "part": "m", "name": "h", "os": "linux", "transport": "local"}
    return open_transport(Host(**{**host, **fields}))  # type: ignore[arg-type]


class TestLocal(TransportSuite):
    @pytest.fixture
    def run(self) -> Run:
        return runner(opened)
