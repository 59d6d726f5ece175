from collections.abc import Iterator

from tasks.checks.answers import Answers, query
from tasks.checks.counters import grown, kept
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.rows import numbers, of_member
from tasks.model import Finding, Number, Status

# Its view has a name of its own since version 17.
PROBE = """
-- rows role=primary before=17
SELECT checkpoints_timed AS timed, checkpoints_req AS requested,
  extract(epoch FROM clock_timestamp()) AS at FROM pg_stat_bgwriter
-- rows role=primary since=17
SELECT num_timed AS timed, num_requested AS requested, extract(epoch FROM clock_timestamp()) AS at
FROM pg_stat_checkpointer
"""
# Backups and people request some, too.
ENOUGH = 5


@query(
    "postgres.checkpoints",
    title="检查点",
    topics=("database", "performance"),
    probe=PROBE,
    limits={"per_hour": (6, 60)},
)
def checkpoints(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    """Requested ones come when WAL grows past max_wal_size before the time for the next one."""
    for member, rows in answers.each():
        subject, now = of_member(member, "检查点"), numbers(rows[0], "timed", "requested", "at")
        since = grown(before, member, now)
        if len(since) < len(now) or not since["at"]:
            told = f"统计开始以来定时 {now['timed']:.0f} 次，被迫 {now['requested']:.0f} 次"
            yield finding(subject, Status.OK, told, change="首次", marks=kept(member, now))
            continue
        per_hour, limit = 3600 * since["requested"] / since["at"], limits.of("per_hour")
        often = since["requested"] >= ENOUGH and since["requested"] > since["timed"]
        yield finding(
            subject,
            limit.level(per_hour) if often else Status.OK,
            f"上次检查以来定时 {since['timed']:.0f} 次，被迫 {since['requested']:.0f} 次",
            Number("per_hour", round(per_hour, 2), "次/小时", limit.passed(per_hour)),
            advice="写入量超过 max_wal_size 允许的范围：调大 max_wal_size，核对是否有异常的批量写入",
            marks=kept(member, now),
        )
