from collections.abc import Iterator

from tasks.checks import check
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.linux.disk import file_systems
from tasks.model import Finding, Number, Output


@check(
    "linux.inodes",
    title="文件系统索引节点",
    topics=("disk",),
    probe="df -lPTi 2>/dev/null || df -PTi",
    limits={"percent": (80, 90)},
)
def inodes(output: Output, limits: Limits, before: Before) -> Iterator[Finding]:
    for mount, used, free in file_systems(output):
        if not used + free:  # btrfs and some others make inodes as they need them
            continue
        percent = 100 * used / (used + free)
        limit = limits.of("percent", mount)
        yield finding(
            mount,
            limit.level(percent),
            f"索引节点已用 {percent:.1f}%，剩余 {free} 个",
            Number("percent", round(percent, 1), "%", limit.passed(percent)),
            change=before.change(mount, "percent", percent),
            advice="查找并清理大量小文件（会话、缓存、邮件队列等）",
        )
