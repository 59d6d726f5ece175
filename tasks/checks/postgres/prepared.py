from collections.abc import Iterator

from tasks.checks.answers import Answers, query
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.rows import number, of_member
from tasks.model import Finding, Number, Status

PROBE = """
-- rows role=primary
SELECT gid, owner, database, extract(epoch FROM clock_timestamp() - prepared) AS seconds
FROM pg_prepared_xacts ORDER BY prepared LIMIT 100
"""


@query(
    "postgres.prepared",
    title="两阶段事务",
    topics=("database", "performance"),
    probe=PROBE,
    limits={"seconds": (300, 3600)},
)
def prepared(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    """One that was forgotten holds its locks past every restart, and stops every clean-up."""
    for member, rows in answers.each():
        subject, limit = of_member(member, "两阶段事务"), limits.of("seconds")
        if not rows:
            yield finding(subject, Status.OK, "没有", Number("seconds", 0, "s"))
            continue
        seconds = number(rows[0], "seconds")
        yield finding(
            subject,
            limit.level(seconds),
            f"{len(rows)} 个未提交，最久 {seconds:.0f} 秒（{rows[0]['gid']}，账号 {rows[0]['owner']}，"
            f"库 {rows[0]['database']}）",
            Number("seconds", round(seconds, 1), "s", limit.passed(seconds)),
            advice="与事务管理器核对后 COMMIT PREPARED 或 ROLLBACK PREPARED",
        )
