from collections.abc import Iterator

from tasks.checks.answers import Answers, query
from tasks.checks.judging import Before, Limits, finding, unknown
from tasks.checks.mysql.counters import counted, status
from tasks.model import Finding, Number, Status

# MariaDB counts among its status; MySQL here, unless it was turned off.
METRIC = """
-- metric flavour=mysql
SELECT count AS deadlocks, status FROM information_schema.innodb_metrics WHERE name = 'lock_deadlocks'
"""
SUBJECT = "死锁"


@query(
    "mysql.deadlocks",
    title="死锁",
    topics=("database", "performance"),
    probe=status("Innodb_deadlocks") + METRIC,
    limits={"deadlocks": (1, 100)},
)
def deadlocks(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    if answers.has("metric") and answers.row("metric")["status"] != "enabled":
        yield unknown(
            SUBJECT, "服务器没有在计数，由管理员执行 SET GLOBAL innodb_monitor_enable = 'lock_deadlocks'"
        )
        return
    own = {"innodb_deadlocks": answers.row("metric")["deadlocks"]} if answers.has("metric") else {}
    count = counted(answers, before, own)
    times, limit = count.since("innodb_deadlocks"), limits.of("deadlocks")
    yield finding(
        SUBJECT,
        Status.OK if count.how == "first" else limit.level(times),
        f"{count.period}死锁 {times} 次",
        Number("deadlocks", times, "次", limit.passed(times)),
        change=before.change(SUBJECT, "deadlocks", times),
        advice="用 SHOW ENGINE INNODB STATUS 查看最近一次死锁的双方语句，统一加锁顺序、缩短事务、补索引",
        marks=count.marks,
    )
