from collections.abc import Iterator, Sequence

from tasks.checks.answers import Answers, Member, Row, query
from tasks.checks.judging import Before, Limits, finding, unknown
from tasks.checks.rows import number, of_member, text
from tasks.model import Finding, Number, Status

# From both ends: the primary says how each destination is doing, the standby what stops its recovery.
PROBE = """
-- destinations on=primary role=primary, form=dataguard
SELECT dest_id, status, type, destination, gap_status, error FROM v$archive_dest_status
WHERE type NOT IN ('LOCAL', 'CROSS-INSTANCE') AND status <> 'INACTIVE'
-- gaps on=standby role=standby,
SELECT thread#, low_sequence#, high_sequence# FROM v$archive_gap
"""
PASSING = ("LOG SWITCH GAP", "RESOLVABLE GAP")
ADVICE = "检查网络与归档目标；缺失的归档从主库或备份复制到备库并注册，必要时用增量备份追平"


@query(
    "oracle.gap",
    title="归档传输与缺口",
    topics=("replication", "archivelog", "switchover"),
    probe=PROBE,
    seconds=20,
)
def gap(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    for member, rows in answers.each("destinations"):
        if not rows:
            subject, advice = of_member(member, "归档目标"), "核对 log_archive_dest_n，恢复到备库的日志传输"
            yield finding(subject, Status.FAIL, "没有到备库的归档目标", advice=advice)
        for row in rows:
            yield destination(member, row)
    for member, rows in answers.each("gaps"):
        yield gaps(member, rows)


def destination(member: Member, row: Row) -> Finding:
    subject, status = of_member(member, f"归档目标 {number(row, 'dest_id'):.0f}"), text(row, "status")
    told = f"{row['destination']}（{text(row, 'type')}）状态 {status}"
    if status == "DEFERRED":
        return finding(subject, Status.WARN, f"{told}，日志传输被人为暂停", advice="核对后恢复为 ENABLE")
    if status not in ("VALID", "IDLE"):
        return finding(subject, Status.FAIL, f"{told}：{row['error']}", advice=ADVICE)
    if row["gap_status"] is None:
        return unknown(subject, f"{told}，没有给出缺口状态")
    found = text(row, "gap_status")
    level = Status.OK if found == "NO GAP" else Status.WARN if found in PASSING else Status.FAIL
    return finding(subject, level, f"{told}，{found}", advice=ADVICE)


def gaps(member: Member, rows: Sequence[Row]) -> Finding:
    subject = of_member(member, "归档缺口")
    if not rows and "role" not in member.facts:  # a primary never has any
        return unknown(subject, "没有归档缺口的记录，但看不到 v$database，不能确定这是备库")
    shown = "；".join(
        f"线程 {number(row, 'thread#'):.0f} 缺 {number(row, 'low_sequence#'):.0f} 至"
        f" {number(row, 'high_sequence#'):.0f}"
        for row in rows[:3]
    )
    return finding(
        subject,
        Status.FAIL if rows else Status.OK,
        f"{len(rows)} 处缺口：{shown}" if rows else "备库没有归档缺口",
        Number("gaps", len(rows), "处"),
        advice=ADVICE,
    )
