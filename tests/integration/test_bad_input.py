"""The bad-input show at a small size; `make show-platform` runs it at full size."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.bench.bad_input import Part
from tests.bench.bad_places import clock_needs, clocks, full_state, mounts_need, read_only_state
from tests.bench.bad_workbooks import workbooks
from tests.bench.bad_yaml import breakages, hostile_fields, nothing_runs

SMALL = {
    "broken-yaml": (partial(breakages, count=54, through_command=2, seed=7), str),
    "hostile-fields": (partial(hostile_fields, most=5), str),
    "shell": (nothing_runs, str),
    "workbooks": (partial(workbooks, rows=2000), str),
    "clock-2038": (partial(clocks, days=("2038-02-01",)), clock_needs),
    "read-only-state": (read_only_state, mounts_need),
    "full-state": (full_state, mounts_need),
}


@pytest.mark.parametrize(("part", "needs"), SMALL.values(), ids=SMALL)
def test_bad_input(tmp_path: Path, part: Part, needs: Callable[[], str]) -> None:
    if reason := needs():
        pytest.skip(reason)
    short = [item for item in part(tmp_path) if not item.ok]
    assert not short
