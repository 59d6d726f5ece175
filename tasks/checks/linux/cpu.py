import re
from collections.abc import Iterator

from tasks.checks import check
from tasks.checks.judging import Before, Limits, finding, matched
from tasks.model import Finding, Number, Output, Status

# A second in which nothing of ours runs: around the other probes it would be them that is measured.
PROBE = """
look() { read -r _ u n s i w q o t _ </proc/stat && echo "cpu $u $n $s $i $w $q $o ${t:-0}"; }
look; sleep 1; look
cpus=0
while read -r name _; do
  case $name in cpu[0-9]*) cpus=$((cpus + 1));; cpu) ;; *) break;; esac
done </proc/stat
read -r _ five _ </proc/loadavg; echo "cpus $cpus load $five"
"""

TIMES = r"cpu (\d+) (\d+) (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)\n"
ANSWER = re.compile(TIMES + TIMES + r"cpus ([1-9]\d{0,4}) load (\d{1,9}\.\d\d)\s*", re.ASCII)
# Of the processors: with less to do than that over five minutes, a busy second is a peak.
LASTING = 0.8


@check(
    "linux.cpu",
    title="处理器使用率",
    topics=("cpu",),
    probe=PROBE,
    limits={"percent": (85, 95), "iowait": (30, 60)},
)
def cpu(output: Output, limits: Limits, before: Before) -> Iterator[Finding]:
    """A busy second alone is no finding: the load of five minutes has to say the same."""
    found = matched(ANSWER, output.text)
    first, second = ([int(found[i]) for i in range(start, start + 8)] for start in (1, 9))
    spent = [now - then for then, now in zip(first, second, strict=True)]
    total = sum(spent)
    idle, wait, stolen = spent[3], spent[4], spent[7]
    if total <= 0 or min(idle, wait, stolen) < 0:
        raise ValueError(found[0])
    lasting = float(found[18]) >= LASTING * int(found[17])
    shares = {"percent": 100 * (total - idle - wait) / total, "iowait": 100 * wait / total}
    subjects = {"percent": ("使用率", "已用"), "iowait": ("磁盘等待", "等待")}
    for name, share in shares.items():
        subject, word = subjects[name]
        limit = limits.of(name)
        level = limit.level(share)
        peak = level is not Status.OK and not lasting
        yield finding(
            subject,
            Status.OK if peak else level,
            f"1 秒内{word} {share:.1f}%，5 分钟负载 {found[18]}，处理器 {found[17]} 个"
            + (f"，被虚拟化平台占用 {100 * stolen / total:.1f}%" if stolen and name == "percent" else "")
            + ("（瞬时峰值）" if peak else ""),
            Number(name, round(share, 1), "%", limit.passed(share)),
            change=before.change(subject, name, share),
            advice="查看占用处理器或磁盘最多的进程，核对是否正常业务，必要时扩容",
        )
