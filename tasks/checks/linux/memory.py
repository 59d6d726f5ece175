from collections.abc import Iterator

from tasks.checks import check
from tasks.checks.judging import Before, Limits, finding
from tasks.model import Finding, Number, Output


@check(
    "linux.memory",
    title="内存",
    topics=("memory",),
    probe="cat /proc/meminfo",
    limits={"percent": (85, 95)},
)
def memory(output: Output, limits: Limits, before: Before) -> Iterator[Finding]:
    kib = {line.split(":")[0]: int(line.split()[1]) for line in output.lines if ":" in line}
    total = kib["MemTotal"]
    estimated = "MemAvailable" not in kib  # kernels before 3.14, CentOS 6 among them
    if estimated:
        available = kib["MemFree"] + kib["Buffers"] + kib["Cached"] + kib["SReclaimable"] - kib["Shmem"]
    else:
        available = kib["MemAvailable"]
    percent = 100 * (total - available) / total
    limit = limits.of("percent")
    yield finding(
        "物理内存",
        limit.level(percent),
        f"已用 {percent:.1f}%，可用 {available / 1024**2:.1f} GiB" + ("（估算）" if estimated else ""),
        Number("percent", round(percent, 1), "%", limit.passed(percent)),
        Number("available", round(available / 1024**2, 2), "GiB"),
        change=before.change("物理内存", "percent", percent),
        advice="查看占用内存最多的进程，确认是否泄漏，必要时重启该服务或增加内存",
    )
