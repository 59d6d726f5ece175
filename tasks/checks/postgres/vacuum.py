from collections.abc import Iterator

from tasks.checks.answers import Answers, Row, query
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.rows import number, text
from tasks.model import Finding, Number, Status

# Fewer dead rows are not worth a word.
PROBE = """
-- rows role=primary
SELECT schemaname || '.' || relname AS name, n_live_tup AS live, n_dead_tup AS dead,
  to_char(greatest(last_vacuum, last_autovacuum), 'YYYY-MM-DD HH24:MI') AS cleaned
FROM pg_stat_user_tables WHERE n_dead_tup >= 10000
ORDER BY n_dead_tup::float8 / (n_live_tup + n_dead_tup) DESC LIMIT 20
"""


@query(
    "postgres.vacuum",
    title="死元组与清理",
    topics=("database", "performance"),
    probe=PROBE,
    limits={"percent": (30, 80)},
)
def vacuum(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    """Of the database that is logged in to. autovacuum comes at 20 % unless told otherwise."""
    member = answers.one()
    late = [row for row in member.rows() if limits.of("percent").level(share(row)) is not Status.OK]
    for row in late:
        percent, limit = share(row), limits.of("percent")
        yield finding(
            f"表 {text(row, 'name')}",
            limit.level(percent),
            f"死元组 {number(row, 'dead'):.0f} 个，占 {percent:.0f}%，上次清理：{row['cleaned'] or '从未'}",
            Number("percent", round(percent, 1), "%", limit.passed(percent)),
            advice="检查 autovacuum 是否开启、是否被长事务或复制槽拖住，必要时手工 VACUUM 该表",
        )
    if not late:
        yield finding(f"库 {member.facts['database']}", Status.OK, "没有死元组堆积的表")


def share(row: Row) -> float:
    live, dead = number(row, "live"), number(row, "dead")
    return 100 * dead / (live + dead)
