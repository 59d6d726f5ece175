"""The same asked by several processes at the same moment."""

from collections.abc import Callable
from multiprocessing import get_context


def at_once(count: int, ask: Callable[[], str]) -> list[str]:
    """What each process was answered. Forked, so that none is late by what it has to import."""
    fork = get_context("fork")
    gate, answers = fork.Barrier(count), fork.SimpleQueue()

    def asking() -> None:
        gate.wait(60)
        answers.put(ask())

    processes = [fork.Process(target=asking) for _ in range(count)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * count
    return [answers.get() for _ in processes]
