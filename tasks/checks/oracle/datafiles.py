from collections.abc import Iterator, Sequence

from tasks.checks.answers import Answers, Member, Row, query
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.oracle.rows import GIB
from tasks.checks.rows import MIB, number, of_member
from tasks.model import Finding, Number, Status

# A standby that could not make a new file calls it UNNAMED; what needs recovery is asked of primaries only,
# since recovering is what a standby does all day.
PROBE = """
-- sizes on=each
SELECT COUNT(*) AS files, SUM(bytes) AS bytes FROM v$datafile
-- wrong on=each
SELECT file#, name, status FROM v$datafile WHERE status NOT IN ('SYSTEM', 'ONLINE') OR name LIKE '%UNNAMED%'
-- recover role=primary,
SELECT file#, online_status, error FROM v$recover_file
"""
# What one sees without looking further.
SHOWN = 5


@query("oracle.datafiles", title="数据文件", topics=("datafiles", "integrity"), probe=PROBE)
def datafiles(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    for member, rows in answers.each("wrong"):
        yield states(member, rows)
    for member, rows in answers.each("recover"):
        yield recovery(member, rows)
    for member, rows in answers.each("sizes"):
        yield size(member, rows[0], before)


def states(member: Member, rows: Sequence[Row]) -> Finding:
    """A tablespace may have been taken offline on purpose; a file that needs recovery was not."""
    lost = [row for row in rows if row["status"] != "OFFLINE" or "UNNAMED" in str(row["name"])]
    worst_first = sorted(rows, key=lambda row: row not in lost)[:SHOWN]
    named = "、".join(f"{row['name']}（{row['status']}）" for row in worst_first)
    return finding(
        of_member(member, "数据文件状态"),
        Status.FAIL if lost else Status.WARN if rows else Status.OK,
        f"{len(rows)} 个文件状态异常：{named}" if rows else "全部在线",
        Number("files", len(rows), "个"),
        advice="核对离线是否有意；需要恢复的用 RMAN 恢复后上线，备库 UNNAMED 的重建后继续应用",
    )


def recovery(member: Member, rows: Sequence[Row]) -> Finding:
    named = "、".join(f"{number(row, 'file#'):.0f} 号 {row['error'] or ''}".strip() for row in rows[:SHOWN])
    return finding(
        of_member(member, "待介质恢复"),
        Status.FAIL if rows else Status.OK,
        f"{len(rows)} 个文件需要介质恢复：{named}" if rows else "没有需要介质恢复的文件",
        Number("recover", len(rows), "个"),
        advice="检查文件所在磁盘，用 RMAN 还原并恢复这些文件",
    )


def size(member: Member, row: Row, before: Before) -> Finding:
    subject, total = of_member(member, "数据文件大小"), number(row, "bytes")
    return finding(
        subject,
        Status.OK,
        f"{number(row, 'files'):.0f} 个数据文件，共 {total / GIB:.1f} GiB",
        Number("mib", round(total / MIB, 1), "MiB"),
        change=before.change(subject, "mib", total / MIB),
    )
