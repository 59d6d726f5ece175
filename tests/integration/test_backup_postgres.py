"""PostgreSQL backed up and proven on real servers: every kind of object, under load, to a point in time."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.backups.catalogue import Backup, Proved
from tasks.backups.manifest import Kind, Level
from tasks.backups.proof import prove
from tasks.backups.taking import take
from tests.lab.postgresql import Server, access, folder, missing, own, server
from tests.lab.postgresql_backups import Writing, allow, fill, subject

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())
METHODS = ("postgres-physical", "postgres-dump")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with server() as made:
        allow(made)
        elsewhere = made.folder.parent / "elsewhere"
        elsewhere.mkdir()
        own(elsewhere)
        fill(made, elsewhere)
        yield made


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the server's own user gets to."""
    with folder() as made:
        monkeypatch.setenv("OPSPROOF_HOME", str(made))
        yield made


def test_physical(at: Path, source: Server) -> None:
    place, identities, item = subject(at, source, "postgres-physical", sentinel=True)
    backup = take(place, item, Kind.FULL, access())
    assert backup.manifest.not_digested == {}
    proof = prove(place, backup, Level.L3, identities)
    assert (proof.failed, proof.unsure, proof.level) == ("", "", Level.L3)
    print(proof, len(backup.manifest.digests))
