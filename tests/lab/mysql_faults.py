"""What goes wrong with a MySQL server, done to a real pair; and how the product looks at one."""

import contextlib
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pymysql

from tasks import clock
from tasks.checks import Check
from tasks.checks.judging import Before, Limits, Pair
from tasks.home import home
from tasks.inspection.collect import EVERYTHING, Collected, Wanted, collect
from tasks.inspection.judge import judge_target
from tasks.inventory.credentials import Keyring
from tasks.model import Database, Finding, Instance, Status, Target
from tasks.transports import Access
from tests.lab.mariadb import Server, pair, server, this_host, tls_options

HERE = "HERE"
Servers = tuple[Server, Server]


@dataclass(frozen=True)
class Look:
    """One inspection: what was answered, and what it led to."""

    collected: Collected
    findings: Sequence[Finding]

    @property
    def alarms(self) -> list[tuple[str, str, str]]:
        return [(one.check, one.subject, str(one.status)) for one in self.findings if one.status != Status.OK]

    def summary(self, alarm: tuple[str, str, str]) -> str:
        found = (one for one in self.findings if (one.check, one.subject, str(one.status)) == alarm)
        return next((f"{one.subject}: {one.summary}" for one in found), "not found")

    @property
    def marks(self) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = {}
        for one in self.findings:
            found.setdefault(one.check, {}).update({mark.name: mark.text for mark in one.marks})
        return found

    def before(self, check: Check, target: Target | None = None) -> Before:
        """As history gives it, the sets of things approved by somebody."""
        own = [one for one in self.findings if one.check == check.name]
        marks = self.marks.get(check.name, {})
        return Before(
            {(one.subject, number.name): number.value for one in own for number in one.numbers},
            {one.subject: one.status for one in own},
            clock.now(),
            marks,
            {name: frozenset(marks[name].split()) for name in check.baseline if name in marks},
        )


def target_of(one: Server, **fields: object) -> Database:
    role = "primary" if one.number == 1 else "standby"
    own = {"role": role, "instances": (Instance(name="MY-01", host=HERE),)}
    return one.target(**{**own, **fields})


def look(
    target: Database, last: Look | None = None, limits: Mapping[str, Mapping[str, Pair]] | None = None
) -> Look:
    """`limits`: check → number → pair, where a site has its own."""
    own = limits or {}
    wanted = Wanted(marks={target.name: last.marks}) if last else EVERYTHING
    collected = collect(target, wanted, Access(Keyring(home()), {HERE: this_host(HERE)}))
    return Look(
        collected,
        judge_target(
            collected,
            lambda check, _: Limits({**check.limits, **own.get(check.name, {})}),
            last.before if last else lambda check, _: Before(),
        ),
    )


@dataclass(frozen=True)
class Fault:
    """`found`: check, subject, status. `make` does it to a pair, and holds it until it is left."""

    name: str
    found: tuple[str, str, str]
    make: Callable[[Servers], AbstractContextManager[None]]
    on: int = 1
    options: tuple[str, ...] = ()
    limits: Mapping[str, Pair] = field(default_factory=dict)
    place: Callable[[Path, tuple[str, ...]], AbstractContextManager[Servers]] = lambda folder, options: pair(
        folder, *options
    )

    def limits_of(self) -> Mapping[str, Mapping[str, Pair]]:
        return {self.found[0]: self.limits}


def once(work: Callable[[Servers], object]) -> Callable[[Servers], AbstractContextManager[None]]:
    """A fault that nobody has to hold."""

    @contextmanager
    def made(servers: Servers) -> Iterator[None]:
        work(servers)
        yield

    return made


def until(true: Callable[[], object], seconds: float = 15) -> None:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.05)


def replica_state(replica: Server) -> dict[str, object]:
    return replica.sql("SHOW ALL SLAVES STATUS")[0]


def stopped(servers: Servers) -> None:
    servers[1].sql("STOP SLAVE SQL_THREAD")


def broken(servers: Servers) -> None:
    primary, replica = servers
    replica.sql(
        "SET GLOBAL gtid_strict_mode = 0", "SET sql_log_bin = 0", "INSERT INTO app.t VALUES (1, 'theirs')"
    )
    primary.sql("INSERT INTO app.t VALUES (1, 'ours')")
    until(lambda: replica_state(replica)["Slave_SQL_Running"] == "No")


def unreachable(servers: Servers) -> None:
    servers[0].stop()
    until(lambda: replica_state(servers[1])["Slave_IO_Running"] != "Yes")


@contextmanager
def lagging(servers: Servers) -> Iterator[None]:
    """What was done on the primary an hour and more ago is only waited for now."""
    primary, replica = servers
    with closing(replica.root()) as holding:
        holding.query("LOCK TABLES app.t READ")
        primary.sql("SET timestamp = UNIX_TIMESTAMP() - 4000", "INSERT INTO app.t VALUES (1, 'late')")
        until(lambda: (replica_state(replica)["Seconds_Behind_Master"] or 0) >= 4000)
        yield


def writable(servers: Servers) -> None:
    servers[1].sql("SET GLOBAL read_only = 0")


def promoted(servers: Servers) -> None:
    servers[1].sql("STOP SLAVE", "RESET SLAVE ALL")


@contextmanager
def waiting(one: Server, statement: str, first: str = "") -> Iterator[None]:
    """A session of its own in which the statement is under way."""
    connection = one.root()

    def work() -> None:
        with contextlib.suppress(pymysql.MySQLError):
            connection.query(statement)

    if first:
        connection.query(first)
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        one.sql(f"KILL {connection.thread_id()}")
        thread.join(10)
        connection.close()


@contextmanager
def open_transaction(servers: Servers) -> Iterator[None]:
    primary = servers[0]
    primary.sql("INSERT INTO app.t VALUES (7, 'seven')")
    with closing(primary.root()) as holding:
        holding.query("BEGIN")
        holding.query("UPDATE app.t SET said = 'mine' WHERE id = 7")
        time.sleep(1.2)
        yield
        holding.rollback()


@contextmanager
def blocked(servers: Servers) -> Iterator[None]:
    update = "UPDATE app.t SET said = 'mine too' WHERE id = 7"
    with open_transaction(servers), waiting(servers[0], update), waiting(servers[0], update):
        until(lambda: len(servers[0].sql("SELECT * FROM information_schema.innodb_lock_waits")) >= 2)
        time.sleep(1.2)
        yield


@contextmanager
def altered_in_use(servers: Servers) -> Iterator[None]:
    primary = servers[0]
    with closing(primary.root()) as holding:
        holding.query("BEGIN")
        holding.query("SELECT * FROM app.t")
        with waiting(primary, "ALTER TABLE app.t ADD COLUMN more INT"):
            time.sleep(1.5)
            yield
        holding.rollback()


def deadlocked(servers: Servers) -> None:
    primary = servers[0]
    primary.sql("INSERT INTO app.t VALUES (8, 'a'), (9, 'b')")
    with closing(primary.root()) as one:
        one.query("BEGIN")
        one.query("UPDATE app.t SET said = 'x' WHERE id = 8")
        with waiting(
            primary, "UPDATE app.t SET said = 'y' WHERE id = 8", "UPDATE app.t SET said = 'y' WHERE id = 9"
        ):
            pass
    with closing(primary.root()) as one, closing(primary.root()) as other:
        for connection, first in ((one, 8), (other, 9)):
            connection.query("BEGIN")
            connection.query(f"UPDATE app.t SET said = 'x' WHERE id = {first}")
        thread = threading.Thread(target=quietly, args=(one, "UPDATE app.t SET said = 'x' WHERE id = 9"))
        thread.start()
        time.sleep(0.3)
        quietly(other, "UPDATE app.t SET said = 'x' WHERE id = 8")
        thread.join(10)


def quietly(connection: "pymysql.Connection[pymysql.cursors.DictCursor]", statement: str) -> None:
    with contextlib.suppress(pymysql.MySQLError):
        connection.query(statement)


@contextmanager
def flooded(servers: Servers, count: int = 19) -> Iterator[None]:
    with ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(closing(servers[0].root()))
        yield


def guest(one: Server, password: str = "wrong") -> "pymysql.Connection[pymysql.cursors.Cursor]":
    return pymysql.connect(host="127.0.0.1", port=one.port, user="repl", password=password)


def overrun(servers: Servers) -> None:
    """Full for a while: the last ones could not come in."""
    with ExitStack() as stack, contextlib.suppress(pymysql.MySQLError):
        for _ in range(40):
            stack.enter_context(closing(guest(servers[0], "repl")))


def guessed(servers: Servers) -> None:
    for _ in range(40):
        with contextlib.suppress(pymysql.MySQLError):
            guest(servers[0]).close()


def slow(servers: Servers) -> None:
    servers[0].sql("SET GLOBAL long_query_time = 0")
    servers[0].sql(*["SELECT 1"] * 80, "SET GLOBAL long_query_time = 10")


@contextmanager
def busy(servers: Servers) -> Iterator[None]:
    with ExitStack() as stack:
        for _ in range(8):
            stack.enter_context(waiting(servers[0], "SELECT SLEEP(30)"))
        until(lambda: len(servers[0].sql("SHOW PROCESSLIST")) >= 9)
        yield


def cold(servers: Servers) -> None:
    """A cache far too small for what is read."""
    primary = servers[0]
    primary.sql(
        "SET sql_log_bin = 0",
        "USE app",
        "CREATE TABLE app.wide (id INT PRIMARY KEY, said CHAR(250))",
        "INSERT INTO app.wide SELECT seq, 'x' FROM seq_1_to_60000",
        "SET SESSION optimizer_use_condition_selectivity = 1",
        *["SELECT SUM(LENGTH(said)) FROM app.wide WHERE id * 1 > 0"] * 30,
    )
    lookups = "SELECT COUNT(w.said) FROM seq_1_to_40000 s JOIN app.wide w ON w.id = (s.seq * 7919) % 60000"
    primary.sql("USE app", lookups)


def keyless(servers: Servers) -> None:
    servers[0].sql("CREATE TABLE app.no_key (said INT)")


def crashed(servers: Servers) -> None:
    primary = servers[0]
    primary.sql(
        "CREATE TABLE app.old (id INT) ENGINE=MyISAM", "INSERT INTO app.old VALUES (1)", "FLUSH TABLES"
    )
    index = primary.data / "app/old.MYI"
    index.write_bytes(index.read_bytes()[:200])


def kept_for_ever(servers: Servers) -> None:
    servers[0].sql("SET GLOBAL expire_logs_days = 0")


def open_to_all(servers: Servers) -> None:
    servers[0].sql("CREATE USER 'admin'@'%' IDENTIFIED BY 'x'", "GRANT ALL ON *.* TO 'admin'@'%'")


@contextmanager
def running_a_while(folder: Path, options: tuple[str, ...]) -> Iterator[Servers]:
    """Longer than a look takes: afterwards the server is younger than it was."""
    with pair(folder, *options) as servers:
        time.sleep(10)
        yield servers


def restarted(servers: Servers) -> None:
    servers[0].stop()
    servers[0].start()
    dumping = "SELECT 1 FROM information_schema.processlist WHERE command = 'Binlog Dump'"
    until(lambda: servers[0].sql(dumping))


def burst(servers: Servers) -> None:
    with servers[0].log.open("a", encoding="utf-8") as log:
        for number in range(200):
            log.write(
                f"{clock.now():%Y-%m-%d %H:%M:%S} {number} [ERROR] InnoDB: Operating system error number 28\n"
            )


@contextmanager
def on_small_disk(folder: Path, options: tuple[str, ...]) -> Iterator[Servers]:
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m", "opsproof", str(folder)], check=True)
    try:
        with server(folder / "one", *options) as one:
            yield one, one
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def filled(servers: Servers) -> None:
    space = os.statvfs(servers[0].folder)
    with (servers[0].folder / "filler").open("wb") as file:
        file.truncate(0)
        file.write(bytes(int(space.f_bavail * space.f_frsize - 0.05 * space.f_blocks * space.f_frsize)))


@contextmanager
def expired(folder: Path, options: tuple[str, ...]) -> Iterator[Servers]:
    with pair(folder, *options, *tls_options(folder.parent / "tls", 1)) as servers:
        yield servers


NOTHING = once(lambda servers: None)
FULL = ("--max-connections=22",)
SOON: Mapping[str, Pair] = {"seconds": (1, 600), "row_seconds": (1, 60), "table_seconds": (1, 300)}
FAULTS = (
    Fault("replication stopped", ("mysql.replication", "复制线程", "fail"), once(stopped), 2),
    Fault("replication broken", ("mysql.replication", "复制线程", "fail"), once(broken), 2),
    Fault("primary gone", ("mysql.replication", "复制线程", "fail"), once(unreachable), 2),
    Fault("replica lagging", ("mysql.replication", "复制延迟", "fail"), lagging, 2),
    Fault("replica writable", ("mysql.replication", "角色", "warn"), once(writable), 2),
    Fault("standby replicates no more", ("mysql.replication", "角色", "fail"), once(promoted), 2),
    Fault(
        "data folder full", ("mysql.files", "数据目录所在文件系统", "fail"), once(filled), place=on_small_disk
    ),
    Fault("blocker", ("mysql.locks", "行锁", "warn"), blocked, limits=SOON),
    Fault("metadata lock", ("mysql.locks", "表锁与元数据锁", "warn"), altered_in_use, limits=SOON),
    Fault("long transaction", ("mysql.transactions", "长事务", "warn"), open_transaction, limits=SOON),
    Fault("deadlock", ("mysql.deadlocks", "死锁", "warn"), once(deadlocked)),
    Fault("expired certificate", ("mysql.certificate", "服务器证书", "fail"), NOTHING, place=expired),
    Fault("connection flood", ("mysql.connections", "连接数", "fail"), flooded, options=FULL),
    Fault("connections refused", ("mysql.connections", "连接峰值", "fail"), once(overrun), options=FULL),
    Fault("passwords guessed", ("mysql.errors", "失败的连接", "warn"), once(guessed)),
    Fault("slow queries", ("mysql.slow", "慢查询", "warn"), once(slow)),
    Fault("many running", ("mysql.performance", "并发", "warn"), busy, limits={"running": (8, 256)}),
    Fault(
        "cache too small",
        ("mysql.buffer_pool", "缓冲池", "fail"),
        once(cold),
        options=("--innodb-buffer-pool-size=6M",),
    ),
    Fault("table without a key", ("mysql.primary_keys", "没有主键的表", "warn"), once(keyless)),
    Fault("crashed table", ("mysql.tables", "app.old", "fail"), once(crashed)),
    Fault("binary logs kept for ever", ("mysql.binlog", "二进制日志保留", "warn"), once(kept_for_ever)),
    Fault("administrator from anywhere", ("mysql.accounts", "远程管理账户", "warn"), once(open_to_all)),
    Fault("restarted", ("mysql.uptime", "运行时间", "warn"), once(restarted), place=running_a_while),
)
