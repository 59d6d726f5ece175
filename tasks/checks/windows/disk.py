from collections.abc import Iterator
from typing import Any

from tasks.checks import check
from tasks.checks.judging import Before, Limits, finding, unknown
from tasks.checks.powershell import listed, told
from tasks.model import Finding, Number, Output, Status

# Win32_LogicalDisk does not know a volume mounted in a folder; Win32_Volume does, and is missing on no server.
PROBE = r"""
$d=@(Q Win32_LogicalDisk 'DriveType=3' | %{@{name=$_.DeviceID;label=$_.VolumeName;kind=$_.FileSystem;size=$_.Size;free=$_.FreeSpace;dirty=$_.VolumeDirty}})
$v=@(Q Win32_Volume 'DriveType=3 AND DriveLetter IS NULL' | ?{$_.Name -and $_.Name -notlike '\\?\*'} | %{@{name=$_.Name;label=$_.Label;kind=$_.FileSystem;size=$_.Capacity;free=$_.FreeSpace;dirty=$_.DirtyBitSet}})
@{volumes=@($d+$v)}
"""
GIB = 1024**3


@check(
    "windows.disk",
    title="磁盘空间",
    topics=("disk", "volumes", "filesystem"),
    probe=PROBE,
    limits={"percent": (80, 90)},
    fills=("percent",),
)
def disk(output: Output, limits: Limits, before: Before) -> Iterator[Finding]:
    for volume in listed(told(output)["volumes"]):
        yield judged(volume, limits, before)


def judged(volume: dict[str, Any], limits: Limits, before: Before) -> Finding:
    name = str(volume["name"])
    if volume["size"] is None or volume["free"] is None:
        return unknown(name, "系统没有给出容量（未格式化、已加密锁定或无法读取）")
    size, free = int(volume["size"]), int(volume["free"])
    if not 0 <= free <= size or not size:
        raise ValueError(str(volume))
    percent = 100 * (size - free) / size
    limit, dirty = limits.of("percent", name), volume["dirty"] is True
    label = f"（{volume['label']}）" if volume["label"] else ""
    return finding(
        name,
        Status.worst((limit.level(percent), Status.WARN if dirty else Status.OK)),
        f"已用 {percent:.1f}%，剩余 {free / GIB:.1f} GiB{label}" + ("，卷被标记为需要检查" if dirty else ""),
        Number("percent", round(percent, 1), "%", limit.passed(percent)),
        Number("free", round(free / GIB, 2), "GiB"),
        change=before.change(name, "percent", percent),
        advice="安排窗口执行 chkdsk 检查该卷" if dirty else "清理日志、临时文件和更新缓存，或扩容该卷",
    )
