"""The whole way with RMAN, on a synthetic Oracle at the command line (tests/lab/oracle_tools): taken, carried
off, brought back, validated, restored, opened, compared. It shows our side; no Oracle ran here."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tasks.backups.manifest import Kind, Level
from tasks.backups.oracle.staging import MARKER
from tasks.backups.plan import Item
from tasks.errors import OpsError
from tasks.model import Instance
from tests.bench.backup_damage import Subject, forged
from tests.bench.backup_oracle import other_database
from tests.lab.oracle_tools.made import Source
from tests.lab.oracle_tools.world import World, world


@pytest.fixture
def erp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("OPSPROOF_HOME", str(tmp_path))
    made = world(tmp_path)
    yield made
    assert made.left() == []


def test_a_chain_is_proven_to_l3(erp: World) -> None:
    full = erp.take()
    proof = erp.prove(full)
    assert (proof.failed, proof.unsure, proof.level) == ("", "", Level.L3)
    assert proof.rows > 120 and proof.seconds > 0
    erp.source.order(1000)
    erp.source.run('delete from "APP"."ORDERS" where "ID" = 7')
    increment = erp.take(Kind.INCREMENTAL)
    assert increment.manifest.kind is Kind.INCREMENTAL and increment.manifest.size < full.manifest.size
    erp.source.order(1001)
    logs = erp.take(Kind.LOG)
    erp.source.order(1002)  # after the point: not in it
    proof = erp.prove(logs)
    assert (proof.failed, proof.unsure, proof.level) == ("", "", Level.L3)
    assert "HR.PEOPLE.DOC" in logs.manifest.not_digested


def test_what_is_left_of_a_failed_one(erp: World) -> None:
    erp.production.fault("disk_full")
    with pytest.raises(OpsError, match="ORA-19502"):
        erp.take()
    assert erp.left() == [] and list(erp.place.stores["vault"].objects("")) == []


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("stack_exit_0", "ORA-19566"),
        ("fra_full", "ORA-19809"),
        ("killed", "没有给出可以确认成功的结果|rman 失败"),
        ("silent", "没有给出可以确认成功的结果"),
    ],
)
def test_a_backup_that_rman_did_not_finish_is_none(erp: World, fault: str, words: str) -> None:
    erp.production.fault(fault)
    with pytest.raises(OpsError, match=words):
        erp.take()
    assert list(erp.place.stores["vault"].objects("")) == [] and erp.place.catalogue.all() == []


def test_one_that_hangs_is_ended(erp: World) -> None:
    erp.production.fault("hang")
    job = erp.item.job.model_copy(update={"programs": {**erp.item.job.programs, "quiet": "0.03"}})
    erp.item = Item(job, erp.item.target)
    with pytest.raises(OpsError, match=r"没有任何输出|秒"):
        erp.take()


def test_a_warning_is_no_failure(erp: World) -> None:
    erp.production.fault("warning")
    assert erp.prove(erp.take()).level is Level.L3


def test_a_level_0_of_somebody_else_begins_a_new_chain(erp: World) -> None:
    erp.take()
    erp.source.order(5000)
    erp.production.fault("foreign_level_0")
    assert erp.take(Kind.INCREMENTAL).manifest.kind is Kind.FULL


def test_a_log_that_was_deleted_begins_a_new_chain(erp: World) -> None:
    first = erp.take()
    for number in range(3):
        erp.source.order(6000 + number)
        erp.source.switch()
    logs = erp.source.read()["archived"]
    erp.source.set(archived=[log for log in logs if log is not logs[-2]])
    assert erp.take(Kind.LOG).manifest.chain == first.manifest.chain + 1


def test_the_records_of_a_full_backup_do_not_stay(erp: World) -> None:
    job = erp.item.job.model_copy(update={"between": "nothing"})
    erp.item = Item(job, erp.item.target)
    erp.take()
    assert erp.source.read()["backups"] == []


def test_what_does_not_fit_the_staging_is_refused(erp: World) -> None:
    load = erp.item.job.load.model_copy(update={"staging": 10_000})
    erp.item = Item(erp.item.job.model_copy(update={"load": load}), erp.item.target)
    with pytest.raises(OpsError, match="大于暂存上限"):
        erp.take()


def test_a_standby_is_backed_up_where_it_may_be(erp: World) -> None:
    with pytest.raises(OpsError, match="没有登记备库"):
        erp.item = Item(erp.item.job.model_copy(update={"side": "standby"}), erp.item.target)
        erp.take()
    standby = Instance(name="ORCL", host="db1", role="standby")
    erp.item = Item(erp.item.job, replace(erp.item.target, instances=(standby,)))
    with pytest.raises(OpsError, match="PRIMARY"):
        erp.take()
    erp.source.switch()
    control = erp.source.read()
    erp.source.set(role="PHYSICAL STANDBY", open_mode="READ ONLY WITH APPLY", scn=control["scn"] - 1)
    proof = erp.prove(erp.take())
    assert (proof.failed, proof.unsure, proof.level) == ("", "", Level.L3)


def test_a_sentinel_comes_back(erp: World) -> None:
    job = erp.item.job
    programs = {**job.programs, "sentinel": "APP.OPS_SENTINEL"}
    erp.item = Item(job.model_copy(update={"sentinel": True, "programs": programs}), erp.item.target)
    backup = erp.take()
    assert backup.manifest.sentinel and erp.prove(backup).level is Level.L3


def test_no_other_table_is_taken_for_the_sentinels(erp: World) -> None:
    """Its rows are deleted: neither a table that holds something else nor one that is not there."""
    job = erp.item.job
    for table in ("APP.ORDERS", "APP.NOWHERE", "OPS_SENTINEL"):
        programs = {**job.programs, "sentinel": table}
        erp.item = Item(job.model_copy(update={"sentinel": True, "programs": programs}), erp.item.target)
        with pytest.raises(OpsError, match="只有 VALUE 一列"):
            erp.take()
    erp.item = Item(job, erp.item.target)
    assert erp.prove(erp.take()).level is Level.L3


# Safety of the ladder.


def test_refused_on_a_host_of_production(erp: World) -> None:
    backup = erp.take()
    erp.verification.program("uname", "#!/bin/sh\necho DB1.example.org\n")
    proof = erp.prove(backup)
    assert "就是生产主机" in proof.unsure and proof.level is Level.L0 and not proof.failed


def test_refused_beside_another_instance(erp: World) -> None:
    backup = erp.take()
    Source(erp.verification, "PROD2", dbid=99)
    proof = erp.prove(backup)
    assert "PROD2" in proof.unsure and proof.level is Level.L0
    assert erp.verification.running() == ["PROD2"]
    (erp.verification.folder / "dbs" / "PROD2.json").unlink()


def test_refused_where_nobody_could_look(erp: World) -> None:
    backup = erp.take()
    erp.verification.program("ps", "#!/bin/sh\nexit 1\n")
    assert erp.prove(backup).unsure


def test_refused_with_another_recovery_area_than_its_own(erp: World) -> None:
    backup = erp.take()
    erp.verification.fault("keeps_recovery")
    proof = erp.prove(backup)
    assert "db_recovery_file_dest" in proof.unsure and proof.level is Level.L0


def test_another_database_is_no_backup_of_this_one(erp: World) -> None:
    backup = erp.take()
    erp.verification.fault("other_dbid")
    proof = erp.prove(backup)
    assert "DBID" in proof.failed and proof.level is Level.L0


def test_a_failed_file_without_a_stack_is_noticed(erp: World) -> None:
    backup = erp.take()
    erp.verification.fault("failed_no_stack")
    proof = erp.prove(backup)
    assert "FAILED" in proof.failed and proof.level is Level.L0


def test_a_disk_of_ours_that_is_full_tells_nothing_of_the_backup(erp: World) -> None:
    backup = erp.take()
    erp.verification.fault("disk_full_restoring")
    proof = erp.prove(backup)
    assert "ORA-19502" in proof.unsure and not proof.failed and proof.level is Level.L1


def test_opened_with_new_logs_where_read_only_is_not_had(erp: World) -> None:
    backup = erp.take()
    erp.verification.fault("needs_resetlogs")
    assert erp.prove(backup).level is Level.L3


def test_without_a_verification_host_it_is_not_known(erp: World) -> None:
    erp.place = replace(erp.place, elsewhere=None)
    assert "没有验证主机" in erp.prove(erp.take()).unsure


def test_what_killed_runs_left_is_cleared_by_the_next(erp: World) -> None:
    """A run that is killed leaves its folder and its instance; only what has our marker goes."""
    backup = erp.take()
    root = erp.verification.folder / "proof"
    foreign = root / "opsproof-0123456789ab"
    foreign.mkdir(parents=True)
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from tests.lab.oracle_tools import world as w\n"
        "w.Home.__init__ = lambda self, folder, hostname: setattr(self, 'folder', folder)\n"
        "w.Source.__init__ = lambda self, home: None\n"
        "w.Source.filled = lambda self: self\n"
        "made = w.world(Path(sys.argv[1]))\n"
        "made.identities = [__import__('pyrage').x25519.Identity.from_str(sys.argv[2])]\n"
        "made.prove(made.place.catalogue.named(sys.argv[3]))\n"
    )
    home = erp.place.home.root
    said = [sys.executable, "-c", script, str(home), str(erp.identities[0]), backup.name]
    erp.verification.fault("rman_hangs")
    environment = {**os.environ, "OPSPROOF_HOME": str(home)}
    with subprocess.Popen(said, cwd=Path(__file__).parents[2], env=environment) as run:
        ends = time.monotonic() + 120
        while not erp.verification.running() and time.monotonic() < ends:
            time.sleep(0.1)
        run.kill()
    erp.verification.fault()
    left = [path for path in root.iterdir() if path != foreign]
    assert len(left) == 1 and (left[0] / MARKER).is_file() and len(erp.verification.running()) == 1
    assert erp.prove(backup).level is Level.L3
    assert list(root.iterdir()) == [foreign]
    foreign.rmdir()


def test_a_control_file_that_nothing_is_restored_from_is_looked_at_as_well(erp: World) -> None:
    """That of an earlier link, all digests and checksums of it made to fit."""
    chain = [erp.take(), erp.take(Kind.INCREMENTAL)]
    said = Subject(
        name="oracle-rman",
        place=erp.place,
        identities=erp.identities,
        item=erp.item,
        access=erp.access,
        change=lambda: None,
    )
    changed = other_database(said.plain(chain[0]), random.Random(1))
    assert changed
    proof = erp.prove(forged(said, chain, 0, changed))
    assert "属于别的数据库" in proof.failed and "c_" in proof.failed and proof.level is Level.L0


def test_nobody_waits_for_a_tool_that_is_gone(erp: World) -> None:
    (erp.production.folder / "bin" / "rman").unlink()
    started = time.monotonic()
    with pytest.raises(OpsError, match="没有可执行的 rman"):
        erp.take()
    assert time.monotonic() - started < 20
