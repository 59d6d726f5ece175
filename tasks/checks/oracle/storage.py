import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tasks.checks.answers import Answers, Member, on_host
from tasks.checks.judging import Before, Limits, finding, unknown
from tasks.checks.oracle.rows import printed
from tasks.checks.rows import MIB, of_member
from tasks.model import Finding, Number, Status

# The session says in which directories the files lie (`$db_files`, a line each), the inventory says it for a
# database that nobody could log in to. Disk groups are `oracle.asm`'s.
PROBE = r"""
printf '%s\n' "${db_files:-$db_data}" | while IFS= read -r folder; do
  case $folder in
    '') ;;
    /*) echo "folder $folder"; df -kP "$folder" | sed -n '2s/^/at /p';;
    *) echo "group $folder";;
  esac
done
"""
WINDOWS = r"""
$lines=@(); $folders=if($db_files){$db_files}else{$db_data}
foreach($folder in ([string]$folders -split "`n")){
  if(-not $folder){continue}
  if($folder -notmatch '^[A-Za-z]:'){$lines+='group '+$folder; continue}
  $drive=$folder.Substring(0,2); $disk=Q Win32_LogicalDisk ("DeviceID='"+$drive+"'")
  $lines+='folder '+$folder
  if($disk -and $disk.Size){
    $free=[math]::Floor($disk.FreeSpace/1024); $size=[math]::Floor($disk.Size/1024)
    $lines+='at '+$drive+' '+$size+' '+($size-$free)+' '+$free+' - '+$drive}}
[string]::Join("`n",[string[]]$lines)
"""
# A line of `df -kP`: device, size, used, free, percent, mount point.
SPACE = re.compile(r"at .+? (\d+) +(\d+) +(-?\d+) +[\d%-]+ +(\S.*)", re.ASCII)


@dataclass
class Place:
    """A file system, with what the database has there; KiB."""

    used: int
    free: int
    folders: list[str] = field(default_factory=list)


@on_host(
    "oracle.storage",
    title="数据文件所在磁盘",
    topics=("datafiles", "tablespace", "disk"),
    probe=PROBE,
    windows=WINDOWS,
    limits={"percent": (85, 95)},
    fills=("percent",),
)
def storage(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    for member in answers.members:
        if member.failure:
            continue
        lines = [line for line in printed(member) if line.strip()]
        if not lines:
            yield unknown(of_member(member, "数据文件目录"), "数据库没有给出目录，台账也没有登记 data")
        yield from judged(member, lines, limits, before)


def judged(member: Member, lines: Sequence[str], limits: Limits, before: Before) -> Iterator[Finding]:
    places, blind, groups = read(lines)
    for mount, place in places.items():
        yield full(of_member(member, mount), place, limits, before)
    for folder in blind:
        yield unknown(of_member(member, folder), "df 没有给出该目录的空间，采集账户可能无权访问")
    if groups and not places and not blind:
        named = "、".join(sorted(groups))
        yield finding(of_member(member, "数据文件目录"), Status.OK, f"文件都在 ASM 磁盘组 {named}")


def read(lines: Sequence[str]) -> tuple[dict[str, Place], list[str], set[str]]:
    """(file systems by mount point, folders of which nothing is known, disk groups)"""
    places: dict[str, Place] = {}
    blind: list[str] = []
    groups: set[str] = set()
    for line in lines:
        word, _, rest = line.partition(" ")
        if word == "group":
            groups.add(rest)
        elif word == "folder" and rest:
            blind.append(rest)
        elif (found := SPACE.fullmatch(line)) and blind:
            place = places.setdefault(found[4].strip(), Place(int(found[2]), max(int(found[3]), 0)))
            place.folders.append(blind.pop())
        else:
            raise ValueError(line)
    return places, blind, groups


def full(subject: str, place: Place, limits: Limits, before: Before) -> Finding:
    percent = 100 * place.used / (place.used + place.free)
    limit = limits.of("percent", subject)
    return finding(
        subject,
        limit.level(percent),
        f"{'、'.join(place.folders)} 所在文件系统已用 {percent:.1f}%，剩余 {place.free / MIB:.1f} GiB",
        Number("percent", round(percent, 1), "%", limit.passed(percent)),
        Number("free", round(place.free / MIB, 2), "GiB"),
        change=before.change(subject, "percent", percent),
        advice="数据文件会自动扩展到磁盘写满为止：清理或扩容该文件系统，核对自动扩展上限",
    )
