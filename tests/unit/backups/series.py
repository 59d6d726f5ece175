"""Made-up weeks of backups of one item, ordinary ones and such that something happened to. Synthetic: sizes
grow, breathe with the week and scatter as they do in offices; no real server stood for them."""

import random
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256

from tasks.backups.catalogue import Backup
from tasks.backups.digests import Digest
from tasks.backups.manifest import Kind
from tests.unit.backups.histories import START, backup


@dataclass
class Office:
    """One database: how it grows, how it scatters, how much moves on a working day."""

    chance: random.Random

    def __post_init__(self) -> None:
        pick = self.chance
        self.size = 10 ** pick.uniform(7.5, 11)
        self.growth = pick.choice([0, 0.0005, 0.002, 0.01])
        self.noise = pick.choice([0.001, 0.01, 0.03])
        self.packed = pick.uniform(0.1, 0.7)
        self.moves = 10 ** pick.uniform(-3, -1)
        self.scatter = pick.uniform(0.1, 0.6)
        self.weekend = pick.choice([1, 0.3, 0.02])
        tables = pick.randint(3, 120)
        self.rows = {f"t{n}": int(10 ** pick.uniform(0, 6)) for n in range(tables)}
        self.busy = [name for name in self.rows if pick.random() < pick.uniform(0.2, 0.9)]
        self.month_end = pick.choice([1, 1, 3])

    def day(self, number: int) -> None:
        self.size *= 1 + self.growth * self.chance.uniform(0.3, 1.7)
        weekend = (START + timedelta(days=number)).weekday() >= 5
        self.moved = (
            self.moves * (self.weekend if weekend else 1) * self.chance.lognormvariate(0, self.scatter)
        )
        if number % 30 == 29:
            self.moved *= self.month_end
        self.touched = [name for name in self.busy if not weekend or self.chance.random() < self.weekend]
        for name in self.touched:
            self.rows[name] += self.chance.randint(0, 1 + self.rows[name] // 200)
        if self.chance.random() < 0.02:  # a release adds a table or two
            for extra in range(self.chance.randint(1, 2)):
                self.rows[f"new{number}-{extra}"] = self.chance.randint(0, 1000)

    def taken(self, number: int, kind: Kind, version: tuple[int, int], parent: Backup | None) -> Backup:
        full = self.size * self.chance.lognormvariate(0, self.noise)
        size = int(full if kind is Kind.FULL else full * min(self.moved, 1))
        packed = min(max(self.packed + self.chance.gauss(0, 0.01), 0.02), 1)
        made = backup(
            START + timedelta(days=number),
            kind,
            version,
            parent,
            size=max(size, 1),
            stored=max(int(size * packed), 1),
        )
        digests = tuple(
            Digest(
                "rows",
                name,
                sha256(f"{name} {count} {name in self.touched and number}".encode()).hexdigest(),
                count,
            )
            for name, count in sorted(self.rows.items())
        )
        return replace(made, manifest=replace(made.manifest, digests=digests))


def series(seed: int, days: int = 60) -> tuple[Office, list[Backup]]:
    """Daily full ones, or a full one a week and increments between."""
    office = Office(random.Random(seed))
    weekly = seed % 2 == 1
    made: list[Backup] = []
    number = follows = 0
    for day in range(days):
        office.day(day)
        full = not weekly or day % 7 == 6 or not made
        number, follows = (number + 1, 0) if full else (number, follows + 1)
        kind = Kind.FULL if full else Kind.INCREMENTAL
        made.append(office.taken(day, kind, (number, follows), None if full else made[-1]))
    return office, made


def next_one(
    office: Office, made: list[Backup], day: int
) -> tuple[int, Kind, tuple[int, int], Backup | None]:
    last = made[-1].manifest
    if last.number == 0 and made[-2].manifest.number == 0:
        return day, Kind.FULL, (last.chain + 1, 0), None
    return day, Kind.INCREMENTAL, (last.chain, last.number + 1), made[-1]


def encrypted(office: Office, made: list[Backup], share: float) -> Backup:
    """So much of its bytes is noise now, and was written since the last backup."""
    day = len(made)
    office.day(day)
    office.moved = min(office.moved + share, 1)
    office.packed = office.packed * (1 - share) + share
    rows = sorted(office.rows, key=lambda name: office.rows[name])
    office.touched = list({*office.touched, *rows[: int(len(rows) * share)]})
    return office.taken(*next_one(office, made, day))


def emptied(office: Office, made: list[Backup], share: float) -> Backup:
    """So much of it is gone."""
    day = len(made)
    office.day(day)
    office.size *= 1 - share
    kept = sorted(office.rows)[: max(int(len(office.rows) * (1 - share)), 1)]
    office.rows = {name: office.rows[name] for name in kept}
    return office.taken(*next_one(office, made, day))
