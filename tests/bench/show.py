"""The frame of `make show-<topic>`: measure at full size, print a line per item, exit 1 if one is short."""

import multiprocessing
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Item:
    """One promise and what was measured of it."""

    name: str
    measured: str
    target: str
    ok: bool


Show = Callable[[], Iterable[Item]]
FORK = multiprocessing.get_context("fork")


def show(parts: Iterable[Show]) -> int:
    """Run each part; one that breaks is a short line of its own and stops no other."""
    short = count = 0
    for part in parts:
        started = time.monotonic()
        for item in apart(part):
            count += 1
            short += not item.ok
            verdict = "ok" if item.ok else "SHORT"
            print(f"{item.name} | {item.measured} | {item.target} | {verdict}", flush=True)
        print(f"  ({part.__module__}.{part.__name__}: {time.monotonic() - started:.1f} s)", file=sys.stderr)
    print(f"{count} items, {short} short")
    return 1 if short or not count else 0


def apart(part: Show) -> Iterator[Item]:
    """In a process of its own: what one part leaves in memory is not measured in the next."""
    items, sending = FORK.Pipe(duplex=False)
    child = FORK.Process(target=send, args=(part, sending))
    child.start()
    sending.close()
    try:
        while item := items.recv():
            yield item
    except EOFError:
        child.join()
        yield Item(f"{part.__name__} could not run", f"exit code {child.exitcode}", "runs to its end", False)
    child.join()


def send(part: Show, sending: Any) -> None:
    for item in guarded(part):
        sending.send(item)
    sending.send(None)


def guarded(part: Show) -> Iterator[Item]:
    try:
        yield from part()
    except Exception as problem:  # noqa: BLE001 - a part that breaks is a short line, not the end
        traceback.print_exc()
        yield Item(f"{part.__name__} could not run", repr(problem)[:200], "runs to its end", False)
