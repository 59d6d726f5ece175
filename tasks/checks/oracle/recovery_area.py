from collections.abc import Iterator

from tasks.checks.answers import Answers, Member, Row, query
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.oracle.rows import GIB
from tasks.checks.rows import MIB, number, of_member
from tasks.model import Finding, Number, Status

PROBE = """
-- rows on=each
SELECT name, space_limit, space_used, space_reclaimable, number_of_files FROM v$recovery_file_dest
"""


@query(
    "oracle.recovery_area",
    title="快速恢复区",
    topics=("archivelog", "backup", "tablespace"),
    probe=PROBE,
    limits={"percent": (80, 90)},
    fills=("percent",),
)
def recovery_area(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    for member, rows in answers.each():
        configured = [row for row in rows if row["name"]]
        if not configured:
            yield finding(of_member(member, "快速恢复区"), Status.OK, "没有设置快速恢复区")
        for row in configured:
            yield judged(member, row, limits, before)


def judged(member: Member, row: Row, limits: Limits, before: Before) -> Finding:
    """What may be thrown away makes room by itself, and counts as free."""
    subject = of_member(member, "快速恢复区")
    most, gone = number(row, "space_limit"), number(row, "space_reclaimable")
    kept = number(row, "space_used") - gone
    percent = 100 * kept / most
    limit = limits.of("percent", subject)
    return finding(
        subject,
        limit.level(percent),
        f"{row['name']}：不可回收的占 {kept / GIB:.1f} GiB，共 {most / GIB:.1f} GiB（{percent:.1f}%），"
        f"另有 {gone / GIB:.1f} GiB 可自动回收，{number(row, 'number_of_files'):.0f} 个文件",
        Number("percent", round(percent, 1), "%", limit.passed(percent)),
        Number("mib", round(kept / MIB, 1), "MiB"),
        Number("max_mib", round(most / MIB, 1), "MiB"),
        change=before.change(subject, "percent", percent),
        advice="写满后数据库会挂起（ORA-19809）：备份并删除归档，清理还原点，或调大恢复区上限",
    )
