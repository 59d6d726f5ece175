import re
from collections.abc import Iterator

from tasks.checks import check
from tasks.checks.judging import Before, Limits, finding, matched
from tasks.model import Finding, Number, Output

# 1, 5 and 15 minutes; then running/all and the last process; then how many processors.
ANSWER = re.compile(
    r"(\d{1,9}\.\d\d) \d+\.\d\d (\d{1,9}\.\d\d) \d+/\d+ \d+\s+(?:0\s+)?([1-9]\d{0,5})\s*", re.ASCII
)


@check(
    "linux.load",
    title="系统负载",
    topics=("cpu",),
    probe="cat /proc/loadavg; grep -c '^processor' /proc/cpuinfo || getconf _NPROCESSORS_ONLN",
    limits={"per_cpu": (2, 4)},
)
def load(output: Output, limits: Limits, before: Before) -> Iterator[Finding]:
    """The 15-minute figure: a minute's peak is no finding, and the inspection itself makes one."""
    found = matched(ANSWER, output.text)
    one, fifteen, cpus = float(found[1]), float(found[2]), int(found[3])
    each = fifteen / cpus
    limit = limits.of("per_cpu")
    yield finding(
        "平均负载",
        limit.level(each),
        f"15 分钟 {fifteen:.2f}，1 分钟 {one:.2f}，处理器 {cpus} 个，每个 {each:.2f}",
        Number("per_cpu", round(each, 2), "", limit.passed(each)),
        Number("load1", one),
        Number("load15", fifteen),
        change=before.change("平均负载", "load15", fifteen),
        advice="查看占用处理器最多的进程和磁盘等待",
    )
