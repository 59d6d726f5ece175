import json
import re
from collections.abc import Iterator

from tasks.checks.answers import Answers, Member, on_host
from tasks.checks.judging import Before, Limits, finding, unknown
from tasks.checks.mysql.names import readable
from tasks.model import Finding, Number, Status

# What the file system says, whatever the database thinks. `du` over a large directory may take its time;
# who may not look into all of it still learns how full the disk is. Files may go while they are counted.
PROBE = r"""
data=${db_data:-$db_datadir}
[ -d "$data" ] || { echo "no folder $data" >&2; exit 1; }
place() {
  [ -n "$2" ] || return 0
  set -- "$1" "$(df -kP "$2" 2>/dev/null | awk 'NR == 2 { print $3, $4, $6 }')" "$2"
  [ -z "$2" ] || echo "place $1 $2"
}
place data "$data"
place binlog "${db_log_bin_basename:+${db_log_bin_basename%/*}}"
place tmp "${db_tmpdir%%:*}"
cd "$data" 2>/dev/null && ls >/dev/null 2>&1 || { echo "denied total $data"; exit 0; }
counted() {
  LC_ALL=C du -sck "$@" 2>&1 | awk '
    /^[0-9]/ { kib = $1; next }
    !/No such file/ { denied = 1 }
    END { print denied ? "denied" : kib + 0 }'
}
own() {
  name=$1; shift
  kib=$(counted "$@")
  case $kib in
    denied) echo "denied $name $data" ;;
    0) ;;
    *) echo "$name $kib" ;;
  esac
}
own total .
for one in */; do
  [ -d "$one" ] || continue
  kib=$(counted "$one")
  [ "$kib" = denied ] || echo "schema $kib ${one%/}"
done
own temporary ibtmp*
own redo ib_logfile* '#innodb_redo'
own undo undo*
own system ibdata*
[ -z "$db_log_bin_basename" ] || own binlogs "$db_log_bin_basename".[0-9]*
exit 0
"""
WINDOWS = r"""
$data = $db_datadir; if ($db_data) { $data = $db_data }
function Kib($path) {
  $files = Get-ChildItem -LiteralPath $path -Recurse -Force | ?{ -not $_.PSIsContainer }
  [long](($files | Measure-Object -Property Length -Sum).Sum / 1024)
}
$root = [IO.Path]::GetPathRoot($data)
$disk = Q Win32_LogicalDisk ("DeviceID='" + $root.Substring(0, 2) + "'")
$used = [long](($disk.Size - $disk.FreeSpace) / 1024); $free = [long]($disk.FreeSpace / 1024)
$lines = @(('place data {0} {1} {2}' -f $used, $free, $root), ('total {0}' -f (Kib $data)))
Get-ChildItem -LiteralPath $data | ?{ $_.PSIsContainer } | %{
  $lines += ('schema {0} {1}' -f (Kib $_.FullName), $_.Name)
}
[string]::Join("`n", [string[]]$lines)
"""
PLACE = re.compile(r"place (data|binlog|tmp) (\d+) (\d+) (\S.*)")
KIB = re.compile(r"(total|temporary|redo|undo|system|binlogs) (\d+)")
SCHEMA = re.compile(r"schema (\d+) (\S.*)")
DENIED = re.compile(r"denied (total|temporary|redo|undo|system|binlogs) (\S.*)")
WHY_SUDO = "库目录为 0700，加入 mysql 组也读不了"
PLACES = {"data": "数据目录所在文件系统", "binlog": "二进制日志所在文件系统", "tmp": "临时目录所在文件系统"}
NAMES = {
    "total": "数据目录",
    "temporary": "临时表空间文件",
    "redo": "重做日志文件",
    "undo": "撤销表空间文件",
    "system": "系统表空间文件",
    "binlogs": "二进制日志文件",
}


@on_host(
    "mysql.files",
    title="数据文件与所在磁盘",
    topics=("database", "datafiles", "tablespace", "temp-tablespace", "disk"),
    probe=PROBE,
    windows=WINDOWS,
    seconds=60,
    limits={"percent": (80, 90)},
    fills=("percent",),
)
def files(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    for member in answers.members:
        if not member.failure:
            yield from of(member, limits, before)


def of(member: Member, limits: Limits, before: Before) -> Iterator[Finding]:
    told: dict[str, str] = {}
    for line in lines(member.text):
        if found := PLACE.fullmatch(line):
            if found[4] not in told.values():
                told[found[1]] = found[4]
                yield place(found, limits, before)
        elif found := KIB.fullmatch(line):
            yield sized(NAMES[found[1]], int(found[2]), before)
        elif found := SCHEMA.fullmatch(line):
            yield sized(f"目录 {readable(found[2])}", int(found[1]), before)
        elif found := DENIED.fullmatch(line):
            yield unknown(
                NAMES[found[1]], f"主机采集账户无权查看 {found[2]} 的全部内容，需要 sudo（{WHY_SUDO}）"
            )
        elif line.strip():
            raise ValueError(line)
    if "data" not in told:
        raise ValueError(member.text)


def lines(text: str) -> list[str]:
    """What came from Windows is one text in JSON."""
    return str(json.loads(text)["answer"] if text.startswith("{") else text).splitlines()


def place(found: re.Match[str], limits: Limits, before: Before) -> Finding:
    used, free = int(found[2]), int(found[3])
    percent = 100 * used / (used + free)
    subject = PLACES[found[1]]
    limit = limits.of("percent", subject)
    return finding(
        subject,
        limit.level(percent),
        f"{found[4]} 已用 {percent:.1f}%，剩余 {free / 1024**2:.1f} GiB",
        Number("percent", round(percent, 1), "%", limit.passed(percent)),
        Number("free", round(free / 1024**2, 2), "GiB"),
        change=before.change(subject, "percent", percent),
        advice="从库和备份用完后清理二进制日志（PURGE BINARY LOGS），归档历史数据，或扩容",
    )


def sized(subject: str, kib: int, before: Before) -> Finding:
    mib = kib / 1024
    return finding(
        subject,
        Status.OK,
        f"占用 {mib:.1f} MiB",
        Number("mib", round(mib, 1), "MiB"),
        change=before.change(subject, "mib", mib),
    )
