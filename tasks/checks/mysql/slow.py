from collections.abc import Iterator

from tasks.checks.answers import Answers, query
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.mysql.counters import counted, named, status, variables
from tasks.model import Finding, Number, Status


@query(
    "mysql.slow",
    title="慢查询",
    topics=("database", "performance", "database-log"),
    probe=status("Slow_queries", "Questions") + variables("slow_query_log", "long_query_time"),
    limits={"hourly": (60, 600)},
)
def slow(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    count, said = counted(answers, before), named(answers.rows("variables"))
    new, hourly, limit = count.since("slow_queries"), count.hourly("slow_queries"), limits.of("hourly")
    log = "慢查询日志已开启" if said["slow_query_log"].upper() in ("ON", "1") else "慢查询日志未开启"
    yield finding(
        "慢查询",
        Status.OK if count.how == "first" else limit.level(hourly),
        f"{count.period}新增 {new} 次，平均每小时 {hourly:.1f} 次"
        f"（超过 {float(said['long_query_time']):g} 秒的算慢）；{log}",
        Number("slow", new, "次"),
        Number("hourly", round(hourly, 1), "次/小时", limit.passed(hourly)),
        change=before.change("慢查询", "hourly", hourly),
        advice="用慢查询日志找出最费时的语句（mysqldumpslow 或 pt-query-digest），检查执行计划和索引",
        marks=count.marks,
    )
