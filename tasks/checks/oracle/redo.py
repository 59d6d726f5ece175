from collections.abc import Iterator, Sequence

from tasks.checks.answers import Answers, Member, Row, query
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.rows import number, of_member
from tasks.model import Finding, Number, Status

# How many times each thread switched in each of the last 24 hours, counted back from now.
PROBE = """
-- hours role=primary,
SELECT thread#, FLOOR((SYSDATE - first_time) * 24) AS hours_ago, COUNT(*) AS switches
FROM v$log_history WHERE first_time > SYSDATE - 1
GROUP BY thread#, FLOOR((SYSDATE - first_time) * 24)
-- lost role=primary,
SELECT group#, member FROM v$logfile WHERE status = 'INVALID'
-- groups role=primary,
SELECT thread#, COUNT(*) AS logs, MIN(bytes) AS bytes FROM v$log GROUP BY thread#
"""


@query(
    "oracle.redo",
    title="重做日志",
    topics=("performance", "database"),
    probe=PROBE,
    limits={"switches": (20, 60)},
)
def redo(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    hours = answers.rows("hours") if answers.has("hours") else ()
    for member, rows in answers.each("groups"):
        for row in rows:
            own = [one for one in hours if one["thread#"] == row["thread#"]]
            yield switches(member, row, own, limits)
    for member, rows in answers.each("lost"):
        yield lost(member, rows)


def switches(member: Member, row: Row, hours: Sequence[Row], limits: Limits) -> Finding:
    thread = f"线程 {number(row, 'thread#'):.0f} " if member.facts.get("form") == "rac" else ""
    subject = of_member(member, f"{thread}日志切换")
    peak = max((number(one, "switches") for one in hours), default=0)
    total = sum(number(one, "switches") for one in hours)
    limit, size = limits.of("switches", subject), number(row, "bytes") / 1024**2
    return finding(
        subject,
        limit.level(peak),
        f"24 小时切换 {total:.0f} 次，最忙的一小时 {peak:.0f} 次；"
        f"{number(row, 'logs'):.0f} 组，每组 {size:.0f} MiB",
        Number("switches", peak, "次", limit.passed(peak)),
        Number("day", total, "次"),
        Number("logs", number(row, "logs"), "组"),
        advice="切换过于频繁时加大重做日志，使高峰期每 15 至 20 分钟切换一次；核对是否有异常的批量写入",
    )


def lost(member: Member, rows: Sequence[Row]) -> Finding:
    named = "、".join(str(row["member"]) for row in rows[:5])
    return finding(
        of_member(member, "日志成员"),
        Status.WARN if rows else Status.OK,
        f"{len(rows)} 个成员无法使用（INVALID）：{named}" if rows else "全部可用",
        Number("lost", len(rows), "个"),
        advice="检查文件与磁盘；新加而未用过的成员也会如此，切换日志后应恢复正常",
    )
