"""Verb: collect from a batch of targets. A batch, because a Prefect task run costs the server
20 ms and 19 kB: a task per host would be paid for by every routine inspection.
"""

from collections.abc import Sequence

from tasks.inspection.collect import Collected, Wanted, collect_all
from tasks.log import log
from tasks.model import Target
from tasks.texts import t
from tasks.transports import Access
from tasks.verb import verb

# More than any contract has hosts: what hangs in one batch would hold up the next.
BATCH = 1000
NAME = t("routine.task_inspect")


def in_batches(targets: Sequence[Target]) -> list[Sequence[Target]]:
    return [targets[i : i + BATCH] for i in range(0, len(targets), BATCH)]


# Every transport bounds each probe itself; this only catches a bug in that.
@verb(name=NAME, run_name=NAME, seconds=1800)
def inspect_targets(targets: Sequence[Target], wanted: Wanted, access: Access) -> list[Collected]:
    step = max(len(targets) // 10, 1)

    def progress(done: int, total: int, name: str) -> None:
        if done % step == 0 or done == total:
            log.info(t("inspection.progress", done=done, total=total, name=name))

    return collect_all(targets, progress, wanted, access)
