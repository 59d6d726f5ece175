from collections.abc import Iterator

from tasks.checks.answers import Answers, query
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.mysql.counters import counted, named, status, variables
from tasks.model import Finding, Number, Status

# Fewer reads than this say nothing about a cache.
ENOUGH = 100_000
SUBJECT = "缓冲池"


@query(
    "mysql.buffer_pool",
    title="缓冲池命中率",
    topics=("database", "performance"),
    probe=status(
        "Innodb_buffer_pool_read_requests",
        "Innodb_buffer_pool_reads",
        "Innodb_buffer_pool_pages_total",
        "Innodb_buffer_pool_pages_free",
        "Innodb_buffer_pool_pages_dirty",
    )
    + variables("innodb_buffer_pool_size"),
    limits={"percent": (95, 80)},
)
def buffer_pool(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    count = counted(answers, before)
    size = int(named(answers.rows("variables"))["innodb_buffer_pool_size"]) / 1024**2
    asked, read = (count.since(f"innodb_buffer_pool_{name}") for name in ("read_requests", "reads"))
    pages = {name: count.now[f"innodb_buffer_pool_pages_{name}"] for name in ("total", "free", "dirty")}
    free = 100 * pages["free"] / pages["total"]
    about = f"大小 {size:.0f} MiB，空闲 {free:.1f}%，脏页 {100 * pages['dirty'] / pages['total']:.1f}%"
    numbers = (Number("mib", round(size), "MiB"), Number("free_percent", round(free, 1), "%"))
    if asked < ENOUGH:
        told = f"{count.period}只读了 {asked} 次，不足以计算命中率；{about}"
        yield finding(SUBJECT, Status.OK, told, *numbers, marks=count.marks)
        return
    percent = 100 * (1 - read / asked)
    limit = limits.of("percent", falling=True)
    yield finding(
        SUBJECT,
        limit.level(percent),
        f"{count.period}命中率 {percent:.2f}%；{about}",
        Number("percent", round(percent, 2), "%", limit.passed(percent)),
        *numbers,
        change=before.change(SUBJECT, "percent", percent),
        advice="内存允许时调大 innodb_buffer_pool_size（专用服务器可用内存的 60–75%），并检查全表扫描的语句",
        marks=count.marks,
    )
