from collections.abc import Iterator

from tasks.checks import check
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.powershell import told
from tasks.model import Finding, Number, Output

PROBE = r"""
$o=Q Win32_OperatingSystem
@{total=$o.TotalVisibleMemorySize;free=$o.FreePhysicalMemory;commit=$o.TotalVirtualMemorySize;commit_free=$o.FreeVirtualMemory}
"""
MIB = 1024


@check(
    "windows.memory",
    title="内存",
    topics=("memory", "swap"),
    probe=PROBE,
    limits={"percent": (85, 95), "commit": (85, 95)},
)
def memory(output: Output, limits: Limits, before: Before) -> Iterator[Finding]:
    """Physical memory, and the commit charge: when that is used up, no program gets any more."""
    said = told(output)
    for subject, name, total, free in (
        ("物理内存", "percent", "total", "free"),
        ("提交内存（含页面文件）", "commit", "commit", "commit_free"),
    ):
        most, left = int(said[total]), int(said[free])
        if not 0 <= left <= most or not most:
            raise ValueError(output.text)
        percent = 100 * (most - left) / most
        limit = limits.of(name)
        yield finding(
            subject,
            limit.level(percent),
            f"已用 {percent:.1f}%，剩余 {left / MIB:.0f} MiB，共 {most / MIB:.0f} MiB",
            Number(name, round(percent, 1), "%", limit.passed(percent)),
            Number("free", round(left / MIB), "MiB"),
            change=before.change(subject, name, percent),
            advice="查看占用内存最多的进程，必要时扩大内存或页面文件",
        )
