from collections.abc import Iterator

from tasks.checks.answers import Answers, Member, Row, query
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.oracle.rows import of_node
from tasks.checks.rows import number, text
from tasks.model import Finding, Number, Status

# limit_value is text, padded with spaces, and may say UNLIMITED.
PROBE = """
-- rows on=each
SELECT inst_id, resource_name, current_utilization, max_utilization, limit_value
FROM gv$resource_limit WHERE resource_name IN ('processes', 'sessions')
"""
NAMES = {"processes": "进程数", "sessions": "会话数"}


@query(
    "oracle.resources",
    title="进程与会话上限",
    topics=("database", "performance"),
    probe=PROBE,
    limits={"percent": (80, 90)},
)
def resources(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    for member, rows in answers.each():
        for row in rows:
            yield judged(member, row, limits, before)


def judged(member: Member, row: Row, limits: Limits, before: Before) -> Finding:
    resource, most = text(row, "resource_name"), text(row, "limit_value")
    subject = of_node(member, row, NAMES.get(resource, resource))
    now, peak = number(row, "current_utilization"), number(row, "max_utilization")
    told = f"当前 {now:.0f}，启动以来最高 {peak:.0f}"
    current = Number("current", now, "个")
    if most == "UNLIMITED":
        return finding(subject, Status.OK, f"{told}，不限", current)
    percent = 100 * now / int(most)
    limit = limits.of("percent", subject)
    return finding(
        subject,
        limit.level(percent),
        f"{told}，上限 {int(most)}，使用率 {percent:.1f}%",
        Number("percent", round(percent, 1), "%", limit.passed(percent)),
        current,
        change=before.change(subject, "percent", percent),
        advice="查找连接泄漏和空闲会话；确有需要时调高 processes 并重启，同时核对操作系统限制",
    )
