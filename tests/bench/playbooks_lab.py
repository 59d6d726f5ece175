"""Services of three real hosts stopped and started by playbook, and everything that can be in its way, for
`make show-playbooks`: what the engine says at the end is held against what the hosts are seen to be.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.bench.show import Item
from tests.lab.hosts import missing
from tests.lab.played import FAULTS, Fault, Outcome, suffer
from tests.lab.services import system


def faults() -> Iterator[Item]:
    if why := missing():
        raise RuntimeError(why)
    with tempfile.TemporaryDirectory() as folder, system(Path(folder)) as built:
        for fault in FAULTS:
            yield item(fault, suffer(built, fault))


def item(fault: Fault, came: Outcome) -> Item:
    measured = f"{came.result['end']} after {came.seconds:.0f} s: {came.result['reason'][:120] or '—'}"
    wrong = "; ".join(came.wrong)
    return Item(
        f"{fault.playbook}: {fault.name}",
        f"{measured}; {wrong}" if wrong else measured,
        f"{' or '.join(fault.ends.split())}, and all that is said of three hosts is so",
        not came.wrong,
    )


SHOWS = [faults]
