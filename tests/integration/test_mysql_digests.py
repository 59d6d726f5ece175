"""What the digests of a real MariaDB notice, and what they must not."""

import contextlib
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tasks.backups.digests import Digest, compare
from tasks.backups.mysql.asking import ask, shared
from tasks.backups.mysql.digests import Connect, digests
from tests.lab import mariadb
from tests.lab.mysql_backup import EVERYTHING

pytestmark = pytest.mark.skipif(bool(mariadb.missing()), reason=mariadb.missing() or "-")

# A statement → what is another than before.
CHANGES = {
    "UPDATE app.numbers SET f = 0.100000009 WHERE n IS NOT NULL AND f < 1 AND f > 0": ["app.numbers"],
    "UPDATE app.numbers SET d = 0.30000000000000004 WHERE u = 0": ["app.numbers"],
    "UPDATE app.numbers SET d = 0.3 WHERE u = 0": ["app.numbers"],
    "UPDATE app.numbers SET n = 1.0000000002 WHERE y = 2026": ["app.numbers"],
    "UPDATE app.numbers SET b = b'1010101010100' WHERE y = 2026": ["app.numbers"],
    "UPDATE app.numbers SET u = NULL WHERE u = 0": ["app.numbers"],
    "DELETE FROM app.twice WHERE a = 'x' LIMIT 1": ["app.twice"],
    "UPDATE app.twice SET a = '' WHERE a IS NULL": ["app.twice"],
    "UPDATE app.twice SET a = 'xy', b = '' WHERE a = 'x' LIMIT 1": ["app.twice"],
    "UPDATE app.twice SET a = 'x', b = 'y' WHERE a = 'xy'": ["app.twice"],
    "UPDATE app.texts SET cs = 'aA' WHERE cs = 'Aa'": ["app.texts"],
    "UPDATE app.texts SET b = x'00FF' WHERE c = 'a'": ["app.texts"],
    "UPDATE app.texts SET lb = CONCAT(lb, x'00') WHERE c = 'a'": ["app.texts"],
    "UPDATE app.texts SET lt = NULL WHERE lt = ''": ["app.texts"],
    "UPDATE app.times SET d = '0000-01-00' WHERE d = '0000-00-00'": ["app.times"],
    "UPDATE app.times SET dt = dt + INTERVAL 1 MICROSECOND WHERE dt > 1": ["app.times"],
    "UPDATE app.kinds SET j = '{\"k\": [1, 2.5]}' WHERE e = 'a'": ["app.kinds"],
    "INSERT INTO app.kinds (e) VALUES ('no such member')": ["app.kinds"],
    # The empty string that is a member, in the place of that of a bad value.
    "UPDATE app.kinds SET e = 2 WHERE e + 0 = 0": ["app.kinds"],
    "UPDATE app.kinds SET p = POINT(1, 3) WHERE e = 'a'": ["app.kinds"],
    "UPDATE app.made SET a = 9 WHERE a = 1": ["app.made"],
    "UPDATE app.history SET v = 3": ["app.history"],
    "DELETE HISTORY FROM app.history": ["app.history"],
    "SELECT NEXTVAL(app.numbered), SETVAL(app.numbered, 5000)": ["app.numbered"],
    "ALTER TABLE app.parts REORGANIZE PARTITION p1 INTO (PARTITION p1 VALUES LESS THAN (50),"
    " PARTITION p2 VALUES LESS THAN MAXVALUE)": ["table app.parts"],
    "ALTER TABLE app.t DROP KEY v": ["table app.t"],
    "ALTER TABLE app.t AUTO_INCREMENT = 90000": [],
    "ALTER DATABASE app COLLATE utf8mb4_bin": ["database app"],
    "CREATE OR REPLACE VIEW app.seen AS SELECT id, v FROM app.t WHERE w > 6": ["view app.seen"],
    "DROP TRIGGER app.before_t": ["trigger app.before_t"],
    "ALTER PROCEDURE app.does COMMENT '别的'": ["procedure app.does"],
    "ALTER EVENT app.nightly DISABLE": ["event app.nightly"],
    "GRANT DELETE ON app.t TO 'clerk'@'10.99.%'": ["grants clerk@10.99.%"],
    "GRANT UPDATE (w) ON app.t TO 'clerk'@'10.99.%'": ["grants clerk@10.99.%"],
    "GRANT DROP ON app.* TO 'clerk'@'10.99.%'": ["grants clerk@10.99.%"],
    "GRANT RELOAD ON *.* TO 'clerk'@'10.99.%'": ["grants clerk@10.99.%"],
    "GRANT EXECUTE ON FUNCTION app.gives TO 'clerk'@'10.99.%'": ["grants clerk@10.99.%"],
    "GRANT EXECUTE ON PROCEDURE app.does TO 'clerk'@'10.99.%' WITH GRANT OPTION": ["grants clerk@10.99.%"],
    "GRANT PROXY ON 'other'@'10.99.%' TO 'clerk'@'10.99.%'": ["grants clerk@10.99.%"],
    "GRANT INSERT ON app.* TO readers": ["grants readers@"],
    "GRANT readers TO 'clerk'@'10.99.%' WITH ADMIN OPTION": ["grants clerk@10.99.%"],
    "SET DEFAULT ROLE NONE FOR 'clerk'@'10.99.%'": ["grants clerk@10.99.%"],
    "ALTER USER 'clerk'@'10.99.%' ACCOUNT LOCK": ["user clerk@10.99.%"],
    # In force only from then on.
    "INSERT INTO mysql.db (Host, Db, User, Insert_priv) VALUES ('%', 'app', '', 'Y')": [],
    "FLUSH PRIVILEGES": ["grants of everybody"],
    "ALTER USER 'clerk'@'10.99.%' IDENTIFIED BY 'other'": [
        "grants clerk@10.99.%",
        "user clerk@10.99.%",
    ],
    "CREATE TABLE app.more (id INT)": ["table app.more", "app.more"],
    "ANALYZE TABLE app.t": [],
    "OPTIMIZE TABLE app.t": [],
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[mariadb.Server]:
    folder: Path = tmp_path_factory.mktemp("digests")
    with mariadb.server(folder / "db") as made:
        made.sql(*EVERYTHING)
        yield made


# Without snapshots they are compared only when at rest.
RESTLESS = ("app.old", "app.aria")


def differing(before: Sequence[Digest], after: Sequence[Digest]) -> list[str]:
    return [one.name for one in compare(before, after) if one.name not in RESTLESS]


def test_every_change_shows_and_nothing_else_does(server: mariadb.Server) -> None:
    before = digests(server.root).digests
    assert differing(before, digests(server.root, sessions=1).digests) == []
    wrong = {}
    for statement, expected in CHANGES.items():
        server.sql("SET sql_mode = ''", statement)
        after = digests(server.root).digests
        if (found := differing(before, after)) != expected:
            wrong[statement] = found
        before = after
    assert wrong == {}


def test_a_connection_of_any_character_set_sees_the_same(server: mariadb.Server) -> None:
    def latin() -> Any:
        made = server.root()
        ask(made, "SET NAMES latin1, sql_mode = 'ANSI_QUOTES,PAD_CHAR_TO_FULL_LENGTH', time_zone = '+08:00'")
        return made

    connect: Connect = latin
    assert differing(digests(server.root).digests, digests(connect).digests) == []


def test_a_stop_ends_what_the_server_still_counts(server: mariadb.Server) -> None:
    with contextlib.ExitStack() as stack:
        control, *readers = [stack.enter_context(contextlib.closing(server.root())) for _ in range(3)]

        def work(connection: Any, number: int) -> Any:
            if number:
                raise KeyboardInterrupt
            return ask(connection, "SELECT SLEEP(60)")

        started = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            shared(readers, work, [0, 1], control)
        assert time.monotonic() - started < 10
        assert threading.active_count() < 50
        # The server forgets a statement a moment after it has answered it.
        busy = "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP%'"
        until = started + 10
        while ask(control, busy) != [(0,)]:
            assert time.monotonic() < until
            time.sleep(0.05)
