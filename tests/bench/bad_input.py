"""Bad input at full size: broken YAML, hostile fields, damaged workbooks, a clock in 2038, a state
folder that is read-only or full."""

import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from tests.bench.bad_places import clock_needs, clocks, full_state, mounts_need, read_only_state
from tests.bench.bad_workbooks import workbooks
from tests.bench.bad_yaml import breakages, hostile_fields, nothing_runs
from tests.bench.show import Item

Part = Callable[[Path], Iterator[Item]]
# Each with what it needs of the machine: empty, it is there.
PARTS: tuple[tuple[str, Part, Callable[[], str]], ...] = (
    ("broken YAML", partial(breakages, count=360, through_command=24), str),
    ("hostile text", hostile_fields, str),
    ("shell", nothing_runs, str),
    ("workbooks", partial(workbooks, rows=100_000), str),
    ("clock", clocks, clock_needs),
    ("read-only", read_only_state, mounts_need),
    ("full", full_state, mounts_need),
)


def bad_input() -> Iterator[Item]:
    for name, part, needs in PARTS:
        if reason := needs():
            yield Item(f"{name} could not run", reason, "runs", False)
            continue
        with tempfile.TemporaryDirectory(prefix="opsproof-") as folder:
            yield from part(Path(folder))
