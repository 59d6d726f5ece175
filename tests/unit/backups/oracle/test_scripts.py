"""What RMAN is told, word by word, and the rules of safety (the sheet of Oracle facts, "L4 safety")."""

import pytest

from tasks.backups import ChainBroken
from tasks.backups.oracle import safety, scripts
from tasks.backups.oracle.source import Datafile, Log, grouped, oldest, unbroken
from tasks.backups.oracle.staging import OURS, dead, whose
from tasks.backups.plan import Load
from tasks.errors import OpsError

FOLDER = "/u02/proof/opsproof-0123456789ab"
FACTS = {"hostname": "db1.example.org", "unique_name": "ORCL", "dbid": "1"}
GOOD = {
    "db_unique_name": "OPS01234567",
    "db_recovery_file_dest": f"{FOLDER}/recovery",
    "db_create_file_dest": f"{FOLDER}/data",
    "control_files": f"{FOLDER}/data/control01.ctl",
    "diagnostic_dest": f"{FOLDER}/admin",
    "job_queue_processes": "0",
    "remote_listener": "",
    "dispatchers": "",
}


def test_a_scratch_instance_is_nobodys_standby() -> None:
    said = dict(
        line.removeprefix("*.").split("=", 1)
        for line in scripts.parameters(FOLDER, "ORCL", "OPS01234567", "19.0.0", "8192", True).splitlines()
    )
    assert said["db_unique_name"] == "'OPS01234567'" and said["job_queue_processes"] == "0"
    assert said["db_recovery_file_dest"] == f"'{FOLDER}/recovery'"
    assert "PROTOCOL=IPC" in said["local_listener"] and said["remote_listener"] == "''"
    assert "memory" not in " ".join(said)


def test_every_file_gets_a_new_name_before_it_is_restored() -> None:
    said = scripts.restore(FOLDER, 78, ["1"])
    assert said.index("set newname for database") < said.index("restore database")
    assert said.index("set until scn 78") < said.index("restore database") < said.index("switch datafile all")
    assert f"set newname for tempfile 1 to '{FOLDER}/" in said
    assert "catalog" not in said.replace("nocatalog", "") and "controlfile" not in said


def test_only_what_was_brought_is_known() -> None:
    said = scripts.catalog(FOLDER, ["/prod/backup/1"])
    assert said.index("uncatalog") < said.index("catalog start with")
    assert "delete" not in said and "crosscheck" not in said
    assert "change archivelog all uncatalog" in said


def test_a_backup_is_bounded_tagged_and_changes_no_configuration() -> None:
    load = Load(rate="50M")  # type: ignore[arg-type]
    said = scripts.backup_datafiles("/stage/x", "OPS_T", 1, [3, 1], load, {"filesperset": "4"})
    assert "datafile 1, 3;" in said and "rate 52428800" in said and "filesperset 4" in said
    assert "incremental level 1 tag 'OPS_T'" in said and "configure" not in said.lower()
    assert "delete" not in said


def test_groups_fit_the_staging() -> None:
    assert grouped({1: 5, 2: 6, 3: 4}, 10) == [[2, 3], [1]] or grouped({1: 5, 2: 6, 3: 4}, 10)
    for group in grouped({1: 5, 2: 6, 3: 4}, 10):
        assert sum({1: 5, 2: 6, 3: 4}[n] for n in group) <= 10
    with pytest.raises(OpsError, match="大于暂存上限"):
        grouped({1: 11}, 10)


def test_a_read_only_file_needs_no_old_logs() -> None:
    files = [
        Datafile(1, 1, "SYSTEM", 900),
        Datafile(2, 1, "ONLINE", 5, "READ ONLY"),
        Datafile(3, 1, "OFFLINE", 3),
        Datafile(4, 1, "ONLINE", 890),
    ]
    assert oldest(files) == 890 and [file.number for file in files if file.online] == [1, 2, 4]


def log(sequence: int, thread: int = 1) -> Log:
    return Log(thread, sequence, sequence * 10, sequence * 10 + 10, 1)


def test_logs_have_no_gap() -> None:
    assert [one.sequence for one in unbroken([log(1), log(2), log(3)], 25, 35)] == [2, 3]
    assert [one.sequence for one in unbroken([log(3), log(4)], 0, 45, {"1": 2})] == [3, 4]
    with pytest.raises(ChainBroken, match="1 缺少 3 至 3"):
        unbroken([log(4)], 0, 45, {"1": 2})
    with pytest.raises(OpsError, match="缺少 2 至 2"):
        unbroken([log(3)], 25, 35)
    with pytest.raises(OpsError, match="SCN 99"):
        unbroken([log(1)], 0, 99)
    both = unbroken([log(1), log(2), log(1, 2), log(2, 2)], 15, 25)
    assert [(one.thread, one.sequence) for one in both] == [(1, 1), (1, 2), (2, 1), (2, 2)]


@pytest.mark.parametrize(
    ("hostname", "instances", "words"),
    [
        ("db1", (), "就是生产主机"),
        ("DB1.other.example", (), "就是生产主机"),
        ("", (), "就是生产主机"),
        ("verify", ("ORCL",), "ORCL"),
        ("verify", ("OPS0123", "OPS01234567"), "OPS0123"),
        ("verify", ("VERIFY",), ""),
        ("verify", ("OPS01234567",), ""),
    ],
)
def test_hosts_that_are_refused(hostname: str, instances: tuple[str, ...], words: str) -> None:
    found = list(safety.refused(safety.Seen(hostname, instances), FACTS, ["VERIFY"]))
    assert (words in found[0]) if words else not found


def test_a_manifest_that_names_no_host_is_refused() -> None:
    seen = safety.Seen("verify", ())
    assert list(safety.refused(seen, {**FACTS, "hostname": ""})) and list(safety.refused(seen, {}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("db_unique_name", "ORCL"),
        ("db_unique_name", ""),
        ("db_recovery_file_dest", "/u01/fra"),
        ("db_recovery_file_dest", ""),
        ("db_recovery_file_dest", f"{FOLDER}/../../u01"),
        ("control_files", f"{FOLDER}/data/control01.ctl, /u01/control02.ctl"),
        ("job_queue_processes", "1000"),
        ("remote_listener", "scan:1521"),
    ],
)
def test_instances_that_are_refused(name: str, value: str) -> None:
    assert not list(safety.unsafe(GOOD, "OPS01234567", FOLDER, FACTS))
    assert list(safety.unsafe({**GOOD, name: value}, "OPS01234567", FOLDER, FACTS))


def test_files_of_others_are_not_opened() -> None:
    assert list(safety.strangers([f"{FOLDER}/data/a.dbf", "/u01/oradata/redo01.log"], FOLDER))
    assert not list(safety.strangers([f"{FOLDER}/data/a.dbf"], FOLDER))


def test_the_verification_database_is_not_production() -> None:
    assert list(safety.same_database({"dbid": "1", "unique_name": "OTHER"}, FACTS))
    assert list(safety.same_database({"dbid": "2", "unique_name": "orcl"}, FACTS))
    assert not list(safety.same_database({"dbid": "2", "unique_name": "VERIFY"}, FACTS))


def test_only_folders_of_dead_runs_are_cleared() -> None:
    assert not dead(whose()) and not dead("another-machine 1 1") and not dead("")
    node = whose().split()[0]
    assert dead(f"{node} 999999999 1") and dead(f"{whose()}9")
    assert OURS.match("opsproof-0123456789ab") and not OURS.match("opsproof-x")


def test_control_files_of_earlier_links_lie_beside_the_one_in_use() -> None:
    said = scripts.controls(FOLDER, ["c_1", "c_2"], standby=True)
    assert f"restore primary controlfile to '{FOLDER}/controls/c_2' from '{FOLDER}/pieces/c_2';" in said
    assert said.endswith(f"catalog start with '{FOLDER}/controls/' noprompt;") and "/data/" not in said
