from collections.abc import Iterator

from tasks.checks.answers import Answers, query
from tasks.checks.counters import grown, kept
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.rows import number, of_member, text
from tasks.model import Finding, Number

PROBE = """
-- rows on=each
SELECT datname AS name, deadlocks FROM pg_stat_database WHERE datname IS NOT NULL ORDER BY 1
"""


@query(
    "postgres.deadlocks",
    title="死锁",
    topics=("database", "performance"),
    probe=PROBE,
    limits={"count": (1, 20)},
)
def deadlocks(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    for member, rows in answers.each():
        now = {text(row, "name"): number(row, "deadlocks") for row in rows}
        new = {name: count for name, count in grown(before, member, now).items() if count}
        count, limit = sum(new.values()), limits.of("count")
        where = (
            "（" + "，".join(f"{name} {times:.0f} 次" for name, times in new.items()) + "）" if new else ""
        )
        yield finding(
            of_member(member, "死锁"),
            limit.level(count),
            f"上次检查以来 {count:.0f} 次{where}，累计 {sum(now.values()):.0f} 次",
            Number("count", count, "次", limit.passed(count)),
            advice="在数据库日志中查看死锁涉及的语句，让应用按相同的顺序加锁",
            marks=kept(member, now),
        )
