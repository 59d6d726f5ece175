from collections.abc import Iterator

from tasks.checks.answers import Answers, query
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.rows import number, of_member
from tasks.model import Finding, Number, Status

# A statement waits at most since it began.
PROBE = """
-- rows on=each flavour=postgres,kingbase,highgo,other
SELECT a.pid, a.usename, a.datname, array_to_string(pg_blocking_pids(a.pid), ',') AS by,
  extract(epoch FROM clock_timestamp() - a.query_start) AS seconds
FROM pg_stat_activity a WHERE a.wait_event_type = 'Lock' ORDER BY a.query_start LIMIT 200
"""


@query(
    "postgres.blockers",
    title="锁等待与阻塞者",
    topics=("database", "performance"),
    probe=PROBE,
    limits={"seconds": (30, 300)},
)
def blockers(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    for member, rows in answers.each():
        subject, limit = of_member(member, "锁等待"), limits.of("seconds")
        if not rows:
            yield finding(subject, Status.OK, "没有会话在等待锁", Number("seconds", 0, "s"))
            continue
        seconds = max(number(row, "seconds") for row in rows)
        waiting = {str(row["pid"]) for row in rows}
        blocking = {pid for row in rows for pid in str(row["by"]).split(",") if pid}
        # Who blocks and waits himself is not where it starts.
        roots = sorted(blocking - waiting, key=int) or sorted(blocking)
        yield finding(
            subject,
            limit.level(seconds),
            f"{len(rows)} 个会话在等待锁，最久 {seconds:.0f} 秒，"
            f"阻塞者进程 {'、'.join(roots[:8]) or '已结束'}",
            Number("seconds", round(seconds, 1), "s", limit.passed(seconds)),
            Number("waiting", len(rows), "个"),
            advice="核对阻塞者在做什么；与应用负责人确认后用 pg_terminate_backend() 结束它",
        )
