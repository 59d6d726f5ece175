from collections.abc import Iterator

from tasks.checks import check
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.linux.disk import PROBE, file_systems, not_read
from tasks.model import Finding, Number, Output, Status


@check(
    "linux.inodes",
    title="文件系统索引节点",
    topics=("disk",),
    probe=PROBE.replace("-SIZE-", "-i"),
    limits={"percent": (80, 90)},
    fills=("percent",),
)
def inodes(output: Output, limits: Limits, before: Before) -> Iterator[Finding]:
    mounted = list(file_systems(output))
    limited = [one for one in mounted if one[1] + one[2]]
    if mounted and not limited:  # btrfs and some others make inodes as they need them
        yield finding("索引节点", Status.OK, "各文件系统按需分配索引节点，没有上限")
    for mount, used, free in limited:
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
    yield from not_read(output)
