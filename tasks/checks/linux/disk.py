from collections.abc import Iterator

from tasks.checks import check
from tasks.checks.judging import Before, Limits, finding
from tasks.model import Finding, Number, Output

# Full by nature, or memory of the kernel's own.
NOT_STORAGE = {"squashfs", "iso9660", "udf", "devtmpfs", "efivarfs"}


def file_systems(output: Output) -> Iterator[tuple[str, int, int]]:
    """(mount point, used, free) of each file system once, wherever else it may be bound."""
    seen = set()
    for line in output.lines:
        device, kind, *sizes, mount = line.split(None, 6)
        kernel_own = mount.startswith(("/sys/", "/proc/"))
        if device == "Filesystem" or kind in NOT_STORAGE or kernel_own or not sizes[1].isdigit():
            continue
        key = (device, *sizes) if device.startswith("/") else mount
        if key not in seen:
            seen.add(key)
            yield mount, int(sizes[1]), int(sizes[2])


@check(
    "linux.disk",
    title="文件系统空间",
    topics=("disk",),
    probe="df -lPTk 2>/dev/null || df -PTk",
    limits={"percent": (80, 90)},
)
def disk(output: Output, limits: Limits, before: Before) -> Iterator[Finding]:
    """As users feel it: of what they may use, blocks reserved for root left out. df rounds up, so
    its own 90 % may be 89.1 %: judged on blocks."""
    for mount, used, free in file_systems(output):
        if not used + free:
            continue
        percent = 100 * used / (used + free)
        limit = limits.of("percent", mount)
        yield finding(
            mount,
            limit.level(percent),
            f"已用 {percent:.1f}%，剩余 {free / 1024**2:.1f} GiB",
            Number("percent", round(percent, 1), "%", limit.passed(percent)),
            Number("free", round(free / 1024**2, 2), "GiB"),
            change=before.change(mount, "percent", percent),
            advice="清理日志、临时文件和过期备份，或扩容该文件系统",
        )
