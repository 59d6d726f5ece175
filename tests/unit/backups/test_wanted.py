"""Which backup a restore reads: by name, the newest of an item, the one that covers a moment; rebuilding."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tasks.backups import manifest as manifests
from tasks.backups.catalogue import PROVED, Backup, proof_key
from tasks.backups.manifest import FILE, Kind, Level
from tasks.backups.rebuilding import difference, rebuild
from tasks.backups.taking import Place
from tasks.backups.wanted import moment, picked
from tasks.errors import Refused
from tests.unit.backups.histories import START, backup, chain, proved
from tests.unit.backups.places import place

DAY = timedelta(days=1)


@pytest.fixture
def made(tmp_path: Path) -> Place:
    return place(tmp_path)[0]


def stored(made: Place, *backups: Backup) -> list[Backup]:
    for one in backups:
        made.catalogue.add(one)
    return made.catalogue.all()


def logs(made: Place, number: int, length: int) -> list[Backup]:
    """A chain as it lies in a catalogue, whose digests are of manifests as they are written."""
    found: list[Backup] = []
    for one in chain(START + (number - 1) * 7 * DAY, number, length, Kind.LOG):
        parent = manifests.Parent(found[-1].name, found[-1].digest) if found else None
        manifest = replace(one.manifest, parent=parent)
        digest = manifests.digest_of(manifests.write(manifest))
        found.append(Backup(manifest, digest, ("vault",)))
    return stored(made, *found)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("2026-05-01 08:30", "time"),
        ("2026-05-01T08:30:00+08:00", "time"),
        ("3E11FA47-71CA-11E1-9E33-C80AA9429562:1-5", "gtid"),
        ("0-1-123", "gtid"),
        ("16/B374D848", "lsn"),
        ("1234567", "scn"),
    ],
)
def test_a_moment_is_known_by_how_it_is_written(said: str, kind: str) -> None:
    assert list(moment(said)) == [kind]


def test_what_is_no_moment() -> None:
    assert moment("") == {}
    with pytest.raises(Refused, match="无法识别"):
        moment("yesterday")


def test_by_name_and_by_item(made: Place) -> None:
    one, two = stored(made, backup(START), backup(START + DAY, version=(2, 0)))
    assert picked(made, one.name, {}) == one
    assert picked(made, "app-db", {}) == picked(made, "app", {}) == two
    made.catalogue.add(proved(two, failed="内容不同"))
    assert picked(made, "app-db", {}).name == one.name, "one that failed is not offered by itself"
    assert picked(made, two.name, {}).name == two.name, "but by its name"
    with pytest.raises(Refused):
        picked(made, "nothing", {})


def test_a_target_of_two_jobs_has_to_be_named_by_one(made: Place) -> None:
    stored(made, backup(START), backup(START + DAY, item=("other", "app-db")))
    with pytest.raises(Refused, match="多个备份任务"):
        picked(made, "app-db", {})
    assert picked(made, "other", {}).item == ("other", "app-db")


def test_the_first_log_that_goes_as_far(made: Place) -> None:
    first = logs(made, 1, 5)
    at = (START + 2 * DAY + timedelta(hours=5)).isoformat()
    assert picked(made, "app", {"time": at}) == first[3]
    beyond = (START + 60 * DAY).isoformat()
    assert picked(made, "app", {"time": beyond}) == first[5], "as far as there is anything"
    with pytest.raises(Refused):
        picked(made, "app", {"time": (START - DAY).isoformat()})


def test_rebuilding_takes_nothing_out_that_may_lie_where_nobody_looked(made: Place) -> None:
    here, away = stored(made, backup(START), backup(START + DAY, version=(2, 0), stores=("away",)))
    content = manifests.write(here.manifest)
    made.stores["vault"].put(f"{here.manifest.folder}/{FILE}", [content])
    new = replace(here.manifest, chain=7)
    made.stores["vault"].put(f"{new.folder}/{FILE}", [manifests.write(new)])
    made.stores["vault"].put(f"lab/app-db/strange/{FILE}", [b"{}"])
    found = difference(made, ["away 未挂载"], lambda backup, proof: True)
    assert [(one.what, one.backup.name) for one in found.changes] == [("new", new.name)]
    assert len(found.problems) == 2
    rebuild(made.catalogue, found)
    assert {one.name for one in made.catalogue.all()} == {here.name, away.name, new.name}


def test_a_proof_that_the_book_does_not_know_of_is_not_believed(made: Place) -> None:
    """Whoever can write to storage could write there that a backup was proven."""
    one = backup(START)
    forged = proved(one).proofs[-1]
    vault = made.stores["vault"]
    vault.put(f"{one.manifest.folder}/{FILE}", [manifests.write(one.manifest)])
    vault.put(proof_key(one.manifest, forged), [PROVED.dump_json(forged)])
    believed = difference(made, [], lambda backup, proof: True)
    assert [(each.backup.level, believed.problems) for each in believed.changes] == [(Level.L3, ())]
    found = difference(made, [], lambda backup, proof: False)
    assert [each.backup.level for each in found.changes] == [Level.NONE]
    assert "不予采信" in found.problems[0]
