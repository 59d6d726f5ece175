from collections.abc import Iterator

from tasks.checks.answers import Answers, query
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.mysql.counters import Counted, counted, status
from tasks.model import Finding, Number, Status

# Fewer temporary tables than this say nothing about how they are made.
ENOUGH = 1000


@query(
    "mysql.performance",
    title="性能指标",
    topics=("database", "performance", "tuning"),
    probe=status(
        "Questions",
        "Com_commit",
        "Com_rollback",
        "Threads_running",
        "Created_tmp_tables",
        "Created_tmp_disk_tables",
        "Select_full_join",
        "Sort_merge_passes",
        "Bytes_received",
        "Bytes_sent",
    ),
    limits={"running": (64, 256), "disk_percent": (50, None), "full_joins": (3600, None)},
)
def performance(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    count = counted(answers, before)
    queries, ended = (
        count.since("questions") / count.seconds,
        (count.since("com_commit") + count.since("com_rollback")) / count.seconds,
    )
    sent = (count.since("bytes_sent") + count.since("bytes_received")) / count.seconds / 1024
    yield finding(
        "吞吐",
        Status.OK,
        f"{count.period}平均每秒 {queries:.1f} 条语句、{ended:.1f} 个事务，网络 {sent:.0f} KiB/s",
        Number("queries", round(queries, 1), "次/秒"),
        Number("transactions", round(ended, 1), "个/秒"),
        Number("network", round(sent, 1), "KiB/s"),
        change=before.change("吞吐", "queries", queries),
        marks=count.marks,
    )
    running, limit = count.now["threads_running"], limits.of("running")
    yield finding(
        "并发",
        limit.level(running),
        f"正在执行的会话 {running} 个",
        Number("running", running, "个", limit.passed(running)),
        change=before.change("并发", "running", running),
        advice="查看正在执行的语句（SHOW FULL PROCESSLIST），找出堆积的原因：锁等待、慢查询或磁盘",
    )
    yield temporary(count, limits, before)
    yield joins(count, limits, before)


def temporary(count: Counted, limits: Limits, before: Before) -> Finding:
    made, disk = count.since("created_tmp_tables"), count.since("created_tmp_disk_tables")
    percent = 100 * disk / made if made else 0.0
    limit = limits.of("disk_percent")
    return finding(
        "临时表",
        limit.level(percent) if made >= ENOUGH else Status.OK,
        f"{count.period}建临时表 {made} 个，其中落盘 {disk} 个（{percent:.1f}%）；排序归并 "
        f"{count.since('sort_merge_passes')} 次",
        Number("disk_percent", round(percent, 1), "%", limit.passed(percent)),
        change=before.change("临时表", "disk_percent", percent),
        advice="找出产生大临时表的语句（GROUP BY、DISTINCT、大字段），必要时调大 tmp_table_size",
    )


def joins(count: Counted, limits: Limits, before: Before) -> Finding:
    hourly, limit = count.hourly("select_full_join"), limits.of("full_joins")
    return finding(
        "无索引连接",
        limit.level(hourly) if count.how == "same" else Status.OK,
        f"{count.period}无索引的表连接 {count.since('select_full_join')} 次",
        Number("full_joins", round(hourly, 1), "次/小时", limit.passed(hourly)),
        change=before.change("无索引连接", "full_joins", hourly),
        advice="开启 log_queries_not_using_indexes 找出这些语句，为连接列建立索引",
    )
