"""Being asked to stop is never lost."""

import contextlib
import os
import signal

import pytest

from flows.supervisor import Stop, stoppable


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_that_was_swallowed_on_its_way_is_heeded_all_the_same(how: signal.Signals) -> None:
    with stoppable() as heed:
        heed()
        with contextlib.suppress(Stop):  # as a library does that is interrupted in its clean-up
            os.kill(os.getpid(), how)
        with pytest.raises(Stop):
            heed()
