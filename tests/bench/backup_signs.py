"""Signs of encryption and loss measured on synthetic series, and retention on random histories."""

import random
from collections.abc import Callable, Iterator

from tasks.backups.catalogue import Backup
from tasks.backups.chains import by_name, links, order, proven
from tasks.backups.manifest import Level
from tasks.backups.retention import future, retention
from tasks.backups.signs import judge
from tests.bench.show import Item, Show
from tests.unit.backups.random_histories import history, keeps
from tests.unit.backups.series import Office, emptied, encrypted, series

ORDINARY, HURT, HISTORIES = 300, 150, 10_000
# Of what is looked for: the least share of the series in which it has to be found.
WANTED: dict[str, tuple[Callable[[Office, list[Backup], float], Backup], float, float]] = {
    "encrypted whole": (encrypted, 1.0, 1.0),
    "encrypted by half": (encrypted, 0.5, 0.97),
    "encrypted by a quarter": (encrypted, 0.25, 0.9),
    "emptied": (emptied, 0.95, 0.97),
    "emptied by half": (emptied, 0.5, 0.9),
}


def ordinary() -> Iterator[Item]:
    """Each backup of each series is judged by those before it, as a morning would."""
    alarmed = judged = backups = alarms = 0
    for seed in range(ORDINARY):
        _, made = series(seed)
        found = [judge(one, made[:place]) for place, one in enumerate(made)]
        backups += len(found)
        judged += sum(one.enough for one in found)
        alarms += sum(bool(one.signs) for one in found)
        alarmed += any(one.signs for one in found)
    measured = f"{alarms} alarms over {judged} of {backups} backups judged, in {alarmed} of {ORDINARY} series"
    yield Item("signs: ordinary synthetic series", measured, "no alarm", alarms == 0)


def hurt() -> Iterator[Item]:
    for name, (how, share, least) in WANTED.items():
        found = 0
        for seed in range(1000, 1000 + HURT):
            office, made = series(seed, 45)
            found += bool(judge(how(office, made, share), made).signs)
        yield Item(
            f"signs: source {name}",
            f"flagged in {found} of {HURT} ({found / HURT:.1%})",
            f">= {least:.0%}",
            found / HURT >= least,
        )


def kept() -> Iterator[Item]:
    lost = broken = unproven = newer = deleted = 0
    for seed in range(HISTORIES):
        chance = random.Random(seed)
        made, now = history(chance)
        found = retention(made, keeps(chance), Level.L3, now)
        stays, known = {one.name for one in found.stays}, by_name(made)
        deleted += len(found.goes)
        good = [one for one in made if proven(one, Level.L3) and links(one, known)]
        unproven += bool(found.goes and not good)
        for by in (order, lambda one: one.manifest.started_at):
            if good:
                last = max(good, key=by)
                lost += not {one.name for one in links(last, known)} <= stays
                newer += any(by(one) > by(last) for one in found.goes)
        newer += any(future(one, now) for one in found.goes)
        broken += any(
            one.manifest.parent
            and one.manifest.parent.name in known
            and one.manifest.parent.name not in stays
            for one in found.stays
        )
    measured = (
        f"{deleted} deleted; last proven lost {lost}, chains broken {broken}, newer or future ones deleted "
        f"{newer}, deleted with nothing proven {unproven}"
    )
    yield Item(
        f"retention: {HISTORIES} random histories",
        measured,
        "0 of each, and something deleted",
        not (lost or broken or unproven or newer) and deleted > HISTORIES,
    )


SHOWS: list[Show] = [ordinary, hurt, kept]

if __name__ == "__main__":
    import sys

    from tests.bench.show import show

    sys.exit(show(SHOWS))
