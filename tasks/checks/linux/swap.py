import re
from collections.abc import Iterator

from tasks.checks import check
from tasks.checks.judging import Before, Limits, finding, matched
from tasks.model import Finding, Number, Output, Status

PROBE = """
grep -E '^Swap(Total|Free):' /proc/meminfo
planned=$(awk '$1 !~ /^#/ && $3 == "swap" { n++ } END { print n + 0 }' /etc/fstab 2>/dev/null)
echo "fstab ${planned:-0}"
"""
ANSWER = re.compile(r"SwapTotal: +(\d{1,12}) kB\nSwapFree: +(\d{1,12}) kB\nfstab (\d{1,4})\s*", re.ASCII)
SUBJECT = "交换空间"


@check("linux.swap", title="交换空间", topics=("memory",), probe=PROBE, limits={"percent": (50, 80)})
def swap(output: Output, limits: Limits, before: Before) -> Iterator[Finding]:
    """One that is gone is worse than one that is used: the next shortage of memory kills processes. It
    stays gone, run after run, until it is back or somebody answers for it."""
    total, free, planned = map(int, matched(ANSWER, output.text).groups())
    had = float(before.marks.get("total", 0))
    if total:
        percent = 100 * (total - free) / total
        limit = limits.of("percent")
        yield finding(
            SUBJECT,
            limit.level(percent),
            f"已用 {percent:.1f}%，共 {total / 1024**2:.1f} GiB",
            Number("percent", round(percent, 1), "%", limit.passed(percent)),
            Number("total", round(total / 1024**2, 2), "GiB"),
            change=before.change(SUBJECT, "percent", percent),
            advice="查看占用内存最多的进程，确认是否泄漏，必要时增加内存",
            marks={"total": f"{total / 1024**2:.2f}"},
        )
    else:
        gone = bool(planned or had)
        told = "已配置的交换空间没有启用" if gone else "没有配置交换空间"
        yield finding(
            SUBJECT,
            Status.FAIL if gone else Status.OK,
            told + (f"（原有 {had:.1f} GiB）" if had else ""),
            Number("total", 0, "GiB"),
            change="交换空间消失" if before.numbers.get((SUBJECT, "total")) else "",
            advice="执行 swapon -a，核对 /etc/fstab 和交换分区是否完好",
        )
