from collections.abc import Iterator

from tasks.checks.answers import Answers, Row, query
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.oracle.containers import both, containers, name
from tasks.checks.rows import number, text
from tasks.model import Finding, Number, Status

# Locked for good is how unused accounts should be; LOCKED(TIMED) is what wrong passwords do. A password that
# expires stops the application that uses it. The inspecting account sees itself without any grant.
EXPIRING = """
SELECT con_id, username, account_status, expiry_date - SYSDATE AS days
FROM cdb_users
WHERE account_status NOT LIKE '%LOCKED' AND (expiry_date IS NOT NULL OR account_status <> 'OPEN')
"""
OWN = """
-- own role=primary,
SELECT username, account_status, expiry_date - SYSDATE AS days FROM user_users
"""


@query(
    "oracle.accounts",
    title="账户到期与锁定",
    topics=("accounts", "password", "security"),
    probe=OWN + containers() + both("accounts", EXPIRING),
    limits={"days": (30, 7)},
)
def accounts(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    own = answers.rows("own") if answers.has("own") else ()
    for row in own:
        yield judged("巡检账户", row, limits)
    rows = answers.rows("accounts") if answers.has("accounts") else ()
    mine = {text(row, "username") for row in own}
    others = [row for row in rows if text(row, "username") not in mine]
    troubled = [row for row in others if state(row, limits) is not Status.OK]
    for row in troubled:
        yield judged(name(answers, row, text(row, "username")), row, limits)
    if answers.has("accounts") and not troubled:
        told = f"{len(others)} 个账户的密码会到期，没有临近到期或被临时锁定的"
        yield finding("其他账户", Status.OK, told)


def state(row: Row, limits: Limits) -> Status:
    """EXPIRED for long is an account that nobody uses; in its grace time it is used, and soon refused."""
    said = text(row, "account_status")
    if "GRACE" in said:
        return Status.FAIL
    if said != "OPEN":
        return Status.WARN
    if row["days"] is None:
        return Status.OK
    return limits.of("days", falling=True).level(number(row, "days"))


def judged(subject: str, row: Row, limits: Limits) -> Finding:
    limit, days = limits.of("days", falling=True), row["days"]
    numbers = (
        [] if days is None else [Number("days", round(number(row, "days"), 1), "天", limit.passed(days))]
    )
    expires = "没有到期日" if days is None else f"密码还有 {days:.0f} 天到期" if days > 0 else "密码已到期"
    return finding(
        subject,
        state(row, limits),
        f"{text(row, 'username')}：{text(row, 'account_status')}，{expires}",
        *numbers,
        advice="与应用方约定时间修改密码，或调整其 profile；被锁定的查明错误密码的来源",
    )
