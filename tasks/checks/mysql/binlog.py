import re
from collections.abc import Iterator, Mapping, Sequence

from tasks.checks.answers import Answers, Row, query
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.mysql.counters import named, variables
from tasks.model import Finding, Number, Status

PROBE = "-- logs\nSHOW BINARY LOGS" + variables(
    "expire_logs_days", "binlog_expire_logs_seconds", "sync_binlog"
)
# ER_NO_BINARY_LOGGING
OFF = "1381"
SPACE, RETENTION, GAPS = "二进制日志空间", "二进制日志保留", "二进制日志连续性"
NUMBER = re.compile(r".*\.(\d{6,})")


@query(
    "mysql.binlog",
    title="二进制日志",
    topics=("database", "archivelog", "backup.retention"),
    probe=PROBE,
    telling=(OFF,),
    limits={"mib": (51_200, 204_800), "days": (3, None)},
)
def binlog(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    if answers.refusals(OFF):
        advice = "需要按时间点恢复或复制的，配置 log_bin 后重启；确不需要的，在阈值文件中说明"
        yield finding(
            SPACE, Status.WARN, "没有开启二进制日志：只能恢复到最近一次备份，之后的数据会丢失", advice=advice
        )
        return
    logs, said = answers.rows("logs"), named(answers.rows("variables"))
    yield space(logs, limits, before)
    yield retention(said, limits)
    yield from gaps(logs, before)


def space(logs: Sequence[Row], limits: Limits, before: Before) -> Finding:
    mib = sum(int(row["file_size"]) for row in logs) / 1024**2
    limit = limits.of("mib")
    return finding(
        SPACE,
        limit.level(mib),
        f"{len(logs)} 个文件，共 {mib:.1f} MiB",
        Number("mib", round(mib, 1), "MiB", limit.passed(mib)),
        Number("files", len(logs), "个"),
        change=before.change(SPACE, "mib", mib),
        advice="确认从库和备份已用完后 PURGE BINARY LOGS，或缩短保留期",
    )


def retention(said: Mapping[str, str], limits: Limits) -> Finding:
    """Too short for the backups between which it has to reach; or for ever, until the disk is full."""
    seconds = int(float(said.get("binlog_expire_logs_seconds") or 0))
    days = seconds / 86400 or float(said.get("expire_logs_days") or 0)
    limit = limits.of("days", falling=True)
    durable = (
        "每次提交写盘" if said["sync_binlog"] == "1" else f"sync_binlog={said['sync_binlog']}，掉电可能丢失"
    )
    if not days:
        told = f"没有设过期时间，会一直增长到磁盘写满；{durable}"
        advice = "设 binlog_expire_logs_seconds（旧版本为 expire_logs_days），不短于两次全量备份的间隔"
        return finding(RETENTION, Status.WARN, told, Number("days", 0, "天"), advice=advice)
    return finding(
        RETENTION,
        limit.level(days),
        f"保留 {days:g} 天；{durable}",
        Number("days", round(days, 2), "天", limit.passed(days)),
        advice="保留期应不短于两次全量备份的间隔，否则无法恢复到任意时间点",
    )


def gaps(logs: Sequence[Row], before: Before) -> Iterator[Finding]:
    """A number that is missing among those listed, or that went back. What expired between two looks is
    gone as it should be."""
    numbers = [int(found[1]) for row in logs if (found := NUMBER.fullmatch(str(row["log_name"])))]
    if not numbers:
        raise ValueError(str(logs[:1]))
    first, last = numbers[0], numbers[-1]
    lost = sorted(set(range(first, last + 1)) - set(numbers))
    known = int(before.marks.get("last", last))
    told, status = f"{first:06} 至 {last:06} 连续", Status.OK
    if lost:
        told, status = f"缺少 {len(lost)} 个文件，首个是 {lost[0]:06}", Status.FAIL
    elif last < known:
        told, status = f"编号由 {known:06} 回到 {last:06}，日志被重置过（RESET MASTER）", Status.WARN
    elif first > known + 1:
        told, status = f"上次看到 {known:06}，现存最早的已是 {first:06}，其间的日志已过期清除", Status.OK
    advice = "核对日志备份是否覆盖缺失部分；没有覆盖的，立即做一次全量备份"
    yield finding(GAPS, status, told, advice=advice, marks={"last": str(last)})
