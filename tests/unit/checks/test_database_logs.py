"""Logs of databases read on: the real probes over files as databases leave them."""

import os
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tasks.checks import CHECKS
from tasks.checks.answers import Member, write
from tasks.checks.judging import Before, Limits
from tasks.checks.script import compose
from tasks.inspection.judge import judge
from tasks.model import Database, Finding, Status
from tests.unit.checks.recorded import output
from tests.unit.checks.test_script import SHELLS, run, shell


@dataclass
class Reader:
    """A check that is asked again and again, with the marks of the time before."""

    check: str
    facts: dict[str, str]
    shell: str = "dash"
    marks: dict[str, str] = field(default_factory=dict)

    def read(self) -> dict[str, Finding]:
        check = CHECKS.all()[self.check]
        engine = self.check.partition(".")[0]
        target = Database(contract="lab", part="db", name="DB", engine=engine, address="127.0.0.1")
        own = check.variables(target, {name.removeprefix("DB."): text for name, text in self.marks.items()})
        assert "was_seen" not in own
        told = {f"db_{name}": text for name, text in self.facts.items()} | own
        outputs, _ = run(shell(self.shell), compose([check], {check.name: told}))
        said = outputs[check.name]
        assert not said.failure and not said.stderr and len(said.text) < 200_000, said
        text = write([Member("DB", self.facts, text=said.text)])
        found = judge(check, output(text), Limits(check.limits), Before(marks=self.marks))
        self.marks |= {mark.name: mark.text for one in found for mark in one.marks}
        return {one.subject: one for one in found}

    def errors(self) -> float:
        """Of the log as a whole, which is the first finding."""
        return number(next(iter(self.read().values())))


def number(found: Finding, name: str = "errors") -> float:
    return next(one.value for one in found.numbers if one.name == name)


def add(path: Path, *lines: str, encoding: str = "utf-8") -> None:
    with path.open("ab") as file:
        file.write("".join(f"{line}\n" for line in lines).encode(encoding))


PG = "2026-11-20 03:20:01.123 CST [77] {}:  {}"


@pytest.mark.parametrize("name", SHELLS)
def test_a_server_log_with_a_new_name_every_day(name: str, tmp_path: Path) -> None:
    days = [tmp_path / f"postgresql-2026-11-{day}.log" for day in (18, 19, 20, 21)]
    for age, day in enumerate(days):
        add(day, PG.format("ERROR", f"odd {age}"), PG.format("LOG", "fine"))
        os.utime(day, (time.time() - 400 + age * 100,) * 2)
    reader = Reader("postgres.serverlog", {"log": str(days[1])}, name)
    assert reader.errors() == 1 and reader.errors() == 0
    add(days[1], PG.format("ERROR", "after the last look"))
    os.utime(days[1], (time.time() - 300,) * 2)
    reader.facts["log"] = str(days[3])
    assert reader.errors() == 3, "the rest of one, all of the next, all of the newest, and none of the oldest"
    assert reader.errors() == 0
    days[3].unlink()
    add(days[0], PG.format("ERROR", "a week later under an old name"))
    reader.facts["log"] = str(days[0])
    found = reader.read()["服务器日志"]
    assert "旧文件已不在" in found.summary and number(found) == 2


def test_a_server_log_that_is_known_by_its_folder_only(tmp_path: Path) -> None:
    reader = Reader("postgres.serverlog", {"log": str(tmp_path)})
    assert reader.read()["服务器日志"].status is Status.UNKNOWN
    add(tmp_path / "a.log", PG.format("FATAL", "the database system is starting up"))
    add(tmp_path / "a.log", PG.format("错误", "关系不存在"), encoding="gbk")
    add(tmp_path / "a.log", PG.format("错误", "关系不存在"))
    assert reader.errors() == 2 and reader.errors() == 0


SECRET = "ALTER ROLE x PASSWORD 'hidden'; could not "
CSV = '2026-11-20 03:20:01.123 CST,"a","b",7,"[local]",6b.1,1,"SELECT",2026-11-20 03:20:01 CST,3/12,12345,'
JSON = '{"timestamp":"2026-11-20 03:20:01.123 CST","pid":7,"error_severity":"ERROR","state_code":"22012",'
STATEMENTS = {
    "log": (PG.format("ERROR", "odd"), PG.format("STATEMENT", SECRET), f"\t{SECRET}"),
    "csv": (CSV + f'ERROR,22012,"odd ""7""",,,,,,"{SECRET}', f'{SECRET}",15,,"","client backend",,0'),
    "json": (JSON + f'"message":"odd \\"7\\"","statement":"{SECRET}","query_id":0}}',),
}


@pytest.mark.parametrize("name", SHELLS)
@pytest.mark.parametrize("ending", STATEMENTS)
def test_statements_stay_where_they_are(name: str, ending: str, tmp_path: Path) -> None:
    log = tmp_path / f"a.{ending}"
    add(log, *STATEMENTS[ending])
    check = CHECKS.all()["postgres.serverlog"]
    outputs, _ = run(shell(name), compose([check], {check.name: {"db_log": str(log)}}))
    said = outputs[check.name].text
    assert "count 1 left 0" in said and "odd" in said and "PASSWORD" not in said
    assert Reader("postgres.serverlog", {"log": str(log)}, name).errors() == 1


ALERT = "ORA-00600: internal error code, arguments: [{}]"


@pytest.mark.parametrize("name", SHELLS)
def test_an_alert_log_by_its_name_in_the_inventory(name: str, tmp_path: Path) -> None:
    log = tmp_path / "alert log_ORCL.log"
    add(log, "Fri Mar 24 18:06:17 2017", ALERT.format(1))
    reader = Reader("oracle.alert", {"log": str(log)}, name)
    first = reader.read()
    assert first["告警日志 ora-internal"].status is Status.FAIL and reader.errors() == 0
    add(log, "2017-03-25T17:49:39.327480+09:00", ALERT.format(2))
    log.rename(tmp_path / "alert log_ORCL.log.20170325")
    add(log, "2017-03-25T17:50:39.327480+09:00", ALERT.format(3), "ORA-00060: 死锁", encoding="gb18030")
    second = reader.read()
    assert number(second["告警日志 ora-internal"], "count") == 2
    assert "2017-03-25T17:49:39.327480+09:00 至 2017-03-25T17:50:39.327480+09:00" in (
        second["告警日志 ora-internal"].summary
    )
    assert second["告警日志 ora-deadlock"].status is Status.WARN and reader.errors() == 0


@pytest.mark.parametrize("name", SHELLS)
def test_an_alert_log_beside_the_only_instance_that_runs(name: str, tmp_path: Path) -> None:
    """A stand-in for its process monitor: a process of that name, with the environment it would have."""
    log = tmp_path / "diag/rdbms/orcl/ORCL1/trace/alert_ORCL1.log"
    log.parent.mkdir(parents=True)
    add(log, ALERT.format(1))
    environment = {"PATH": os.environ["PATH"], "ORACLE_BASE": str(tmp_path)}
    words = ["bash", "-c", "exec -a ora_pmon_ORCL1 cat"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, env=environment) as process:
        try:
            deadline = time.monotonic() + 30
            while b"pmon" not in Path(f"/proc/{process.pid}/cmdline").read_bytes():
                assert time.monotonic() < deadline
                time.sleep(0.01)
            found = Reader("oracle.alert", {}, name).read()
        finally:
            process.kill()
    assert str(log) in found["告警日志"].summary and "告警日志 ora-internal" in found


def test_a_log_that_is_nowhere_said(tmp_path: Path) -> None:
    for check, title in (("oracle.alert", "告警日志"), ("mysql.errorlog", "错误日志")):
        found = Reader(check, {}).read()[title]
        assert found.status is Status.UNKNOWN and "databases.yml" in found.summary
        found = Reader(check, {"log": str(tmp_path / "gone")}).read()[title]
        assert found.status is Status.UNKNOWN and "不存在" in found.summary


def test_the_facts_are_those_that_sessions_give() -> None:
    """What a probe is told by its database: written down there, read here."""
    told: Mapping[str, tuple[str, ...]] = {
        "mysql.errorlog": ("db_log_error", "db_log"),
        "postgres.serverlog": ("db_log",),
        "oracle.alert": ("db_log",),
    }
    for check, names in told.items():
        assert all(name in CHECKS.all()[check].probe for name in names)
