import tomllib
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path

from tasks.checks.answers import Answers, query
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.mysql.counters import NOW, named, variables
from tasks.model import Finding, Number, Status

DATA = Path(__file__).with_name("releases.toml")
SUBJECT = "版本"
NAMES = {"mysql": "MySQL", "mariadb": "MariaDB"}


@cache
def releases() -> Mapping[str, Mapping[str, date]]:
    return tomllib.loads(DATA.read_text("utf-8"))


@query(
    "mysql.version",
    title="数据库版本与支持期限",
    topics=("database", "patch.database", "ledger"),
    probe=NOW
    + variables(
        "version", "version_comment", "version_compile_os", "version_compile_machine", "hostname", "port"
    ),
    limits={"days_left": (180, None)},
)
def version(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    said, facts = named(answers.rows("variables")), answers.facts
    flavour, full = facts["flavour"], facts["version"]
    until = releases()[flavour].get(".".join(full.split(".")[:2]))
    today = datetime.fromtimestamp(answers.row("now")["now"], UTC).date()
    where = (
        f"{said['hostname']}:{said['port']}，{said['version_compile_os']} {said['version_compile_machine']}"
    )
    about = f"{said['version']}（{said['version_comment']}），{where}"
    was = before.marks.get("version", said["version"])
    change = "" if was == said["version"] else f"版本由 {was} 变为 {said['version']}"
    marks = {"version": said["version"]}
    if until is None:
        told = f"{NAMES[flavour]} {full} 不在支持期限表中，无法判断是否仍在维护；{about}"
        advice = "到厂商公告核对该版本的支持期限；已停止维护的，制定升级计划"
        yield finding(SUBJECT, Status.UNKNOWN, told, change=change, advice=advice, marks=marks)
    else:
        left = (until - today).days
        limit = limits.of("days_left", falling=True)
        words = f"已于 {until} 停止维护" if left < 0 else f"维护至 {until}，剩 {left} 天"
        yield finding(
            SUBJECT,
            limit.level(left),
            f"{NAMES[flavour]} {full} {words}；{about}",
            Number("days_left", left, "天", limit.passed(left)),
            change=change,
            advice="不再有安全更新：制定升级计划，期间限制访问来源，并关注已公开的漏洞",
            marks=marks,
        )
    yield from registered(full, facts.get("expected_version", ""))


def registered(full: str, expected: str) -> Iterator[Finding]:
    if expected and full.split(".")[: len(expected.split("."))] != expected.split("."):
        told = f"清单登记的版本是 {expected}，实际为 {full}"
        yield finding("登记版本", Status.WARN, told, advice="核对是否经过变更，并更新清单和台账")
