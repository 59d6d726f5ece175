"""The whole way with Data Pump, on a synthetic Oracle at the command line (tests/lab/oracle_tools)."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.backups.manifest import Level
from tasks.errors import OpsError
from tests.bench.backup_damage import Subject, forged
from tests.lab.oracle_tools.made import Source
from tests.lab.oracle_tools.sql import select
from tests.lab.oracle_tools.world import World, world

DIRECTORIES = "select directory_name from dba_directories"
SCHEMAS = "select username from dba_users where username like 'OPSP%'"


@pytest.fixture
def erp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("OPSPROOF_HOME", str(tmp_path))
    made = world(tmp_path, method="oracle-datapump", between="nothing")
    verify = Source(made.verification, "VERIFY", dbid=4242)
    yield made
    assert made.left() == ["VERIFY"]
    assert select(verify.instance, SCHEMAS) == [] and select(verify.instance, DIRECTORIES) == []
    assert select(made.source.instance, DIRECTORIES) == []


def test_schemas_are_proven_to_l3(erp: World) -> None:
    backup = erp.take()
    erp.source.order(9999)  # after its SCN
    assert json.loads(backup.manifest.facts["schemas"]) == ["APP", "HR"]
    proof = erp.prove(backup)
    assert (proof.failed, proof.unsure, proof.level) == ("", "", Level.L3)
    assert proof.rows > 120


@pytest.mark.parametrize("fault", ["pump_errors", "pump_stopped", "silent", "pump_row_lost", "disk_full"])
def test_an_export_that_is_not_whole_is_none(erp: World, fault: str) -> None:
    erp.production.fault(fault)
    with pytest.raises(OpsError, match=r"expdp|行数"):
        erp.take()
    assert erp.place.catalogue.all() == []


def test_an_import_with_errors_is_unsound(erp: World) -> None:
    backup = erp.take()
    erp.verification.fault("pump_errors")
    assert "ORA-31693" in erp.prove(backup).failed
    erp.verification.fault("compiled")  # a procedure that lost what it refers to
    assert erp.prove(backup).level is Level.L3


def test_an_import_whose_worker_died_is_unsound_and_not_waited_for(erp: World) -> None:
    backup = erp.take()
    erp.verification.fault("pump_stuck")
    started = time.monotonic()
    assert "ORA-39776" in erp.prove(backup).failed and time.monotonic() - started < 45


def test_refused_into_production_itself(erp: World) -> None:
    """The same DBID under another host's name: a copy, or production moved."""
    backup = erp.take()
    erp.verification.fault()
    control = erp.verification.folder / "oradata" / "VERIFY" / "control01.ctl"
    said = control.read_text()
    control.write_text(said.replace('"dbid": 4242', '"dbid": 1234567890'))
    proof = erp.prove(backup)
    assert "DBID" in proof.unsure and not proof.failed
    control.write_text(said)


def test_refused_beside_another_instance(erp: World) -> None:
    backup = erp.take()
    Source(erp.verification, "PROD2", dbid=99)
    assert "PROD2" in erp.prove(backup).unsure
    (erp.verification.folder / "dbs" / "PROD2.json").unlink()


def test_files_under_each_others_names_are_no_export_of_ours(erp: World) -> None:
    """Every stored digest fits; an import would take them as they are."""
    backup = erp.take()
    said = subject(erp)
    first, second = said.plain(backup).values()
    swapped = forged(said, [backup], 0, {"d_01.dmp": second, "d_02.dmp": first})
    proof = erp.prove(swapped)
    assert "d_01.dmp d_02.dmp" in proof.failed and proof.level is Level.L0
    one = forged(said, [backup], 0, {"d_01.dmp": first})
    assert "d_02.dmp" in erp.prove(one).failed


def subject(erp: World) -> Subject:
    return Subject(
        name="oracle-datapump",
        place=erp.place,
        identities=erp.identities,
        item=erp.item,
        access=erp.access,
        change=lambda: None,
    )
