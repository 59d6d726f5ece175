"""A clock far ahead, and a state folder that cannot be written or is full."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.show import Item
from tests.bench.typed import House, Said

UNPUBLISHED = "节假日数据未发布"


def clock_needs() -> str:
    return "" if shutil.which("faketime") else "the program faketime is not installed"


def mounts_need() -> str:
    if os.geteuid():
        return "mounting needs root"
    works = subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode == 0
    return "" if works else "no mount namespaces here"


def active_house(folder: Path) -> House:
    house = House(folder)
    assert house.run("inventory", "activate", "local", "--yes").code == 0
    return house


def clocks(folder: Path, days: tuple[str, ...] = ("2027-03-01", "2038-02-01")) -> Iterator[Item]:
    """2038-01-19 is where 32 bits of seconds end. One record is written on each of the days."""
    house = active_house(folder)
    for day in days:
        expected = {
            ("inventory", "check"): (0, ""),
            ("plan", "list", "--contract", "local"): (0, UNPUBLISHED),
            ("run", "inspection", "--contract", "local"): (1, ""),
            ("record", "verify"): (0, ""),
            ("calendar", "show", day[:4]): (0, UNPUBLISHED),
            ("calendar", "check"): (1, "未发布"),
            ("plan", "check"): (1, "系统时钟跳变"),
        }
        said = {words: house.run(*words, before=("faketime", f"{day} 09:00:00")) for words in expected}
        failures = [
            f"{' '.join(words)}: exit {said[words].code} {said[words].err[-160:]!r}"
            for words, (code, text) in expected.items()
            if said[words].code != code or text not in said[words].text or said[words].crashed
        ]
        measured = f"{len(expected)} commands, comparison refused the flood, nothing written by it"
        yield Item(
            f"the clock at {day}", " · ".join([measured, *failures]), "right codes, 未发布 said", not failures
        )
    again = [house.run("record", "verify"), house.run("run", "inspection", "--contract", "local")]
    again.append(house.run("record", "verify"))
    records = json.loads(house.run("record", "list", "--json").out)
    ok = [one.code for one in again] == [0, 1, 0] and len(records) == len(days) + 2
    measured = f"{len(records)} records, exits {[one.code for one in again]}"
    yield Item("back at today's clock", measured, "the book verifies, a run is recorded", ok)


WRITING = (
    ("run", "inspection", "--contract", "local"),
    ("up",),
    ("inventory", "deactivate", "local", "--yes"),
    ("operator", "add", "甲", "--role", "reader", "--no-confirm"),
)
READING = (
    ("record", "list"),
    ("record", "show", "local", "1"),
    ("record", "verify"),
    ("record", "head"),
    ("plan", "list"),
    ("inventory", "check"),
    ("checks", "list"),
)


def read_only_state(folder: Path) -> Iterator[Item]:
    house = active_house(folder)
    house.run("run", "inspection", "--contract", "local")
    frozen = ("unshare", "-m", "sh", "-c")
    mounted = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
    before = (*frozen, mounted, str(house.home))
    refused = {words: house.run(*words, before=before) for words in WRITING}
    failures = [
        f"{' '.join(words)}: exit {said.code} {said.err[-160:]!r}"
        for words, said in refused.items()
        if said.code != 2 or not said.sentence
    ]
    read = {words: house.run(*words, before=before) for words in READING}
    copy = ("book", "backup", str(folder / "copy"))
    read[copy] = house.run(*copy, before=before)
    failures += [
        f"{' '.join(words)}: exit {said.code} {said.err[-160:]!r}"
        for words, said in read.items()
        if said.code != 0 or said.crashed
    ]
    measured = f"{len(WRITING)} writing commands refused, {len(read)} reading ones work, backup elsewhere too"
    target = "one sentence and exit 2; reading works"
    yield Item("a read-only state folder", " · ".join([measured, *failures]), target, not failures)


@contextmanager
def small_disk(place: Path, megabytes: int) -> Iterator[Path]:
    place.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", place], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def fill(path: Path, spare: int) -> None:
    """Until nothing more fits but `spare` bytes."""
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(65536))
        except OSError:
            file.truncate(max(0, file.tell() - spare))


def full_state(folder: Path) -> Iterator[Item]:
    """Quite full, then with a little room, so that it fails at another step each time."""
    run = ("run", "inspection", "--contract", "local")
    with small_disk(folder / "home", 16):
        house = active_house(folder)
        said: list[Said] = []
        for spare in (0, 8192, 40960, 131072):
            fill(house.home / "filler", spare)
            said.append(house.run(*run))
            (house.home / "filler").unlink()
        after = [house.run(*run), house.run("record", "verify")]
    failures = [
        f"exit {one.code} {one.err[-200:]!r}"
        for one in said
        if one.crashed or not (one.code == 1 or (one.code == 2 and one.sentence))
    ]
    full = sum(one.code == 2 and one.sentence and "磁盘已满" in one.err for one in said)
    ok = not failures and full >= 3 and [one.code for one in after] == [1, 0]
    measured = f"{full} of {len(said)} runs refused, afterwards exits {[one.code for one in after]}"
    target = "refused in one sentence; later it works and verifies"
    yield Item("a full state folder", " · ".join([measured, *failures]), target, ok)
