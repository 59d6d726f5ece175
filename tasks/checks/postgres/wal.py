from collections.abc import Iterator

from tasks.checks.answers import Answers, query
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.rows import MIB, number, of_member
from tasks.model import Finding, Number

# What it is allowed to hold without anything being wrong: both settings, in MiB; before version 13 the
# second is counted in segments of 16 MiB.
PROBE = """
-- rows on=each since=10
SELECT count(*) AS files, coalesce(sum(size), 0) AS bytes,
  extract(epoch FROM clock_timestamp() - min(modification)) AS oldest,
  (SELECT sum(CASE name WHEN 'wal_keep_segments' THEN setting::bigint * 16 ELSE setting::bigint END)
   FROM pg_settings WHERE name IN ('max_wal_size', 'wal_keep_size', 'wal_keep_segments')) AS allowed
FROM pg_ls_waldir()
"""


@query(
    "postgres.wal",
    title="WAL 占用与保留",
    topics=("database", "archivelog", "disk"),
    probe=PROBE,
    limits={"percent": (200, 500)},
)
def wal(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    for member, rows in answers.each():
        row, subject = rows[0], of_member(member, "WAL")
        mib, files, allowed = number(row, "bytes") / MIB, number(row, "files"), number(row, "allowed")
        hours = number(row, "oldest") / 3600 if files else 0.0
        percent, limit = 100 * mib / allowed, limits.of("percent")
        yield finding(
            subject,
            limit.level(percent),
            f"{files:.0f} 个文件共 {mib:.1f} MiB，为设定上限（{allowed:.0f} MiB）的 {percent:.0f}%，"
            f"最早的在 {hours:.1f} 小时前",
            Number("mib", round(mib, 1), "MiB"),
            Number("percent", round(percent, 1), "%", limit.passed(percent)),
            Number("hours", round(hours, 1), "小时"),
            change=before.change(subject, "mib", mib),
            advice="检查复制槽、归档和备库是否使 WAL 无法回收；不要手工删除 pg_wal 中的文件",
        )
