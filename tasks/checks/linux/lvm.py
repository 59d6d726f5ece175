from collections.abc import Iterator

from tasks.checks import check
from tasks.checks.judging import Before, Limits, finding
from tasks.model import Finding, Number, Output, Status

# lvs costs more than all other probes together, so it is asked only where there are volumes.
PROBE = """
used=
for file in /etc/lvm/backup/* /dev/mapper/*; do
  case $file in */control|*'*') ;; *) used=yes;; esac
done
if [ -z "$used" ] || ! command -v lvs >/dev/null 2>&1; then echo none; exit; fi
echo volumes
lvs --noheadings --nosuffix --units b --separator '|' \\
  -o vg_name,vg_attr,vg_size,vg_free,lv_name,lv_attr,lv_size,data_percent,snap_percent,metadata_percent
"""
COLUMNS = 10
GIB = 1024**3


@check(
    "linux.lvm",
    title="卷组与逻辑卷",
    topics=("disk", "volumes"),
    probe=PROBE,
    limits={"percent": (80, 90)},
    fills=("percent",),
)
def lvm(output: Output, limits: Limits, before: Before) -> Iterator[Finding]:
    first, *lines = output.lines or [""]
    if first not in ("none", "volumes") or (first == "none" and any(line.strip() for line in lines)):
        raise ValueError(first)
    rows = [line.strip().split("|") for line in lines if line.strip()]
    if wrong := [row for row in rows if len(row) != COLUMNS]:
        raise ValueError("|".join(wrong[0]))
    if not rows and not output.exit_code:
        yield finding("卷组", Status.OK, "本机没有使用逻辑卷")
    groups = {row[0]: row for row in rows}
    for name, row in groups.items():
        yield group(name, row[1], float(row[2]), float(row[3]), before)
    for row in rows:
        yield from volume(row, limits, before)


def group(name: str, attributes: str, size: float, free: float, before: Before) -> Finding:
    """The fourth attribute is `p` where a physical volume is missing."""
    missing = attributes[3] == "p"
    return finding(
        name,
        Status.FAIL if missing else Status.OK,
        f"共 {size / GIB:.1f} GiB，未分配 {free / GIB:.1f} GiB" + ("，缺少物理卷" if missing else ""),
        Number("free", round(free / GIB, 2), "GiB"),
        change=before.change(name, "free", free / GIB),
        advice="执行 pvs 查明缺少的物理卷，核对存储链路和磁盘，恢复前不要重启",
    )


def volume(row: list[str], limits: Limits, before: Before) -> Iterator[Finding]:
    """Those that can fill up by themselves, thin pools and snapshots; and those that are broken."""
    name, attributes = f"{row[0]}/{row[4]}", row[5]
    broken = attributes[4:5] in ("I", "S") or attributes[8:9] in ("p", "X", "F", "D")
    if broken:
        yield finding(
            name, Status.FAIL, f"逻辑卷异常，属性 {attributes}", advice="执行 lvs -a 和 dmesg 查明原因"
        )
    if attributes[0] not in "tsS" or broken:
        return
    shares = [float(text) for text in (row[7], row[8], row[9]) if text]
    if not shares:
        raise ValueError("|".join(row))
    percent = max(shares)
    limit = limits.of("percent", name)
    kind = "精简池" if attributes[0] == "t" else "快照"
    yield finding(
        name,
        limit.level(percent),
        f"{kind}已用 {percent:.1f}%",
        Number("percent", round(percent, 1), "%", limit.passed(percent)),
        change=before.change(name, "percent", percent),
        advice="扩大该逻辑卷，或删除不再需要的快照；写满后数据会损坏",
    )
