import re
from collections.abc import Iterator

from tasks.checks import check
from tasks.checks.judging import Before, Limits, finding
from tasks.model import Finding, Number, Output

# A child between its end and its parent's next step is a zombie, a read from disk an uninterruptible
# wait: only what is one a second later, too, is stuck. Kernel threads (children of 2) wait that way.
PROBE = r"""
look() {
  cat /proc/[0-9]*/stat 2>/dev/null | awk '
    /^[0-9]+ \(.*\) [A-Za-z] [0-9]+ / {
      name = $0; sub(/^[0-9]+ \(/, "", name); sub(/\) [A-Za-z] [0-9]+ .*$/, "", name)
      rest = $0; sub(/^.*\) /, "", rest); split(rest, field, " ")
      total++
      if (field[1] == "Z" || (field[1] == "D" && field[2] != 2)) print field[1], $1, field[2], name
    }
    END { print "total", total + 0 }'
}
first=$(look); printf '%s\n' "$first"
case $first in [ZD]*) sleep 1; look;; esac
"""
LINE = re.compile(r"([ZD]) (\d+) (\d+) (.*)", re.ASCII)
TOTAL = re.compile(r"total ([1-9]\d{0,6})", re.ASCII)
KINDS = {
    "Z": ("僵尸进程", "zombies", "查明其父进程为何不回收，必要时在维护窗口重启父进程"),
    "D": ("卡住的进程", "stuck", "查看其等待的磁盘或网络存储是否正常，核对 dmesg"),
}


@check(
    "linux.processes",
    title="僵尸与卡住的进程",
    topics=("processes",),
    probe=PROBE,
    limits={"zombies": (1, 20), "stuck": (1, 10)},
)
def processes(output: Output, limits: Limits, before: Before) -> Iterator[Finding]:
    looks: list[set[tuple[str, ...]]] = [set()]
    total = 0
    for line in output.lines:
        if found := TOTAL.fullmatch(line):
            total = int(found[1])
            looks.append(set())
        elif found := LINE.fullmatch(line):
            looks[-1].add(found.groups())
        else:
            raise ValueError(line)
    finished = looks[:-1]
    if not total or looks[-1] or len(finished) != (2 if finished[0] else 1):
        raise ValueError(output.text)
    lasting = set.intersection(*finished)
    for state, (subject, name, advice) in KINDS.items():
        them = sorted(one for one in lasting if one[0] == state)
        limit = limits.of(name)
        who = "、".join(f"{comm}({pid}，父进程 {parent})" for _, pid, parent, comm in them[:5])
        yield finding(
            subject,
            limit.level(len(them)),
            f"{len(them)} 个，进程共 {total} 个" + (f"：{who}" if who else ""),
            Number(name, len(them), "个", limit.passed(len(them))),
            Number("total", total, "个"),
            change=before.change(subject, name, len(them)),
            advice=advice,
        )
