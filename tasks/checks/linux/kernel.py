import re
from collections.abc import Iterator

from tasks.checks import check
from tasks.checks.judging import Before, Limits, finding, unknown
from tasks.model import Finding, Number, Output, Status

# What the kernel said after the line that was the last one in the record before; all of it after a
# restart, or where that line is no longer in its buffer. Without time stamps (CentOS 6) as well.
PROBE = r"""
fstab=; [ ! -r /etc/fstab ] || fstab=/etc/fstab
awk '
  FILENAME == "/etc/fstab" { if ("," $4 "," ~ /,ro,/) meant[$2] = 1; next }
  $3 ~ /^(ext[234]|xfs|btrfs|jfs|reiserfs|f2fs)$/ {
    n++; if ($4 ~ /^ro(,|$)/ && !meant[$2]) print "ro", $3, $2
  }
  END { print "mounts", n + 0 }' $fstab /proc/mounts
read -r boot </proc/sys/kernel/random/boot_id; echo "boot $boot"
export was_boot was_line boot
{ dmesg || echo "@refused"; } | awk '
  BEGIN {
    last = ENVIRON["was_line"]; if (ENVIRON["was_boot"] != ENVIRON["boot"]) last = ""
    ondisk = "EXT[234]-fs (error|warning)|XFS.*(error|[Cc]orrupt|[Ss]hutdown|[Ss]hutting down)|I/O error"
    ondisk = ondisk "|[Mm]edium [Ee]rror|[Rr]emounting filesystem read-only|[Aa]borting journal"
    beside = "Out of memory|oom-killer|blocked for more than|soft lockup|Hardware Error"
    beside = beside "|Machine [Cc]heck|Kernel panic|general protection fault"
  }
  $0 == "@refused" { refused = 1; next }
  { line = $0 }
  last != "" && $0 == last { disk = other = shown = 0; next }
  $0 ~ ondisk { disk++; if (shown < 20) hit[++shown] = "disk " $0; next }
  $0 ~ beside { other++; if (shown < 20) hit[++shown] = "other " $0 }
  END {
    if (refused) { print "refused"; exit }
    for (i = 1; i <= shown; i++) print hit[i]
    print "counts", disk + 0, other + 0
    print "line " line
  }'
"""
HEAD = re.compile(
    r"(?P<ro>(?:ro \S+ /.*\n)*)mounts (?P<mounts>\d+)\nboot (?P<boot>[0-9a-f-]{36})\n", re.ASCII
)
TAIL = re.compile(
    r"(?P<hits>(?:(?:disk|other) .*\n)*)counts (?P<disk>\d+) (?P<other>\d+)\nline (?P<line>.*)\n?"
)
ADVICE = "执行 dmesg 查看上下文，核对磁盘、阵列和存储链路，先做好备份再检查文件系统"


@check(
    "linux.kernel",
    title="只读挂载与内核错误",
    topics=("filesystem", "disk"),
    probe=PROBE,
    limits={"disk": (None, 1), "other": (1, 20)},
)
def kernel(output: Output, limits: Limits, before: Before) -> Iterator[Finding]:
    text = output.text
    head = HEAD.match(text)
    if head is None:
        raise ValueError(text)
    readonly = [line.split(None, 2) for line in head["ro"].splitlines()]
    for _, kind, mount in readonly:
        yield finding(
            mount, Status.FAIL, f"文件系统（{kind}）被挂载为只读，/etc/fstab 中并未要求", advice=ADVICE
        )
    if not readonly:
        yield finding("只读挂载", Status.OK, f"{head['mounts']} 个本地文件系统均可写")
    rest = text[head.end() :]
    if rest.strip() == "refused":
        yield unknown("内核日志", f"不允许读取：{output.stderr.strip()[:100]}")
        return
    tail = TAIL.fullmatch(rest)
    if tail is None:
        raise ValueError(rest)
    marks = {"boot": head["boot"], "line": tail["line"]}
    for name, subject in (("disk", "磁盘与文件系统错误"), ("other", "其他内核告警")):
        yield counted(name, subject, int(tail[name]), tail["hits"], limits, marks)


def counted(name: str, subject: str, count: int, hits: str, limits: Limits, marks: dict[str, str]) -> Finding:
    limit = limits.of(name)
    shown = [line.partition(" ")[2] for line in hits.splitlines() if line.startswith(name)]
    told = f"自上次以来 {count} 条" + (f"，最近：{shown[-1][:150]}" if shown else "")
    number = Number(name, count, "条", limit.passed(count))
    return finding(subject, limit.level(count), told, number, advice=ADVICE, marks=marks)
