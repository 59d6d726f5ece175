from collections.abc import Iterator, Mapping

from tasks.checks.answers import Answers, Member, query
from tasks.checks.counters import grown, kept
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.rows import number, of_member
from tasks.model import Finding, Number, Status

COUNTERS = {
    "commits": "xact_commit",
    "rollbacks": "xact_rollback",
    "blocks": "blks_read",
    "read": "tup_returned",
    "written": "tup_inserted + tup_updated + tup_deleted",
}
SUMS = ", ".join(f"coalesce(sum({said}), 0) AS {name}" for name, said in COUNTERS.items())
PROBE = f"""
-- rows on=each
SELECT {SUMS}, extract(epoch FROM clock_timestamp()) AS at FROM pg_stat_database
"""  # noqa: S608
# Of fewer transactions a share says nothing.
ENOUGH = 1000


@query(
    "postgres.performance",
    title="性能指标",
    topics=("database", "performance"),
    probe=PROBE,
    limits={"rollback_percent": (20, None)},
)
def performance(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    """Per second since the last record; the first time there is nothing to compare with."""
    for member, rows in answers.each():
        now = {name: number(rows[0], name) for name in (*COUNTERS, "at")}
        since = grown(before, member, now)
        if len(since) == len(now) and since["at"]:
            yield judged(member, now, since, limits)
        else:
            told = f"累计提交 {now['commits']:.0f}，回滚 {now['rollbacks']:.0f}"
            subject = of_member(member, "负载")
            yield finding(subject, Status.OK, told, change="首次", marks=kept(member, now))


def judged(member: Member, now: Mapping[str, float], since: Mapping[str, float], limits: Limits) -> Finding:
    seconds, count = since["at"], since["commits"] + since["rollbacks"]
    percent, limit = 100 * since["rollbacks"] / count if count else 0.0, limits.of("rollback_percent")
    mib = since["blocks"] * 8 / 1024 / seconds
    return finding(
        of_member(member, "负载"),
        limit.level(percent) if count >= ENOUGH else Status.OK,
        f"每秒 {count / seconds:.1f} 个事务（回滚 {percent:.1f}%），读 {since['read'] / seconds:.0f} 行、"
        f"{mib:.2f} MiB，写 {since['written'] / seconds:.1f} 行",
        Number("tps", round(count / seconds, 2), "个/s"),
        Number("rollback_percent", round(percent, 1), "%", limit.passed(percent)),
        Number("rows_read", round(since["read"] / seconds, 1), "行/s"),
        Number("rows_written", round(since["written"] / seconds, 1), "行/s"),
        Number("mib_read", round(mib, 2), "MiB/s"),
        advice="在数据库和应用日志中查找大量回滚的原因",
        marks=kept(member, now),
    )
