from collections.abc import Iterator

from tasks.checks.answers import Answers, query
from tasks.checks.counters import grown, kept
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.rows import numbers, of_member
from tasks.model import Finding, Number, Status

PROBE = """
-- rows on=each
SELECT coalesce(sum(blks_hit), 0) AS hit, coalesce(sum(blks_read), 0) AS read FROM pg_stat_database
"""
# Blocks of 8 KiB; of fewer a share says nothing.
ENOUGH = 10_000


@query(
    "postgres.cache",
    title="缓冲区命中率",
    topics=("database", "performance"),
    probe=PROBE,
    limits={"percent": (90, None)},
)
def cache(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    """Of the time since the last record; the first time, of that since the counters began."""
    for member, rows in answers.each():
        subject, now = of_member(member, "命中率"), numbers(rows[0], "hit", "read")
        since = grown(before, member, now)
        told = "上次检查以来" if len(since) == len(now) else "统计开始以来"
        hit, read = (since if len(since) == len(now) else now).values()
        percent, limit = 100 * hit / (hit + read) if hit + read else 100.0, limits.of("percent", falling=True)
        few = hit + read < ENOUGH
        yield finding(
            subject,
            Status.OK if few else limit.level(percent),
            f"{told} {percent:.1f}%，从缓冲区外读取 {read * 8 / 1024:.1f} MiB"
            + ("，读取很少" if few else ""),
            Number("percent", round(percent, 1), "%", limit.passed(percent)),
            change=before.change(subject, "percent", percent),
            advice="找出大量读盘的语句并优化，内存有余量时调大 shared_buffers",
            marks=kept(member, now),
        )
