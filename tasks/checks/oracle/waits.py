from collections.abc import Iterator, Sequence

from tasks.checks.answers import Answers, Row, query
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.rows import number, text
from tasks.model import Finding, Number

# Sessions as they are at this moment, by the blocker at the end of each chain. What they waited for earlier
# is in ASH, which takes the Diagnostics Pack's licence: it is not read.
PROBE = """
-- blocked role=primary,
SELECT b.inst_id, b.sid, b.serial#, b.username, b.program, COUNT(*) AS sessions,
       MAX(s.wait_time_micro) / 1000000 AS seconds
FROM gv$session s
JOIN gv$session b ON b.inst_id = s.final_blocking_instance AND b.sid = s.final_blocking_session
WHERE s.final_blocking_session_status = 'VALID'
GROUP BY b.inst_id, b.sid, b.serial#, b.username, b.program
-- waiting role=primary,
SELECT wait_class, COUNT(*) AS sessions, MAX(wait_time_micro) / 1000000 AS seconds
FROM gv$session WHERE type = 'USER' AND state = 'WAITING' AND wait_class <> 'Idle'
GROUP BY wait_class
"""


@query(
    "oracle.waits",
    title="阻塞与等待",
    topics=("performance", "database"),
    probe=PROBE,
    limits={"seconds": (60, 600), "sessions": (30, 100)},
)
def waits(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    if answers.has("blocked"):
        yield blocked(answers.rows("blocked"), limits)
    yield waiting(answers.rows("waiting"), limits)


def blocked(rows: Sequence[Row], limits: Limits) -> Finding:
    """Short blocks are how a database works: the longest counts."""
    longest = max((number(row, "seconds") for row in rows), default=0)
    count = sum(number(row, "sessions") for row in rows)
    limit = limits.of("seconds")
    told = "；".join(
        f"{row['username'] or '后台进程'} {row['program'] or ''}"
        f"（{number(row, 'sid'):.0f},{number(row, 'serial#'):.0f},@{number(row, 'inst_id'):.0f}）"
        f"阻塞 {number(row, 'sessions'):.0f} 个会话，最长 {number(row, 'seconds'):.0f} 秒"
        for row in sorted(rows, key=lambda row: -number(row, "seconds"))[:3]
    )
    return finding(
        "阻塞",
        limit.level(longest),
        told or "没有被阻塞的会话",
        Number("seconds", round(longest), "s", limit.passed(longest)),
        Number("blocked", count, "个"),
        advice="联系阻塞会话的使用者提交或回滚；必要时经批准后 ALTER SYSTEM KILL SESSION",
    )


def waiting(rows: Sequence[Row], limits: Limits) -> Finding:
    count = sum(number(row, "sessions") for row in rows)
    limit = limits.of("sessions")
    classes = "、".join(
        f"{text(row, 'wait_class')} {number(row, 'sessions'):.0f}"
        for row in sorted(rows, key=lambda row: -number(row, "sessions"))
    )
    return finding(
        "非空闲等待",
        limit.level(count),
        f"{count:.0f} 个会话正在等待：{classes}" if rows else "没有会话在非空闲等待",
        Number("sessions", count, "个", limit.passed(count)),
        advice="按等待类别查找热点语句：User I/O 看存储与执行计划，Application 看锁，Concurrency 看争用",
    )
