"""Physical backups of a real MariaDB: taken by the least of accounts, rolled forward, compared row by row."""

import contextlib
import threading
import time
from collections.abc import Iterator

import pytest

from tasks.backups.manifest import Kind, Level
from tasks.backups.mysql.asking import ask
from tasks.errors import OpsError
from tests.lab import mariadb
from tests.lab.mysql_backup import Kit, kit, writing

pytestmark = pytest.mark.skipif(bool(mariadb.missing()), reason=mariadb.missing() or "-")
METHOD = "mysql-physical"


@pytest.fixture(scope="module")
def ready() -> Iterator[Kit]:
    with kit(METHOD, sentinel=True) as made:
        yield made


def proven(kit: Kit, kind: Kind = Kind.FULL) -> None:
    backup = kit.take(kind)
    proof = kit.prove(backup)
    assert (proof.failed, proof.unsure, proof.level) == ("", "", Level.L3)
    assert list((kit.place.home.root / "scratch").iterdir()) == []


def test_everything_in_it_comes_back_equal(ready: Kit) -> None:
    backup = ready.take()
    names = {digest.name for digest in backup.manifest.digests}
    assert {"app.twice", "app.history", "app.numbered", "奇 怪-库.表 1"} <= names
    assert {"view app.seen", "trigger app.before_t", "event app.nightly", "function app.gives"} <= names
    assert {"grants clerk@10.99.%", "user clerk@10.99.%", "grants readers@", "database 奇 怪-库"} <= names
    # What is gone when a server stops can be in no backup; engines without snapshots have to be at rest.
    assert {"app.gone"} <= set(backup.manifest.not_digested) <= {"app.gone", "app.old", "app.aria"}
    proof = ready.prove(backup)
    assert (proof.failed, proof.unsure, proof.level) == ("", "", Level.L3)
    assert proof.rows > 3000


def test_a_chain_with_writes_in_between(ready: Kit) -> None:
    proven(ready)
    for number in range(2):
        ready.server.sql(
            f"INSERT INTO app.t (v, w) SELECT MD5(seq + {number}), seq FROM app.seq_1_to_500",
            "UPDATE app.t SET v = REVERSE(v) WHERE id % 7 = 0",
            f"CREATE TABLE app.later{number} (id INT PRIMARY KEY) SELECT 1 AS id",
        )
        proven(ready, Kind.INCREMENTAL)
    ready.server.sql("DELETE FROM app.t WHERE id % 5 = 0")
    proven(ready, Kind.LOG)


def test_a_source_that_is_written_to_all_the_time(ready: Kit) -> None:
    insert = "INSERT INTO app.t (v, w) VALUES ('w{0}', {0}) ON DUPLICATE KEY UPDATE w = {0}"
    with writing(ready.server, lambda number: insert.format(number)) as count:
        backup = ready.take()
        at_end = count[0]
    assert at_end > 200
    proof = ready.prove(backup)
    assert (proof.failed, proof.unsure, proof.level) == ("", "", Level.L3)


def test_back_to_a_transaction_and_to_a_second(ready: Kit) -> None:
    ready.server.sql("CREATE TABLE IF NOT EXISTS app.steps (id INT PRIMARY KEY)", "TRUNCATE app.steps")
    backup = ready.take()
    ready.server.sql("INSERT INTO app.steps VALUES (1)")
    gtid = ready.server.sql("SELECT @@gtid_binlog_pos AS g")[0]["g"]
    ready.server.sql("INSERT INTO app.steps VALUES (2)")
    time.sleep(1.1)
    second = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
    time.sleep(1.1)
    ready.server.sql("INSERT INTO app.steps VALUES (3)")
    logs = ready.take(Kind.LOG)
    for until, expected in (({"gtid": gtid}, 1), ({"time": second}, 2), (logs.manifest.digest_point, 3)):
        with ready.opened(logs, **until) as instance, contextlib.closing(instance._server.connect()) as there:  # type: ignore[attr-defined]
            assert ask(there, "SELECT COUNT(*), MAX(id) FROM app.steps") == [(expected, expected)]
    with ready.opened(backup) as instance, contextlib.closing(instance._server.connect()) as there:  # type: ignore[attr-defined]
        assert ask(there, "SELECT COUNT(*) FROM app.steps") == [(0,)]


def test_definitions_that_change_meanwhile(ready: Kit) -> None:
    """It is right, or it is an error and nothing is left: never a backup that is not proven."""
    before = len(ready.place.catalogue.all())
    change = "CREATE OR REPLACE TABLE app.ddl{0} (id INT PRIMARY KEY, c{1} INT) SELECT seq AS id"
    change += " FROM app.seq_1_to_99"
    with writing(ready.server, lambda number: change.format(number % 5, number), 20):
        try:
            backup = ready.take()
        except OpsError:
            assert len(ready.place.catalogue.all()) == before
            return
    proof = ready.prove(backup)
    assert proof.failed == "" and (proof.level is Level.L3 or "定义" in proof.unsure)


def test_a_source_killed_in_the_middle_leaves_nothing() -> None:
    with kit(METHOD, filled=False) as made:
        made.server.sql(
            "CREATE DATABASE big",
            "CREATE TABLE big.t (id INT PRIMARY KEY, v TEXT)",
            "INSERT INTO big.t SELECT seq, REPEAT(MD5(seq), 50) FROM big.seq_1_to_20000",
        )
        moment = threading.Timer(0.3, made.server.kill)
        moment.start()
        with pytest.raises(OpsError):
            made.take()
        moment.join()
        assert made.place.catalogue.all() == [] and list(made.place.stores["vault"].objects("")) == []


def test_without_a_log_it_is_compared_only_if_nobody_wrote() -> None:
    with kit(METHOD, "--skip-log-bin") as made:
        backup = made.take()
        proof = made.prove(backup)
        if backup.manifest.digests:
            assert (proof.failed, proof.level) == ("", Level.L3)
        else:
            assert proof.level is Level.L2 and "二进制日志" in proof.unsure
