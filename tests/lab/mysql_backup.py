"""A MariaDB with a bit of everything in it, and the way of its backups: for tests and shows."""

import contextlib
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.backups import Fetched, Instance, method_named
from tasks.backups.catalogue import Backup, Proved
from tasks.backups.manifest import Kind, Level
from tasks.backups.plan import Item
from tasks.backups.proof import fetched_from, prove
from tasks.backups.scratch import scratch
from tasks.backups.taking import Place, take
from tasks.databases.preflight import grants
from tasks.inventory.credentials import Keyring, variable
from tasks.model import Instance as Member
from tasks.transports import Access
from tests.lab import mariadb
from tests.unit.backups.places import place

ACCOUNT, CREDENTIAL, PASSWORD = "'bk'@'%'", "lab-backup", "p'w \"x\\"
# The least that is shipped for it, and nothing else.
SHIPPED = "mysql-backup"

EVERYTHING = (
    "CREATE DATABASE app CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci",
    "CREATE DATABASE `奇 怪-库` CHARACTER SET gbk",
    "CREATE TABLE app.numbers (f FLOAT, d DOUBLE, f2 FLOAT(7,2), n DECIMAL(30,10), b BIT(13), t TINYINT(1),"
    " u BIGINT UNSIGNED, z INT(8) UNSIGNED ZEROFILL, y YEAR)",
    "INSERT INTO app.numbers VALUES (0.1, 0.1, 1.25, 1.0000000001, b'1010101010101', 1,"
    " 18446744073709551615, 7, 2026), (-0e0, -0e0, NULL, NULL, NULL, NULL, NULL, NULL, NULL),"
    " (1e38, 1.7976931348623157e308, 0, 0, 0, 0, 0, 0, 0)",
    # Without a key, and with rows that are the same.
    "CREATE TABLE app.twice (a VARCHAR(20), b VARCHAR(20))",
    "INSERT INTO app.twice VALUES ('x', 'y'), ('x', 'y'), ('x', 'y'), (NULL, ''), ('', NULL), ('', '')",
    "CREATE TABLE app.texts (c CHAR(10), v VARCHAR(100) CHARACTER SET latin1, g TEXT CHARACTER SET gbk,"
    " b VARBINARY(50), bl BLOB, lb LONGBLOB, lt LONGTEXT, cs VARCHAR(20) COLLATE utf8mb4_bin)",
    "INSERT INTO app.texts VALUES ('a', _latin1 x'E9', '汉字', x'00FF00', x'0001', REPEAT(x'C3', 70000),"
    " REPEAT('长', 30000), 'Aa'), (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),"
    " ('', '', '', '', '', '', '', '')",
    "SET sql_mode = ''",
    "CREATE TABLE app.times (d DATE, dt DATETIME(6), ts TIMESTAMP NULL, t TIME(3))",
    "INSERT INTO app.times VALUES ('0000-00-00', '0000-00-00', '2026-11-21 01:02:03', '-838:59:59'),"
    " ('2026-02-00', '2026-11-21 01:02:03.000001', NULL, '00:00:00.001')",
    "CREATE TABLE app.kinds (e ENUM('a','','b'), s SET('x','y','z'), j JSON, p POINT, u UUID, i INET6)",
    "INSERT INTO app.kinds VALUES ('a', 'x,z', '{\"k\": [1, 2.50]}', POINT(1, 2), UUID(), '::1'),"
    " ('', '', NULL, NULL, NULL, NULL)",
    "CREATE TABLE app.made (a INT, b INT AS (a * 2) VIRTUAL, c INT AS (a + 1) STORED, KEY (c))",
    "INSERT INTO app.made (a) VALUES (1), (2), (NULL)",
    "CREATE TABLE app.parts (id INT PRIMARY KEY, v VARCHAR(20)) PARTITION BY RANGE (id)"
    " (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN MAXVALUE)",
    "INSERT INTO app.parts VALUES (1, 'p0'), (100, 'p1')",
    "CREATE TABLE app.history (id INT PRIMARY KEY, v INT) WITH SYSTEM VERSIONING",
    "INSERT INTO app.history VALUES (1, 1)",
    "UPDATE app.history SET v = 2",
    "CREATE SEQUENCE app.numbered",
    "SELECT NEXTVAL(app.numbered)",
    "CREATE TABLE app.old (id INT, v TEXT) ENGINE=MyISAM",
    "INSERT INTO app.old VALUES (1, 'm')",
    "CREATE TABLE app.aria (id INT, v TEXT) ENGINE=Aria",
    "INSERT INTO app.aria VALUES (1, 'a')",
    "CREATE TABLE app.gone (id INT) ENGINE=MEMORY",
    "INSERT INTO app.gone VALUES (1)",
    "CREATE TABLE `奇 怪-库`.`表 1` (`列,` VARCHAR(50) COMMENT '注''释', `x``y` INT)",
    "INSERT INTO `奇 怪-库`.`表 1` VALUES ('值', 1)",
    "CREATE TABLE app.t (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(200), w INT, KEY (v, w))",
    "INSERT INTO app.t (v, w) SELECT MD5(seq), seq FROM app.seq_1_to_3000",
    "CREATE VIEW app.seen AS SELECT id, v FROM app.t WHERE w > 5",
    "CREATE PROCEDURE app.does(IN a INT) COMMENT '做' BEGIN SELECT a; END",
    "CREATE FUNCTION app.gives(a INT) RETURNS INT DETERMINISTIC RETURN a + 1",
    "CREATE TRIGGER app.before_t BEFORE INSERT ON app.parts FOR EACH ROW SET NEW.v = CONCAT(NEW.v, '!')",
    "CREATE EVENT app.nightly ON SCHEDULE EVERY 1 DAY STARTS '2026-01-01 00:00:00' DO DELETE FROM app.t"
    " WHERE id < 0",
    "CREATE ROLE readers",
    "GRANT SELECT ON app.* TO readers",
    "CREATE USER 'clerk'@'10.99.%' IDENTIFIED BY 'secret' WITH MAX_USER_CONNECTIONS 5",
    "GRANT SELECT (id, v), UPDATE (v) ON app.t TO 'clerk'@'10.99.%'",
    "GRANT EXECUTE ON PROCEDURE app.does TO 'clerk'@'10.99.%'",
    "GRANT readers TO 'clerk'@'10.99.%'",
    "SET DEFAULT ROLE readers FOR 'clerk'@'10.99.%'",
    "GRANT PROXY ON 'chief'@'10.99.%' TO 'clerk'@'10.99.%'",
    # As old installations have it for the schema `test`.
    "INSERT INTO mysql.db (Host, Db, User, Select_priv) VALUES ('%', 'public\\_%', '', 'Y')",
    "FLUSH PRIVILEGES",
)


@dataclass
class Kit:
    """A source, where its backups go, and all that is done with them."""

    server: mariadb.Server
    place: Place
    identities: list[Any]
    item: Item
    access: Access

    def take(self, kind: Kind = Kind.FULL) -> Backup:
        return take(self.place, self.item, kind, self.access)

    def prove(self, backup: Backup, asked: Level = Level.L3) -> Proved:
        return prove(self.place, backup, asked, self.identities)

    @contextlib.contextmanager
    def opened(self, backup: Backup, **until: str) -> Iterator[Instance]:
        """As for a restore to some point."""
        chain: list[Fetched] = [
            fetched_from(self.place, link, self.identities) for link in self.place.catalogue.chain(backup)
        ]
        method = method_named(self.item.job.method)
        with scratch(self.place.home.root / "scratch") as room:
            method.unpack(chain, room)
            with method.opened(chain, room, until or backup.manifest.point) as instance:
                yield instance


@contextlib.contextmanager
def kit(method: str, *options: str, filled: bool = True, **job: Any) -> Iterator[Kit]:
    """In a folder that the servers' own user gets into."""
    folder = Path(tempfile.mkdtemp(prefix="opsproof-backup-"))
    folder.chmod(0o711)
    before = dict(os.environ)
    os.environ["OPSPROOF_HOME"] = str(folder)
    os.environ[variable(CREDENTIAL, "user")] = "bk"
    os.environ[variable(CREDENTIAL, "password")] = PASSWORD
    try:
        with mariadb.server(folder / "source", *options) as server:
            grant(server)
            if filled:
                server.sql(*EVERYTHING)
            own = {"name": "db", "targets": ["MY-01"], "method": method, "credential": CREDENTIAL}
            made, identities = place(folder, {**own, **job})
            host = mariadb.this_host()
            target = server.target(instances=(Member(name="MY-01", host=host.name),))
            access = Access(Keyring(made.home), {host.name: host})
            yield Kit(server, made, identities, Item(made.plan.jobs[0], target), access)
    finally:
        os.environ.clear()
        os.environ.update(before)
        shutil.rmtree(folder, ignore_errors=True)


def grant(server: mariadb.Server) -> None:
    """What is shipped for the backup's account, said as an administrator would."""
    lines = [line for line in grants(SHIPPED, ACCOUNT).splitlines() if line and not line.startswith("--")]
    password = PASSWORD.replace("\\", "\\\\").replace("'", "''")
    statements = [f"CREATE USER {ACCOUNT} IDENTIFIED BY '{password}'", *lines]
    server.sql("SET sql_log_bin = 0", *(one.rstrip(";") for one in statements))


@contextlib.contextmanager
def writing(server: mariadb.Server, statement: Callable[[int], str], rate: int = 1000) -> Iterator[list[int]]:
    """So many a second, as far as the machine goes; how many it were stands in the list."""
    count, ended = [0], threading.Event()

    def write() -> None:
        with contextlib.closing(server.root()) as connection, connection.cursor() as cursor:
            begun = time.monotonic()
            while not ended.is_set():
                cursor.execute(statement(count[0]))
                count[0] += 1
                time.sleep(max(begun + count[0] / rate - time.monotonic(), 0))

    thread = threading.Thread(target=write, daemon=True)
    thread.start()
    try:
        yield count
    finally:
        ended.set()
        thread.join()
