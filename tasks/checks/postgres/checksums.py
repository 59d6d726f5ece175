from collections.abc import Iterator

from tasks.checks.answers import Answers, query
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.rows import number, of_member
from tasks.model import Finding, Number, Status

# Objects that all databases share are counted without a name.
PROBE = """
-- rows on=each since=12
SELECT coalesce(datname, '共享对象') AS name, coalesce(checksum_failures, 0) AS failures,
  current_setting('data_checksums') AS mode
FROM pg_stat_database ORDER BY 1
"""


@query(
    "postgres.checksums",
    title="数据页校验",
    topics=("database", "integrity"),
    probe=PROBE,
)
def checksums(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    for member, rows in answers.each():
        bad = {str(row["name"]): number(row, "failures") for row in rows if number(row, "failures")}
        where = "，".join(f"{name} {count:.0f} 次" for name, count in bad.items())
        off = "没有开启数据页校验，静默损坏不会被发现"
        yield finding(
            of_member(member, "数据页"),
            Status.FAIL if bad else Status.OK,
            f"校验失败：{where}" if bad else "没有校验失败" if rows[0]["mode"] == "on" else off,
            Number("failures", sum(bad.values()), "次"),
            advice="立即检查存储并保全现场，从已验证的备份恢复受损的对象；修复后用 pg_stat_reset() 清零",
        )
