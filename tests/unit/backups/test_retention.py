"""What stays and what goes: the invariants over random histories, and an end at every step of deleting."""

import random
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.backups import manifest as manifests
from tasks.backups.catalogue import Backup, from_storage
from tasks.backups.chains import by_name, links, order, proven
from tasks.backups.manifest import FILE, Kind, Level
from tasks.backups.plan import Keep
from tasks.backups.removing import remove
from tasks.backups.retention import Retention, future, retention
from tasks.backups.taking import Place, clear_dead
from tasks.storage import Kept, Store, Stored
from tests.unit.backups.histories import START, backup, chain, proved
from tests.unit.backups.places import place
from tests.unit.backups.random_histories import history, keeps

DAY = timedelta(days=1)
L3 = Level.L3


def names(found: Iterable[Backup]) -> list[str]:
    return [one.name for one in found]


def daily(days: int, last_proven: int) -> list[Backup]:
    made = [backup(START + day * DAY, version=(day + 1, 0)) for day in range(days)]
    made[last_proven] = proved(made[last_proven])
    return made


def holds(backups: list[Backup], found: Retention, now: datetime) -> None:
    """What has to be true of every retention."""
    known, stays = by_name(backups), set(names(found.stays))
    good = [one for one in backups if proven(one, L3) and links(one, known)]
    assert len(found.verdicts) == len(backups)
    assert all(one.why for one in found.verdicts)
    if not good:
        assert not found.goes
        return
    for by in (order, lambda one: one.manifest.started_at):
        last = max(good, key=by)
        assert {one.name for one in links(last, known)} <= stays
        assert all(one.name in stays for one in backups if by(one) > by(last))
    assert all(one.name in stays for one in backups if future(one, now))
    for one in found.stays:
        assert one.manifest.parent is None or one.manifest.parent.name in stays | (
            {one.manifest.parent.name} - set(known)
        )
    gone: set[str] = set()
    for one in found.goes:
        children = [
            child.name
            for child in backups
            if child.manifest.parent and child.manifest.parent.name == one.name
        ]
        assert set(children) <= gone
        gone.add(one.name)


def test_days_weeks_and_months() -> None:
    made = daily(60, 59)
    now = made[-1].manifest.started_at + timedelta(hours=9)
    found = retention(made, Keep(daily=7, weekly=4, monthly=2, yearly=0), L3, now)
    holds(made, found, now)
    stays = [one.manifest.started_at.date() for one in found.stays]
    last = made[-1].manifest.started_at.date()
    assert [day for day in stays if (last - day).days < 7] == [last - n * DAY for n in range(6, -1, -1)]
    assert len(stays) <= 7 + 4 + 2
    assert max(day for day in stays if day.month == 3).day == 31


def test_nothing_goes_where_nothing_was_proven() -> None:
    made = [backup(START + day * DAY, version=(day + 1, 0)) for day in range(90)]
    now = START + 90 * DAY
    assert retention(made, Keep(daily=1, weekly=0, monthly=0), L3, now).goes == []
    only_bytes = [proved(one, Level.L0) for one in made]
    assert retention(only_bytes, Keep(daily=1, weekly=0, monthly=0), L3, now).goes == []


def test_nothing_newer_than_the_last_proven_goes() -> None:
    made = daily(60, 20)
    found = retention(made, Keep(daily=1, weekly=0, monthly=0), L3, START + 60 * DAY)
    assert names(found.stays) == names(made[20:])
    failed = [*made[:59], proved(made[59], failed="内容不同")]
    assert made[20].name in names(retention(failed, Keep(daily=1), L3, START + 60 * DAY).stays)


def test_backups_that_stop_do_not_run_out() -> None:
    made = daily(10, 9)
    years_later = START + 2000 * DAY
    assert len(retention(made, Keep(daily=7, weekly=0, monthly=0), L3, years_later).stays) == 7


def test_a_chain_goes_whole_and_its_logs_stay_with_it() -> None:
    first, second = chain(START, 1, 6, Kind.LOG), chain(START + 7 * DAY, 2, 6, Kind.LOG)
    first[3], second[2] = proved(first[3]), proved(second[2])
    now = START + 15 * DAY
    found = retention([*first, *second], Keep(daily=2, weekly=0, monthly=0), L3, now)
    assert names(found.goes) == names(reversed(first))
    kept = retention([*first, *second], Keep(daily=0, weekly=2, monthly=0), L3, now)
    assert kept.goes == []  # the proven one stands for its week, and the logs behind it stay


def test_a_clock_that_jumped() -> None:
    made = daily(30, 29)
    wrong = proved(backup(datetime(2099, 1, 1, tzinfo=START.tzinfo), version=(31, 0)))
    now = START + 31 * DAY
    found = retention([*made, wrong], Keep(daily=1, weekly=0, monthly=0), L3, now)
    assert {wrong.name, made[29].name} <= set(names(found.stays))
    early = backup(datetime(2001, 1, 1, tzinfo=START.tzinfo), version=(31, 0))
    assert early.name in names(retention([*made, early], Keep(daily=1), L3, now).stays)


def test_a_broken_chain_is_left_to_people() -> None:
    links_ = chain(START, 1, 3)
    whole = proved(backup(START + 5 * DAY, version=(2, 0)))
    found = retention([*links_[1:], whole], Keep(daily=1, weekly=0, monthly=0), L3, START + 9 * DAY)
    assert found.goes == []


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32))
def test_what_holds_of_every_history(seed: int) -> None:
    chance = random.Random(seed)
    made, now = history(chance)
    holds(made, retention(made, keeps(chance), L3, now), now)


class Died(BaseException):
    """As kill -9: nothing is undone."""


class Dying:
    """A store whose `fatal`-th call never comes back."""

    def __init__(self, store: Store, fatal: int) -> None:
        self.store, self.left, self.dead = store, fatal, False

    def step(self) -> None:
        self.left -= 1
        if self.left < 0:
            self.dead = True
            raise Died

    def delete(self, key: str) -> None:
        self.step()
        self.store.delete(key)
        self.step()

    def objects(self, prefix: str) -> Iterator[Stored]:
        self.step()
        return self.store.objects(prefix)

    def __getattr__(self, name: str) -> object:
        return getattr(self.store, name)


def stocked(folder: Path) -> tuple[Place, list[Backup]]:
    """Two chains in two stores, each object with some bytes."""
    stores = {name: {"kind": "folder", "path": name, "keep_free": 0} for name in ("vault", "second")}
    made, _ = place(folder, stores=stores)
    found = []
    for number in (1, 2):
        before: Backup | None = None
        for step in range(3):
            one = backup(
                START + ((number - 1) * 7 + step) * DAY,
                Kind.INCREMENTAL if step else Kind.FULL,
                (number, step),
                before,
                stores=("vault", "second"),
            )
            content = manifests.write(one.manifest)
            for store in made.stores.values():
                for member in one.manifest.members:
                    store.put(one.manifest.key(member), [b"data"])
                store.put(f"{one.manifest.folder}/{FILE}", [content])
            before = replace(one, digest=manifests.digest_of(content))
            made.catalogue.add(before)
            found.append(before)
    return made, found


def whole_everywhere(made: Place) -> None:
    """What is on offer, by the catalogue and by storage alone, is there with all that it needs."""
    listed = made.catalogue.all()
    for one in listed:
        made.catalogue.chain(one)
        for store in one.stores:
            keys = [f"{one.manifest.folder}/{FILE}", *map(one.manifest.key, one.manifest.members)]
            assert all(made.stores[store].stat(key) for key in keys), (one.name, store)
    rebuilt = {one.name: one for one in from_storage("lab", made.stores)}
    assert {one.name: set(one.stores) for one in listed} == {
        name: set(one.stores) for name, one in rebuilt.items()
    }


@pytest.mark.parametrize("fatal", range(15))
def test_an_end_at_every_step_leaves_what_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fatal: int
) -> None:
    made, backups = stocked(tmp_path)
    dying = Dying(made.stores["second"], fatal)
    breaking = replace(made, stores={"vault": made.stores["vault"], "second": dying})  # type: ignore[dict-item]
    with pytest.raises(Died):
        list(remove(breaking, backups[2::-1]))
    for one in from_storage("lab", made.stores):  # before anything is mended
        for store in one.stores:
            assert all(made.stores[store].stat(one.manifest.key(member)) for member in one.manifest.members)
    clear_dead(made)
    whole_everywhere(made)
    list(remove(made, [one for one in backups[2::-1] if one.name in names(made.catalogue.all())]))
    assert names(made.catalogue.all()) == names(backups[3:])
    left = [one.key for store in made.stores.values() for one in store.objects("lab/")]
    assert not any(one.name in key for key in left for one in backups[:3])
    assert list((made.home.backups / "lab" / "running").iterdir()) == []


class Locking:
    def __init__(self, store: Store, locked: str) -> None:
        self.store, self.locked = store, locked

    def delete(self, key: str) -> None:
        if self.locked in key:
            raise Kept("2030-01-01")
        self.store.delete(key)

    def __getattr__(self, name: str) -> object:
        return getattr(self.store, name)


def test_what_the_store_locks_stays_whole_with_what_it_needs(tmp_path: Path) -> None:
    made, backups = stocked(tmp_path)
    locked = Locking(made.stores["second"], backups[1].name)
    made = replace(made, stores={"vault": made.stores["vault"], "second": locked})  # type: ignore[dict-item]
    told = list(remove(made, backups[2::-1]))
    assert [(one.store, bool(one.problem)) for one in told] == [
        ("vault", False),
        ("second", False),
        ("vault", False),
        ("second", True),
        ("vault", True),
        ("second", True),
    ]
    assert "锁定" in told[3].problem
    assert made.catalogue.named(backups[1].name).stores == ("second",)
    assert made.catalogue.named(backups[0].name).stores == ("vault", "second")
    whole_everywhere(made)
