"""The suite of all streams, on this machine."""

from datetime import timedelta

import pytest

from tests.suites.streaming import Opened, StreamingSuite
from tests.unit.transports.test_local_suite import opened as local


class TestLocalStream(StreamingSuite):
    QUIET = timedelta(seconds=0.5)

    @pytest.fixture
    def opened(self) -> Opened:
        return local  # type: ignore[return-value]
