from collections.abc import Iterator

from tasks.checks.answers import Answers, query
from tasks.checks.counters import grown, kept
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.rows import MIB, number, of_member, text
from tasks.model import Finding, Number

PROBE = """
-- rows on=each
SELECT datname AS name, temp_bytes AS bytes FROM pg_stat_database WHERE datname IS NOT NULL ORDER BY 1
"""


@query(
    "postgres.temp",
    title="临时文件",
    topics=("database", "temp-tablespace", "performance"),
    probe=PROBE,
    limits={"mib": (10240, 102400)},
)
def temp(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    """What sorts and joins wrote to disk since the last record."""
    for member, rows in answers.each():
        subject, now = (
            of_member(member, "临时文件"),
            {text(row, "name"): number(row, "bytes") for row in rows},
        )
        new = {name: size / MIB for name, size in grown(before, member, now).items() if size}
        mib, limit = sum(new.values()), limits.of("mib")
        where = "（" + "，".join(f"{name} {size:.1f} MiB" for name, size in new.items()) + "）" if new else ""
        yield finding(
            subject,
            limit.level(mib),
            f"上次检查以来写出 {mib:.1f} MiB{where}",
            Number("mib", round(mib, 1), "MiB", limit.passed(mib)),
            change=before.change(subject, "mib", mib),
            advice="找出排序和连接量大的语句并优化，内存有余量时调大 work_mem",
            marks=kept(member, now),
        )
