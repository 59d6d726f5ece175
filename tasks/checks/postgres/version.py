import tomllib
from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache
from pathlib import Path

from tasks.checks.answers import Answers, Member, query
from tasks.checks.judging import Before, Limits, finding, unknown
from tasks.checks.rows import of_member, text
from tasks.model import Finding, Number, Status

DATA = Path(__file__).with_name("releases.toml")
ADVICE = "核对台账；不再有补丁的版本应制定升级计划，期间收紧访问控制"


@cache
def releases() -> Mapping[str, date]:
    return dict(tomllib.loads(DATA.read_text("utf-8"))["until"])


@query(
    "postgres.version",
    title="版本与支持期限",
    topics=("database", "patch.database", "ledger"),
    probe="-- rows on=each\nSELECT to_char(now(), 'YYYY-MM-DD') AS today",
    limits={"days_left": (180, None)},
)
def version(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    for member, rows in answers.each():
        yield judged(member, date.fromisoformat(text(rows[0], "today")), limits)


def judged(member: Member, today: date, limits: Limits) -> Finding:
    subject, number = of_member(member, "版本"), member.facts["version"]
    product = member.facts.get("product", "")
    expected = member.facts.get("expected_version", "")
    other = bool(expected) and not begins(number, expected) and expected not in product
    remarks = [f"台账登记为 {expected}"] * other
    if member.facts["flavour"] != "postgres":
        said = f"{product}，相当于 PostgreSQL {number}，支持期限以厂商合同为准"
        status = Status.WARN if other else Status.OK
        return finding(subject, status, "；".join([said, *remarks]), advice=ADVICE)
    known = releases().get(branch(number))
    if known is None:
        return unknown(subject, f"没有 PostgreSQL {number} 的支持期限")
    left, limit = (known - today).days, limits.of("days_left", falling=True)
    until = f"已于 {known} 停止发布补丁" if left < 0 else f"补丁发布至 {known}"
    return finding(
        subject,
        Status.worst((limit.level(left), Status.WARN if other else Status.OK)),
        "；".join([f"PostgreSQL {number}", until, *remarks]),
        Number("days_left", left, "天", limit.passed(left)),
        advice=ADVICE,
    )


def branch(number: str) -> str:
    """9.6.24 belongs to 9.6, 15.18 to 15."""
    parts = number.split(".")
    return ".".join(parts[:2]) if parts[0] == "9" else parts[0]


def begins(number: str, front: str) -> bool:
    wanted = front.split(".")
    return number.split(".")[: len(wanted)] == wanted
