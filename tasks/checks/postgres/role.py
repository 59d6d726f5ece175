from collections.abc import Iterator

from tasks.checks.answers import Answers, query
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.rows import of_member
from tasks.model import Finding, Status

WORDS = {"primary": "主库", "standby": "备库"}


@query(
    "postgres.role",
    title="主备角色",
    topics=("database", "replication", "switchover"),
    probe="-- rows on=each\nSELECT CASE WHEN pg_is_in_recovery() THEN 'standby' ELSE 'primary' END AS role",
)
def role(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    """A standby that was promoted, a primary that came back as a standby: nobody else tells."""
    for member, rows in answers.each():
        is_now, expected = WORDS[rows[0]["role"]], member.facts.get("expected_role", "")
        other = bool(expected) and WORDS[expected] != is_now
        yield finding(
            of_member(member, "角色"),
            Status.FAIL if other else Status.OK,
            f"当前是{is_now}" + (f"，清单登记为{WORDS[expected]}" if other else ""),
            advice="核对是否发生过切换：是则更新清单并重建另一侧，否则立即确认没有两个主库同时写入",
        )
