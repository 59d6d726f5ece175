"""Random catalogues of one item: chains, gaps, proofs that held and failed, clocks that jumped. Synthetic."""

import random
from dataclasses import replace
from datetime import datetime, timedelta

from tasks.backups.catalogue import Backup
from tasks.backups.manifest import Kind, Level
from tasks.backups.plan import Keep
from tests.unit.backups.histories import START, backup, proved


def history(chance: random.Random) -> tuple[list[Backup], datetime]:
    """Backups in the order they were made, and what the clock says now."""
    at, made, now = START, [], START
    step = timedelta(hours=chance.choice([1, 6, 24, 24 * 7]))
    between = chance.choice([Kind.LOG, Kind.INCREMENTAL, None])
    jumps = chance.random() < 0.3
    for number in range(1, chance.randint(1, 8) + 1):
        before: Backup | None = None
        for follows in range(chance.randint(1, 12) if between else 1):
            at += step * chance.choice([1, 1, 1, 1, 2, 30])
            jump = (
                timedelta(days=chance.choice([-9000, 20000]))
                if jumps and chance.random() < 0.05
                else 0 * step
            )
            kind = between if follows and between else Kind.FULL
            before = aged(chance, backup(at + jump, kind, (number, follows), before))
            made.append(before)
            now = max(now, at)
    lost = chance.random() < 0.2
    return [one for one in made if not (lost and chance.random() < 0.05)], now + timedelta(hours=3)


def aged(chance: random.Random, one: Backup) -> Backup:
    for after in range(chance.choice([0, 0, 1, 1, 2])):
        level = chance.choice([Level.L0, Level.L3, Level.L3])
        failed = "内容不同" if chance.random() < 0.2 else ""
        one = proved(one, level, failed, after + 2)
    return replace(one, digest=one.digest[:-1] + "0") if chance.random() < 0.01 else one


def keeps(chance: random.Random) -> Keep:
    amount = lambda: chance.choice([0, 0, 1, 2, 7])  # noqa: E731
    return Keep(daily=amount(), weekly=amount(), monthly=amount(), yearly=amount())
