from collections.abc import Iterator

from tasks.checks.answers import Answers, query
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.mysql.counters import Counted, counted, named, status, variables
from tasks.model import Finding, Number, Status

ADVICE = (
    "查看来源最多的应用和空闲会话（SHOW PROCESSLIST），检查连接池上限与泄漏；确属增长的再调大 max_connections"
)


@query(
    "mysql.connections",
    title="连接数",
    topics=("database", "performance"),
    probe=status(
        "Threads_connected", "Threads_running", "Max_used_connections", "Connection_errors_max_connections"
    )
    + variables("max_connections"),
    limits={"percent": (80, 95), "peak_percent": (90, 100), "refused": (1, None)},
)
def connections(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    count = counted(answers, before)
    most = int(named(answers.rows("variables"))["max_connections"])
    used, running = count.now["threads_connected"], count.now["threads_running"]
    percent, limit = 100 * used / most, limits.of("percent")
    yield finding(
        "连接数",
        limit.level(percent),
        f"已用 {used}，上限 {most}（{percent:.1f}%），正在执行 {running}",
        Number("percent", round(percent, 1), "%", limit.passed(percent)),
        Number("connections", used, "个"),
        change=before.change("连接数", "percent", percent),
        advice=ADVICE,
        marks=count.marks,
    )
    yield peak(count, most, limits, before)
    if "connection_errors_max_connections" in count.now:
        yield refused(count, limits)


def peak(count: Counted, most: int, limits: Limits, before: Before) -> Finding:
    """The highest since the server's start; said once in its life, when it was reached. MariaDB does not
    count those it refused: there a peak at the limit is all that tells."""
    top = count.now["max_used_connections"]
    percent, limit = 100 * top / most, limits.of("peak_percent")
    known = before.numbers.get(("连接峰值", "peak"))
    fresh = known is None or top > known or count.how == "restarted"
    return finding(
        "连接峰值",
        limit.level(percent) if fresh else Status.OK,
        f"自启动以来最高 {top}，占上限 {percent:.1f}%" + ("" if fresh else "，上次检查以来未再升高"),
        Number("peak", top, "个"),
        Number("peak_percent", round(percent, 1), "%", limit.passed(percent)),
        change=before.change("连接峰值", "peak", top),
        advice=ADVICE,
    )


def refused(count: Counted, limits: Limits) -> Finding:
    times, limit = count.since("connection_errors_max_connections"), limits.of("refused")
    level = Status.OK if count.how == "first" else limit.level(times)
    return finding(
        "连接数已满",
        level,
        f"{count.period}因连接数已满被拒绝 {times} 次",
        Number("refused", times, "次", limit.passed(times)),
        advice=ADVICE,
    )
