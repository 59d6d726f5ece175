from collections.abc import Iterator, Sequence

from tasks.checks.answers import Answers, Row, query
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.rows import number
from tasks.model import Finding, Number

# An inactive session with an open transaction is one that somebody forgot: it holds locks and undo.
PROBE = """
-- rows role=primary,
SELECT t.inst_id, s.sid, s.serial#, s.username, s.program, s.status, t.used_ublk AS blocks,
       (SYSDATE - t.start_date) * 86400 AS seconds
FROM gv$transaction t LEFT JOIN gv$session s ON s.inst_id = t.inst_id AND s.saddr = t.ses_addr
"""


@query(
    "oracle.transactions",
    title="长事务",
    topics=("performance", "database"),
    probe=PROBE,
    limits={"seconds": (3600, 14400)},
)
def transactions(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    rows = sorted(answers.rows(), key=lambda row: -number(row, "seconds"))
    longest = number(rows[0], "seconds") if rows else 0
    limit = limits.of("seconds")
    yield finding(
        "长事务",
        limit.level(longest),
        f"{len(rows)} 个事务未结束：{told(rows[:3])}" if rows else "没有未结束的事务",
        Number("seconds", round(longest), "s", limit.passed(longest)),
        Number("transactions", len(rows), "个"),
        advice="联系使用者提交或回滚；确认无人使用的会话，经批准后 ALTER SYSTEM KILL SESSION",
    )


def told(rows: Sequence[Row]) -> str:
    """A transaction may outlive its session: in doubt, or rolled back after a crash."""
    return "；".join(
        (
            f"{row['username'] or '后台进程'} {row['program'] or ''} {row['status']}"
            f"（{number(row, 'sid'):.0f},{number(row, 'serial#'):.0f},@{number(row, 'inst_id'):.0f}）"
            if row["sid"] is not None
            else f"会话已不存在（@{number(row, 'inst_id'):.0f}）"
        )
        + f" 已 {number(row, 'seconds'):.0f} 秒，占撤销 {number(row, 'blocks'):.0f} 块"
        for row in rows
    )
