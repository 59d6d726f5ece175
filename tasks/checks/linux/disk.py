import re
from collections.abc import Iterator

from tasks.checks import check
from tasks.checks.judging import Before, Limits, finding, unknown
from tasks.model import Finding, Number, Output

# Full by nature, or memory of the kernel's own.
NOT_STORAGE = {"squashfs", "iso9660", "udf", "devtmpfs", "efivarfs"}


# What an inspecting account may not look into, and users mount for themselves, never counts. Busybox
# has neither -l nor -x; there remote file systems are listed, too.
PROBE = """
if df -lPT / >/dev/null 2>&1; then
  df -lPT -SIZE- -x debugfs -x tracefs -x fuse.portal -x fuse.gvfsd-fuse -x fuse.gvfs-fuse-daemon
else
  df -PT -SIZE-
fi
"""

SIZES = re.compile(r"(-?\d+|-) (-?\d+|-) (-?\d+|-) (\d+%|-) /.*", re.ASCII)
NOT_READ = re.compile(r"df: ['\u2018]?(?P<path>/.*?)['\u2019]?: (?P<reason>.*)")


def file_systems(output: Output) -> Iterator[tuple[str, int, int]]:
    """(mount point, used, free) of each file system once, wherever else it may be bound."""
    seen = set()
    for line in output.lines:
        if not line.strip() or line.startswith("Filesystem "):
            continue
        device, kind, sizes, mount = columns(line)
        kernel_own = mount.startswith(("/sys/", "/proc/"))
        if kind in NOT_STORAGE or kernel_own or "-" in sizes:
            continue
        key = (device, *sizes) if device.startswith("/") else mount
        if key not in seen and mount not in seen:
            seen |= {key, mount}
            yield mount, int(sizes[1]), max(int(sizes[2]), 0)


def columns(line: str) -> tuple[str, str, list[str], str]:
    """(device, kind, [total, used, free], mount point). Device and mount point may hold spaces: the
    numbers between them say where each ends."""
    words = line.split()
    for i in range(2, len(words) - 4):
        if SIZES.fullmatch(" ".join(words[i : i + 5])):
            return " ".join(words[: i - 1]), words[i - 1], words[i : i + 3], line.split(None, i + 4)[-1]
    raise ValueError(line)


def not_read(output: Output) -> Iterator[Finding]:
    """What df could not look at; it lists the others all the same."""
    for found in map(NOT_READ.fullmatch, output.stderr.splitlines()):
        if found:
            yield unknown(found["path"], found["reason"])


@check(
    "linux.disk",
    title="文件系统空间",
    topics=("disk",),
    probe=PROBE.replace("-SIZE-", "-k"),
    limits={"percent": (80, 90)},
    fills=("percent",),
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
    yield from not_read(output)
