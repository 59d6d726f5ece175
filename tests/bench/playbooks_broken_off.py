"""A change with steps that may not be done twice, broken off everywhere and gone on with, for `make
show-playbooks`: its process killed, the network cut, on three real hosts.
"""

import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.bench.show import Item
from tests.lab.hosts import missing
from tests.lab.played import Ordered, Play, untrue
from tests.lab.releases import release, reset, wrong
from tests.lab.services import HOSTS, System, system, write

RANDOM, SEED = 8, 2026
# A run is killed so often, so many lines apart: one that always is never comes to its end.
KILLS, STRIDE = 3, 7
CUT_SECONDS = 6
# Killed while it drains, nobody knows how far that came: nothing is sent again, and all of it is undone.
DRAINS = ("before", "stop-app@APP")
PLACES = [(event, f"stop-{name.lower()}@{name}") for name in HOSTS for event in ("before", "proved")]
Trouble = Callable[[Play], None]


def broken_off() -> Iterator[Item]:
    if why := missing():
        raise RuntimeError(why)
    with tempfile.TemporaryDirectory() as folder, system(Path(folder)) as built:
        yield by_command(built)
        for name, fails in (("release", False), ("release-fails", True)):
            write(built, release(built, name, fails), "changes")
            for title, troubles in troubled(*undisturbed(built, name)):
                yield of_all(built, title, name, troubles)


def by_command(built: System) -> Item:
    """`opsproof playbook run` killed, `opsproof playbook resume` after it, and what the book then says."""
    bad, ends = [], Counter[str]()
    for event, move in PLACES:
        built.bring("start")
        built.forget()
        before, play = built.state(), Ordered(built, "oa-stop")
        play.begin()
        play.reaches(event, move)
        play.kill()
        play.again()
        result = play.result()
        ends[result["end"]] += 1
        bad += [f"{event} {move}: {one}" for one in untrue(result, before, built.state())]
        # To stop what stops is no harm, and what was stopped is started where it is undone; nothing else may
        # come twice.
        undone = (event, move) == DRAINS
        orders = {name: 1 + (undone or move.endswith(f"@{name}")) for name in HOSTS}
        twice = [name for name, most in orders.items() if len(built.arrived(name)) > most]
        bad += [f"{event} {move}: {name} was told {built.arrived(name)}" for name in twice]
    told = ", ".join(f"{count} {end}" for end, count in sorted(ends.items()))
    return Item(
        f"oa-stop: opsproof killed at each boundary ({len(PLACES)} runs), gone on with by resume",
        f"{told}; {len(bad)} wrong {'; '.join(bad[:5])}".strip(),
        f"{len(PLACES) - 1} done, 1 undone, and what is recorded is so",
        not bad and ends == {"done": len(PLACES) - 1, "undone": 1},
    )


def troubled(lines: Sequence[str], seconds: float) -> Iterator[tuple[str, list[Trouble]]]:
    moments = random.Random(SEED)
    network = f"network cut for {CUT_SECONDS} s"
    boundaries = [number for number, line in enumerate(lines[:-1], 1) if line != "sent"]
    yield "killed after each line of the journal", [again_and_again(number) for number in firsts(len(lines))]
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
        if comes_to(play, number):
            trouble(play)

    return wait


def firsts(count: int) -> list[int]:
    """So that after each line some run is killed."""
    starts = range(1, count, KILLS * STRIDE)
    return [start + n for start in starts for n in range(STRIDE) if start + n < count]


def again_and_again(number: int) -> Trouble:
    """Killed, gone on with, killed again."""

    def wait(play: Play) -> None:
        for kill in range(KILLS):
            if not comes_to(play, number + kill * STRIDE):
                return
            play.kill()
            if ended(play):
                return
            play.again()

    return wait


def comes_to(play: Play, number: int) -> bool:
    """Or ends before."""
    assert play.process is not None
    while (there := len(play.journal())) < number and play.process.poll() is None:
        time.sleep(0.01)
    return there >= number


def ended(play: Play) -> str:
    return next((str(line["end"]) for line in play.journal() if line["event"] == "ended"), "")


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
    ends, kills = Counter[str](), 0
    bad: list[str] = []
    for number, trouble in enumerate(troubles, 1):
        reset(built)
        play = Play(built, name, f"{name}-{time.monotonic_ns()}")
        play.begin()
        trouble(play)
        end = gone_on(play)
        ends[end] += 1
        kills += play.kills
        bad += [f"{number}: {one}" for one in wrong(built, end)]
    told = ", ".join(f"{count} {end}" for end, count in sorted(ends.items()))
    died = f", killed {kills} times" if kills else ""
    measured = f"{told}{died}; {len(bad)} wrong {'; '.join(bad[:5])}".strip()
    return Item(
        f"{name}: {title} ({len(troubles)} runs)",
        measured,
        "done or undone, as the hosts show it; nothing sent twice that may not be",
        not bad,
    )


def gone_on(play: Play) -> str:
    """How it ended: what was killed is begun again."""
    assert play.process is not None
    code = play.process.returncode
    if code is not None and code <= 0:
        if end := ended(play):
            return end
        play.again()
    return str(play.result()["end"])


SHOWS = [broken_off]
