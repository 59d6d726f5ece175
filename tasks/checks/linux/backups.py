import re
from collections.abc import Iterator, Mapping

from tasks.checks import check
from tasks.checks.judging import Before, Limits, finding
from tasks.model import Finding, Host, Number, Output, Status

PROBE = """
echo "now $(date +%s)"
printf '%s\\n' "$backups" | while read -r age size path; do
  [ -n "$path" ] || continue
  newest=
  for file in $path; do
    [ -e "$file" ] || continue
    if [ -z "$newest" ] || [ "$file" -nt "$newest" ]; then newest=$file; fi
  done
  if [ -z "$newest" ]; then printf 'missing %s %s %s\\n' "$age" "$size" "$path"; continue; fi
  bytes=
  [ ! -d "$newest" ] || bytes=$(du -sk "$newest" | { read -r kib _; echo $((kib * 1024)); })
  set -- $(stat -L -c '%Y %s' "$newest")
  printf 'newest %s %s %s %s %s %s\\n' "$age" "$size" "$1" "${bytes:-$2}" "$path" "$newest"
done
"""
NOW = re.compile(r"now (\d{9,11})", re.ASCII)
LINE = re.compile(
    r"missing (?P<a>\d{1,9}) (?P<s>\d{1,18}) (?P<wanted>/\S+)"
    r"|newest (?P<age>\d{1,9}) (?P<size>\d{1,18}) (?P<at>\d{1,11}) (?P<bytes>\d{1,18})"
    r" (?P<path>/\S+) (?P<file>/.*)",
    re.ASCII,
)
MIB = 1024**2
# Smaller than half of the last one: something was left out.
SHRUNK = 0.5


def knows(host: Host) -> Mapping[str, str] | None:
    lines = [f"{one.max_age} {one.min_size} {one.path}" for one in host.backups]
    return {"backups": "\n".join(lines)} if lines else None


@check("linux.backups", title="备份文件", topics=("backup",), probe=PROBE, knows=knows, seconds=20)
def backups(output: Output, limits: Limits, before: Before) -> Iterator[Finding]:
    first, *lines = output.lines
    now = NOW.fullmatch(first)
    if now is None:
        raise ValueError(first)
    for line in lines:
        found = LINE.fullmatch(line)
        if found is None:
            raise ValueError(line)
        if found["wanted"]:
            advice = "核对备份任务是否执行、备份目录是否挂载"
            yield finding(found["wanted"], Status.FAIL, "没有备份文件", advice=advice)
        else:
            yield newest(found, int(now[1]), before)


def newest(found: re.Match[str], now: int, before: Before) -> Finding:
    hours = (now - int(found["at"])) / 3600
    size, least, oldest = int(found["bytes"]), int(found["size"]), int(found["age"])
    had = before.numbers.get((found["path"], "size"), 0)
    wrong = []
    if hours > oldest:
        wrong.append(f"超过 {oldest} 小时没有新备份")
    if hours < -1:
        wrong.append("文件时间在将来")
    if size < least:
        wrong.append(f"小于最低大小 {least / MIB:.1f} MiB")
    shrunk = not wrong and size / MIB < SHRUNK * had
    told = f"最新 {found['file'].rpartition('/')[2]}，{hours:.1f} 小时前，{size / MIB:.1f} MiB"
    if shrunk:
        told += f"，不到上次（{had:.1f} MiB）的一半"
    return finding(
        found["path"],
        Status.FAIL if wrong else Status.WARN if shrunk else Status.OK,
        "；".join([*wrong, told]),
        Number("age", round(hours, 1), "h", oldest),
        Number("size", round(size / MIB, 3), "MiB", least / MIB),
        change=before.change(found["path"], "size", size / MIB),
        advice="查看备份任务的日志，必要时立即补做一次备份并验证",
    )
