import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from tasks.checks.answers import Answers, Member, Row, query
from tasks.checks.judging import Before, Limits, finding, unknown
from tasks.checks.rows import number, of_member, text
from tasks.model import Finding, Number, Status

# `version` says x.0.0.0.0 from 18c on. A node that is down has no row in gv$instance; its redo thread, which
# is enabled and not open, tells. A standby has no open thread of its own.
PROBE = """
-- instances on=each before=18
SELECT instance_name, host_name, version, status, logins AS login_mode, database_status,
       (SYSDATE - startup_time) * 86400 AS seconds, TO_CHAR(SYSDATE, 'YYYY-MM-DD') AS today,
       TO_CHAR(startup_time, 'YYYY-MM-DD HH24:MI:SS') AS started
FROM gv$instance
-- instances on=each since=18
SELECT instance_name, host_name, version_full AS version, status, logins AS login_mode, database_status,
       (SYSDATE - startup_time) * 86400 AS seconds, TO_CHAR(SYSDATE, 'YYYY-MM-DD') AS today,
       TO_CHAR(startup_time, 'YYYY-MM-DD HH24:MI:SS') AS started
FROM gv$instance
-- closed role=primary,
SELECT thread#, instance FROM v$thread WHERE status = 'CLOSED' AND enabled <> 'DISABLED'
"""
DATA = Path(__file__).with_name("releases.toml")
ADVICE = "登录该节点查看告警日志，查明状态异常或重启的原因"


@cache
def releases() -> tuple[Mapping[str, Any], ...]:
    return tuple(tomllib.loads(DATA.read_text("utf-8"))["release"])


@query(
    "oracle.instance",
    title="实例与版本",
    topics=("database", "uptime", "patch.database", "ledger"),
    probe=PROBE,
    limits={"days_left": (180, None)},
)
def instance(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    for member, rows in answers.each("instances"):
        yield version(member, rows, limits)
        for row in rows:
            yield state(member, row, before)
    for member, rows in answers.each("closed"):
        for row in rows:
            thread = f"线程 {number(row, 'thread#'):.0f}"
            subject = of_member(member, str(row["instance"] or thread))
            told = f"{thread} 的实例没有运行"
            yield finding(subject, Status.FAIL, told, advice="启动该节点的实例，查明停止原因")


def state(member: Member, row: Row, before: Before) -> Finding:
    subject, seconds = of_member(member, text(row, "instance_name")), number(row, "seconds")
    status, logins, database = text(row, "status"), text(row, "login_mode"), text(row, "database_status")
    wrong = []
    if status != "OPEN" and not (status == "MOUNTED" and member.facts.get("role") == "standby"):
        wrong.append(f"状态为 {status}")
    if database != "ACTIVE":
        wrong.append(f"数据库状态为 {database}")
    restricted = logins != "ALLOWED"
    mark, started = f"{subject}.started", text(row, "started")
    restarted = before.marks.get(mark, started) != started
    remarks = ["限制登录（RESTRICTED）"] * restricted + ["上次检查之后重启过"] * restarted
    days, rest = divmod(int(seconds), 86400)
    running = f"主机 {row['host_name']}，{status}，已运行 {days} 天 {rest // 3600} 小时"
    return finding(
        subject,
        Status.FAIL if wrong else Status.WARN if remarks else Status.OK,
        "；".join([*wrong, *remarks, running]),
        Number("seconds", round(seconds), "s"),
        change="重启过" if restarted else "",
        advice=ADVICE,
        marks={mark: started},
    )


def version(member: Member, rows: Sequence[Row], limits: Limits) -> Finding:
    subject, versions = of_member(member, "版本"), sorted({text(row, "version") for row in rows})
    known = next((one for one in releases() if begins(versions[0], one["version"])), None)
    if known is None:
        return unknown(subject, f"没有 Oracle {versions[0]} 的支持期限")
    left = (known["until"] - date.fromisoformat(text(rows[0], "today"))).days
    limit, expected = limits.of("days_left", falling=True), member.facts.get("expected_version", "")
    remarks = ["各节点版本不一致"] * (len(versions) > 1)
    if expected and not begins(versions[0], expected):
        remarks.append(f"台账登记为 {expected}")
    until = f"已于 {known['until']} 停止发布补丁" if left < 0 else f"补丁发布至 {known['until']}"
    return finding(
        subject,
        Status.worst((limit.level(left), Status.WARN if remarks else Status.OK)),
        "；".join([f"Oracle {'、'.join(versions)}", until, f"标准支持至 {known['premier']}", *remarks]),
        Number("days_left", left, "天", limit.passed(left)),
        advice="核对台账；不再有补丁的版本应制定升级计划，期间收紧访问控制",
    )


def begins(version: str, front: str) -> bool:
    """`19c`, `19.21` and `11.2.0.4` are how people and Oracle write the front of a version."""
    wanted = re.findall(r"\d+", front)
    return bool(wanted) and re.findall(r"\d+", version)[: len(wanted)] == wanted
