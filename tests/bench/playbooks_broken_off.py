"""A change with steps that may not be done twice, broken off everywhere and gone on with, for `make
show-playbooks`: its process killed, the network cut, on three real hosts.
"""

import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.bench.show import Item
from tests.lab.hosts import missing
from tests.lab.played import Play
from tests.lab.releases import release, reset, wrong
from tests.lab.services import HOSTS, System, system, write

RANDOM, SEED = 20, 2026
CUT_SECONDS = 6
Trouble = Callable[[Play], None]


def broken_off() -> Iterator[Item]:
    if why := missing():
        raise RuntimeError(why)
    with tempfile.TemporaryDirectory() as folder, system(Path(folder)) as built:
        for name, fails in (("release", False), ("release-fails", True)):
            write(built, release(built, name, fails), "changes")
            for title, troubles in troubled(*undisturbed(built, name)):
                yield of_all(built, title, name, troubles)


def troubled(lines: Sequence[str], seconds: float) -> Iterator[tuple[str, list[Trouble]]]:
    moments = random.Random(SEED)
    each = range(1, len(lines))
    boundaries = [number for number in each if lines[number - 1] != "sent"]
    network = f"network cut for {CUT_SECONDS} s"
    yield "killed after each line of the journal", [at_line(number, killed) for number in each]
    yield "killed at random moments", [anywhen(moments, seconds, killed) for _ in range(RANDOM)]
    yield f"{network} at each boundary", [at_line(number, cut) for number in boundaries]
    yield f"{network} at random moments", [anywhen(moments, seconds, cut) for _ in range(RANDOM)]


def undisturbed(built: System, name: str) -> tuple[list[str], float]:
    """The events of its journal, and how long it takes."""
    reset(built)
    play, started = Play(built, name, f"{name}-sound"), time.monotonic()
    end = play.played()["end"]
    assert not (bad := wrong(built, end)), bad
    return [line["event"] for line in play.journal()], time.monotonic() - started


def at_line(number: int, trouble: Trouble) -> Trouble:
    def wait(play: Play) -> None:
        assert play.process is not None
        while len(play.journal()) < number and play.process.poll() is None:
            time.sleep(0.01)
        trouble(play)

    return wait


def anywhen(moments: random.Random, seconds: float, trouble: Trouble) -> Trouble:
    moment = moments.uniform(0.5, seconds)

    def wait(play: Play) -> None:
        time.sleep(moment)
        trouble(play)

    return wait


def killed(play: Play) -> None:
    play.kill()


def cut(play: Play) -> None:
    for name in HOSTS:
        play.system.host(name).unplug()
    time.sleep(CUT_SECONDS)
    for name in HOSTS:
        play.system.host(name).plug_in()


def of_all(built: System, title: str, name: str, troubles: Sequence[Trouble]) -> Item:
    ends: dict[str, int] = {}
    bad: list[str] = []
    for number, trouble in enumerate(troubles, 1):
        reset(built)
        play = Play(built, name, f"{name}-{time.monotonic_ns()}")
        play.begin()
        trouble(play)
        end = gone_on(play)
        ends[end] = ends.get(end, 0) + 1
        bad += [f"{number}: {one}" for one in wrong(built, end)]
    told = ", ".join(f"{count} {end}" for end, count in sorted(ends.items()))
    measured = f"{told}; {len(bad)} wrong {'; '.join(bad[:5])}".strip()
    return Item(
        f"{name}: {title} ({len(troubles)} times)",
        measured,
        "done or undone, as the hosts show it; nothing sent twice that may not be",
        not bad,
    )


def gone_on(play: Play) -> str:
    """How it ended: what was killed is begun again."""
    assert play.process is not None
    if play.process.returncode is not None:
        if ended := [line for line in play.journal() if line["event"] == "ended"]:
            return str(ended[0]["end"])
        play.again()
    return str(play.result()["end"])


SHOWS = [broken_off]
