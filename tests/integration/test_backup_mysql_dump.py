"""Dumps of a real MariaDB and its binary logs: exact, rolled forward to one point, broken chains told."""

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tasks import clock
from tasks.backups import Order
from tasks.backups.manifest import Kind, Level
from tasks.backups.mysql.load import into_live
from tasks.backups.mysql.source import source_of
from tasks.backups.proof import fetched_from
from tasks.backups.taking import take
from tasks.errors import OpsError, Refused
from tasks.operations import Operations, read
from tests.lab import mariadb
from tests.lab.mysql_backup import PASSWORD, Kit, kit, writing

pytestmark = pytest.mark.skipif(bool(mariadb.missing()), reason=mariadb.missing() or "-")
MEMBERS = ["1-data.sql", "2-floats.sql", "3-triggers.sql", "4-accounts.sql"]


@pytest.fixture(scope="module")
def ready() -> Iterator[Kit]:
    with kit("mysql-dump", sentinel=True) as made:
        yield made


def proven(kit: Kit, kind: Kind = Kind.FULL) -> None:
    proof = kit.prove(kit.take(kind))
    assert (proof.failed, proof.unsure, proof.level) == ("", "", Level.L3)
    assert list((kit.place.home.root / "scratch").iterdir()) == []


def rows_of(one: Kit, **until: str) -> int:
    backup = max(one.place.catalogue.all(), key=lambda one: (one.manifest.chain, one.manifest.number))
    with one.opened(backup, **until) as instance:
        return {digest.name: digest for digest in instance.digests(())}["app.t"].count


def test_everything_in_it_comes_back_equal(ready: Kit) -> None:
    sent = Operations()
    backup = replace(ready, access=replace(ready.access, sent=sent)).take()
    noted_without_the_password(sent)
    assert [member.name for member in backup.manifest.members] == MEMBERS
    names = {digest.name for digest in backup.manifest.digests}
    assert {"app.numbers", "app.twice", "app.history", "app.numbered", "奇 怪-库.表 1"} <= names
    assert {"trigger app.before_t", "grants clerk@10.99.%", "grants readers@"} <= names
    proof = ready.prove(backup)
    assert (proof.failed, proof.unsure, proof.level) == ("", "", Level.L3)


def noted_without_the_password(sent: Operations) -> None:
    noted = read(sent.content())
    assert {one.way for one in noted} == {"local", "mysql"}
    (dump,) = [one for one in noted if "--single-transaction" in one.text][:1]
    assert 'password="******"' in dump.text and dump.exit_code == 0 and dump.size > 1000
    assert any(one.text.startswith("SELECT") for one in noted)
    assert PASSWORD not in sent.content().decode() and PASSWORD[-5:] not in dump.text


def test_logs_lead_on_and_to_moments_between(ready: Kit) -> None:
    ready.take()
    ready.server.sql("INSERT INTO app.t (v) VALUES ('one')")
    here = ready.server.sql("SELECT @@gtid_binlog_pos AS gtid, (SELECT COUNT(*) FROM app.t) AS n")[0]
    time.sleep(1.1)
    moment = clock.now().isoformat()
    time.sleep(1.1)
    ready.server.sql("DELETE FROM app.t WHERE id % 2", "CREATE TABLE app.after (f FLOAT)")
    proven(ready, Kind.LOG)
    ready.server.sql("INSERT INTO app.after VALUES (1.23456789)", "CREATE USER new@'%'")
    proven(ready, Kind.LOG)
    assert rows_of(ready, gtid=here["gtid"]) == here["n"]
    assert rows_of(ready, time=moment) == here["n"]
    with pytest.raises(OpsError, match="到不了 0-1-999999"):
        rows_of(ready, gtid="0-1-999999")


def test_a_source_that_is_written_to_all_the_time(ready: Kit) -> None:
    ready.server.sql("CREATE TABLE app.busy (id INT PRIMARY KEY AUTO_INCREMENT, f FLOAT)")
    with writing(ready.server, lambda n: f"INSERT INTO app.busy (f) VALUES ({n} / 7)") as count:
        before = count[0]
        ready.take()
        backup = ready.take(Kind.LOG)
        assert count[0] > before + 500
    proof = ready.prove(backup)
    assert (proof.failed, proof.unsure, proof.level) == ("", "", Level.L3)


def test_a_purged_log_is_told_and_a_full_backup_made(ready: Kit) -> None:
    needed = ready.take().manifest.point["file"]
    while needed in [row["Log_name"] for row in ready.server.sql("SHOW BINARY LOGS")]:
        ready.server.sql("INSERT INTO app.t (v) VALUES ('lost')", "FLUSH BINARY LOGS")
        current = ready.server.sql("SHOW MASTER STATUS")[0]["File"]
        ready.server.sql(f"PURGE BINARY LOGS TO '{current}'")
        time.sleep(0.1)
    said: list[str] = []
    backup = take(ready.place, ready.item, Kind.LOG, ready.access, say=said.append)
    assert backup.manifest.kind is Kind.FULL
    assert any("已被清除" in line for line in said)


def test_logs_that_began_anew_under_the_same_names_are_told(ready: Kit) -> None:
    backup = ready.take()
    ready.server.sql("RESET MASTER")
    for _ in range(20):
        current = ready.server.sql("SHOW MASTER STATUS")[0]["File"]
        if current >= backup.manifest.point["file"]:
            break
        ready.server.sql("FLUSH BINARY LOGS")
    ready.server.sql("INSERT INTO app.t (v, w) SELECT MD5(seq), seq FROM app.seq_1_to_9000")
    assert ready.take(Kind.LOG).manifest.kind is Kind.FULL


def test_a_definition_changes_meanwhile(ready: Kit) -> None:
    """Such a backup is tried again, or is none: it is never a wrong one."""
    ended = threading.Event()

    def change() -> None:
        with contextlib.closing(ready.server.root()) as connection, connection.cursor() as cursor:
            for number in range(10_000):
                if ended.is_set():
                    return
                cursor.execute(f"ALTER TABLE app.twice COMMENT '{number}'")
                time.sleep(0.05)

    thread = threading.Thread(target=change)
    thread.start()
    before = len(ready.place.catalogue.all())
    try:
        with pytest.raises(OpsError, match=r"定义|结构"):
            ready.take()
    finally:
        ended.set()
        thread.join()
    assert len(ready.place.catalogue.all()) == before
    proven(ready)


def test_a_source_killed_meanwhile_leaves_nothing(tmp_path: Path) -> None:
    with kit("mysql-dump") as one:
        one.server.sql(
            "CREATE TABLE app.large (id INT PRIMARY KEY, v VARCHAR(500))",
            "INSERT INTO app.large SELECT seq, REPEAT(MD5(seq), 15) FROM app.seq_1_to_100000",
        )
        timer = threading.Timer(0.6, one.server.kill)
        timer.start()
        with pytest.raises(OpsError):
            one.take()
        timer.join()
        assert one.place.catalogue.all() == []
        assert list(one.place.stores["vault"].objects("")) == []


def test_into_a_living_server_only_where_there_is_nothing(ready: Kit) -> None:
    backup = ready.take()
    order = Order(job=ready.item.job, target=ready.item.target, kind=Kind.FULL, access=ready.access)
    fetched = fetched_from(ready.place, backup, ready.identities)
    with pytest.raises(Refused, match="目标库中已有 app"):
        into_live(fetched, MEMBERS[:3], source_of(order), {"app": "app"})
    ready.server.sql(*(f"GRANT ALL ON *.* TO {account}" for account in ("'bk'@'%'",)))
    into_live(
        fetched,
        MEMBERS[:1],
        source_of(order),
        {"app": "app_restored", "奇 怪-库": "奇 怪-库 2", "opsproof_backup": "opsproof_2"},
    )
    found = ready.server.sql(
        "SELECT (SELECT COUNT(*) FROM app_restored.t) AS a, (SELECT COUNT(*) FROM app.t) AS b"
    )[0]
    assert found["a"] == found["b"]


def test_chosen_schemas_without_accounts() -> None:
    with kit("mysql-dump", schemas=("app",), exclude=()) as one:
        backup = one.take()
        names = {digest.name for digest in backup.manifest.digests}
        assert "app.t" in names and not any(name.startswith(("user ", "grants ", "奇")) for name in names)
        proof = one.prove(backup)
        assert (proof.failed, proof.unsure, proof.level) == ("", "", Level.L3)
        with pytest.raises(OpsError, match="整库"):
            one.take(Kind.LOG)
