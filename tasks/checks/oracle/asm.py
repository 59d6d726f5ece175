from collections.abc import Iterator

from tasks.checks.answers import Answers, Member, Row, query
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.rows import number, of_member, text
from tasks.model import Finding, Number, Status

# The view without _stat looks for new disks each time it is asked.
PROBE = """
-- rows on=each
SELECT name, state, type, total_mb, free_mb, usable_file_mb, offline_disks
FROM v$asm_diskgroup_stat
"""
# In use by this database, or mounted for another.
HEALTHY = ("CONNECTED", "MOUNTED")


@query(
    "oracle.asm",
    title="ASM 磁盘组",
    topics=("tablespace", "volumes"),
    probe=PROBE,
    limits={"percent": (85, 95)},
    fills=("percent",),
)
def asm(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    for member, rows in answers.each():
        if not rows:
            yield finding(of_member(member, "ASM"), Status.OK, "没有使用 ASM 磁盘组")
        for row in rows:
            yield judged(member, row, limits, before)


def judged(member: Member, row: Row, limits: Limits, before: Before) -> Finding:
    """usable_file_mb below zero: what is stored still has its mirrors, but not after the loss of a disk."""
    subject, state = of_member(member, text(row, "name")), text(row, "state")
    if state not in HEALTHY:
        told = f"磁盘组状态为 {state}"
        return finding(subject, Status.FAIL, told, advice="检查磁盘与 ASM 告警日志，挂载该磁盘组")
    total, free, usable = (number(row, column) for column in ("total_mb", "free_mb", "usable_file_mb"))
    offline = number(row, "offline_disks")
    percent = 100 * (total - free) / total
    limit = limits.of("percent", subject)
    thin = usable < 0
    remarks = [f"{offline:.0f} 块磁盘离线"] * bool(offline) + ["镜像余量不足，坏盘后无法恢复冗余"] * thin
    sizes = f"已用 {percent:.1f}%，剩余 {free / 1024:.1f} GiB，可安全使用 {usable / 1024:.1f} GiB"
    return finding(
        subject,
        Status.worst((limit.level(percent), Status.FAIL if offline else Status.WARN if thin else Status.OK)),
        "；".join([*remarks, f"{text(row, 'type')} 冗余，{sizes}"]),
        Number("percent", round(percent, 1), "%", limit.passed(percent)),
        Number("mib", round(total - free, 1), "MiB"),
        Number("max_mib", round(total, 1), "MiB"),
        Number("usable_mib", usable, "MiB"),
        Number("offline", offline, "块"),
        change=before.change(subject, "percent", percent),
        advice="更换或上线离线磁盘；空间不足时清理归档和过期备份，或加盘后重平衡",
    )
