"""PostgreSQL backed up and proven on real servers: every kind of object, under load, to a point in time."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tasks import clock
from tasks.backups import method_named
from tasks.backups.catalogue import Backup, Proved
from tasks.backups.manifest import Kind, Level
from tasks.backups.plan import Item
from tasks.backups.postgres.sessions import Way
from tasks.backups.proof import prove
from tasks.backups.road import Opened
from tasks.backups.scratch import scratch
from tasks.backups.taking import Place, take
from tasks.errors import OpsError
from tasks.home import Home
from tasks.inventory.credentials import Keyring
from tasks.model import Database, Instance, Target
from tasks.operations import Operations, read
from tasks.transports import Access
from tests.lab.postgresql import HERE, Server, access, folder, missing, own, pair, server, target
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


def proven(place: Place, backup: Backup, identities: list[Any]) -> Proved:
    proof = prove(place, backup, Level.L3, identities)
    assert (proof.failed, proof.unsure, proof.level) == ("", "", Level.L3)
    return proof


def restored(
    place: Place, backup: Backup, identities: list[Any], until: dict[str, str], statement: str
) -> list[tuple[object, ...]]:
    """What a backup says when it is rolled forward to there."""
    chain = [Opened(one.manifest, place.stores["vault"], identities) for one in place.catalogue.chain(backup)]
    method: Any = method_named(backup.manifest.method)
    with scratch(place.home.root / "scratch") as room:
        method.unpack(chain, room)
        with method.opened(chain, room, until) as instance, closing(instance.connect("postgres")) as session:
            found: list[tuple[object, ...]] = session.execute(statement.encode()).fetchall()
            return found


def until_true(check: Callable[[], bool], seconds: float = 15) -> None:
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.mark.parametrize("method", METHODS)
def test_every_kind_of_object_comes_back(at: Path, source: Server, method: str) -> None:
    place, identities, item = subject(at, source, method, sentinel=True)
    backup = take(place, item, Kind.FULL, access())
    assert backup.manifest.not_digested == {}
    proof = proven(place, backup, identities)
    assert proof.rows > 800 and len(backup.manifest.digests) > 80


def test_each_statement_is_noted(source: Server, tmp_path: Path) -> None:
    sent, login = Operations(), access().keyring("db")
    noting = Access(Keyring(Home(tmp_path, tmp_path)), sent=sent)
    with closing(Way(target(source), login, access=noting).session("postgres")) as session:
        session.execute("SELECT 1")
        with pytest.raises(psycopg.Error):
            session.execute(sql.SQL("SELECT {}").format(sql.Identifier("nothing")))
    *_, good, bad = read(sent.content())
    assert (good.way, good.text, good.failure) == ("postgres", "SELECT 1", "")
    assert (bad.text, bad.failure) == ('SELECT "nothing"', "UndefinedColumn")


@pytest.mark.parametrize("method", METHODS)
def test_a_thousand_writes_a_second(at: Path, method: str) -> None:
    with server() as busy:
        allow(busy)
        busy.sql("CREATE DATABASE other")
        place, identities, item = subject(at, busy, method)
        with Writing(busy, 1000).going_on() as writing:
            time.sleep(1)
            started, before = time.monotonic(), writing.done
            backup = take(place, item, Kind.FULL, access())
            rate = (writing.done - before) / (time.monotonic() - started)
        print(f"{rate:.0f} writes/s")
        assert backup.manifest.not_digested == {}
        assert proven(place, backup, identities).rows > 0


@pytest.mark.parametrize("method", METHODS)
def test_definitions_that_change_meanwhile(at: Path, method: str) -> None:
    with server() as busy:
        allow(busy)
        busy.sql("CREATE TABLE stays (n int)", "INSERT INTO stays SELECT generate_series(1, 20000)")
        place, identities, item = subject(at, busy, method)
        end = threading.Event()

        def change() -> None:
            number = 0
            while not end.wait(0.15):
                number += 1
                busy.sql(
                    f"CREATE TABLE new_{number} AS SELECT generate_series(1, 10) AS n",
                    f"CREATE OR REPLACE FUNCTION newest() RETURNS int LANGUAGE sql AS 'SELECT {number}'",
                    f"ALTER TABLE new_{number} ADD more int DEFAULT 7",
                )
                if method == "postgres-physical":  # pg_dump gives up where a table goes before it has it
                    busy.sql(f"DROP TABLE IF EXISTS new_{max(number - 3, 0)}", f"TRUNCATE new_{number}")

        changing = threading.Thread(target=change)
        changing.start()
        try:
            backup = take(place, item, Kind.FULL, access())
        finally:
            end.set()
            changing.join()
        assert any(one.name == "postgres: public.stays" for one in backup.manifest.digests)
        proven(place, backup, identities)


def test_log_shipped_and_replayed_to_a_time_and_to_a_position(at: Path) -> None:
    with server() as source:
        allow(source)
        source.sql("CREATE TABLE steps (n int)", "INSERT INTO steps VALUES (1)")
        place, identities, item = subject(at, source, "postgres-physical", between="log")
        take(place, item, Kind.FULL, access())
        source.sql("INSERT INTO steps VALUES (2)", "SELECT pg_create_restore_point('second')")
        take(place, item, Kind.LOG, access())
        time.sleep(0.1)
        then = clock.now()
        ((position,),) = source.sql("SELECT pg_current_wal_insert_lsn()::text")
        time.sleep(0.1)
        source.sql("INSERT INTO steps VALUES (3)", "SELECT pg_switch_wal()", "INSERT INTO steps VALUES (4)")
        last = take(place, item, Kind.LOG, access())
        assert last.manifest.version == "v0001.02"
        proven(place, last, identities)
        count = "SELECT max(n) FROM public.steps"
        assert restored(place, last, identities, {"name": "second"}, count) == [(2,)]
        assert restored(place, last, identities, {"time": then.isoformat()}, count) == [(2,)]
        behind = {"lsn": str(position), "inclusive": "off"}
        assert restored(place, last, identities, behind, count) == [(2,)]
        assert restored(place, last, identities, {}, count) == [(4,)]
        later = {"time": (then + timedelta(days=1)).isoformat()}
        with pytest.raises(OpsError, match="recovery ended before"):
            restored(place, last, identities, later, count)


def test_log_that_was_recycled_is_told_and_a_full_backup_made(at: Path) -> None:
    with server(wal_keep_size="0", max_wal_size="2MB", min_wal_size="2MB") as source:
        allow(source)
        place, identities, item = subject(at, source, "postgres-physical", between="log")
        take(place, item, Kind.FULL, access())
        for _ in range(5):
            source.sql("SELECT pg_switch_wal()", "SELECT txid_current()", "CHECKPOINT")
        again = take(place, item, Kind.LOG, access())
        assert (again.manifest.kind, again.manifest.version) == (Kind.FULL, "v0002")
        proven(place, again, identities)


@pytest.mark.parametrize("method", METHODS)
def test_taken_on_the_standby(at: Path, method: str) -> None:
    with pair() as (primary, standby):
        allow(primary)
        place, identities, item = subject(at, primary, method, side="standby", sentinel=True)
        item = Item(item.job, on_standby(item.target, standby))
        with Writing(primary, 300).going_on():
            time.sleep(1)
            backup = take(place, item, Kind.FULL, access())
        assert backup.manifest.not_digested == {}
        proven(place, backup, identities)
        until_true(lambda: standby.sql("SELECT pg_is_wal_replay_paused()") == [(False,)])
        assert standby.sql("SELECT count(*) FROM pg_replication_slots") == [(0,)]


def on_standby(database: Target, standby: Server) -> Target:
    assert isinstance(database, Database)
    more = Instance(name="standby", host=HERE.name, role="standby", port=standby.port)
    return replace(database, instances=(*database.instances, more))


@pytest.mark.parametrize("method", METHODS)
def test_a_source_killed_in_the_middle_leaves_nothing(at: Path, method: str) -> None:
    with server() as source:
        allow(source)
        source.sql(
            "CREATE TABLE big AS SELECT g AS n, repeat(md5(g::text), 20) AS t"
            " FROM generate_series(1, 60000) AS g"
        )
        place, _, item = subject(at, source, method, load={"gentle": False, "rate": "5M"})
        threading.Timer(4, lambda: source.stop(signal.SIGQUIT)).start()
        with pytest.raises(OpsError):
            take(place, item, Kind.FULL, access())
        assert place.catalogue.all() == [] and list(place.stores["vault"].objects("")) == []
        source.start()
        assert source.sql("SELECT count(*) FROM pg_replication_slots") == [(0,)]


def test_a_dump_into_a_live_server(at: Path, source: Server) -> None:
    place, identities, item = subject(at, source, "postgres-dump")
    with server() as live:
        live.sql("ALTER ROLE opsproof SUPERUSER")
        live.sql("ALTER ROLE opsproof SET default_transaction_read_only = off")
        live.sql("CREATE TABLE stale (n int)", "CREATE DATABASE mine")
        mine = subject(at, live, "postgres-dump")[2]
        backup = take(place, Item(item.job, mine.target), Kind.FULL, access())
        live.sql("CREATE TABLE newer (n int)")
        fetched = Opened(backup.manifest, place.stores["vault"], identities)
        method: Any = method_named("postgres-dump")
        with scratch(at / "scratch") as room:
            method.unpack([fetched], room)
            method.load([fetched], room, mine.target, access(), print)
        assert live.sql("SELECT count(*) FROM pg_class WHERE relname IN ('stale', 'newer')") == [(1,)]
        names = {name for (name,) in live.sql("SELECT datname FROM pg_database")}
        assert len(names) == 6 and {"postgres", "mine"} < names
