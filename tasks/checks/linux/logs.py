import re
from collections.abc import Iterator, Mapping

from tasks.checks import check
from tasks.checks.judging import Before, Limits, finding, unknown
from tasks.checks.linux.positions import READ_ON
from tasks.model import Finding, Number, Output, Status

# The journal knows how bad an entry is; a file of syslog's has only its words. The journal's end is taken
# before it is read: what comes in between is then counted now, and its own cursor is kept.
PROBE = (
    READ_ON
    + r"""
summary='
  /^-- cursor: / { cursor = $3; next }
  /^-- / || /^$/ { next }
  wanted == "" || tolower($0) ~ wanted {
    n++; last[n % 5] = $0
    who = $5; sub(/[\[:(].*/, "", who); if (who != "") by[who]++
  }
  END {
    print "count", n + 0
    for (who in by) print "by", by[who], who
    for (i = n - 4; i <= n; i++) if (i > 0) print "last", last[i % 5]
    if (cursor != "") print "cursor " cursor
  }'
for journal in /var/log/journal/*/system.journal /run/log/journal/*/system.journal; do
  [ ! -r "$journal" ] || break
done
if [ -r "$journal" ] && command -v journalctl >/dev/null 2>&1; then
  echo journal
  end=$(journalctl -q -n 1 -o cat --no-pager --show-cursor 2>/dev/null | sed -n 's/^-- cursor: /cursor /p')
  since=--since=-24h; [ -z "$was_cursor" ] || since=--after-cursor=$was_cursor
  [ -z "$end" ] || echo "$end"
  { journalctl -q -p err -n 5000 -o short --no-pager --show-cursor "$since" || echo "-- failed"; } |
    awk -v wanted= '/^-- failed/ { print "failed" } '"$summary"
  exit
fi
for file in /var/log/messages /var/log/syslog; do
  [ -e $file ] || continue
  [ "$file" = "$was_file" ] || was_inode=
  place $file || { echo "denied $file"; exit; }
  echo "file $file"; placed $file
  words='error|failed|failure|fatal|panic|segfault|critical|emerg'
  fresh $file | awk -v wanted="(^|[^a-z])($words)([^a-z]|$)|out of memory" "$summary"
  exit
done
while read -r key name; do [ "$key" != Name: ] || break; done </proc/1/status
echo "nothing $name"
"""
)

# (how the file went on, what that means for the count)
HOW = {
    "same": "",
    "first": "（首次，只读最后 1 MiB）",
    "rotated": "（日志已轮转，旧文件余下部分已计入）",
    "emptied": "（日志被清空过，清空前未读部分无法计入）",
    "lost": "（日志已轮转且旧文件已不在，其未读部分无法计入）",
}
PLACED = re.compile(r"placed (\w+) (\d{1,15}) (\d{1,20}) (\d{1,15}) (\d{1,3}) (\d+ \d+)", re.ASCII)
COUNTS = re.compile(r"count (\d{1,9})\n((?:by \d+ .*\n)*)((?:last .*\n)*)(cursor \S+\n)?")
ADVICE = "查看这段时间的系统日志，确认错误来源和影响"


@check("linux.logs", title="系统日志错误", topics=("system-log",), probe=PROBE, limits={"errors": (1, 100)})
def logs(output: Output, limits: Limits, before: Before) -> Iterator[Finding]:
    first, _, rest = output.text.partition("\n")
    match first.split():
        case ["journal"]:
            yield from journal(rest, limits, before)
        case ["file", path]:
            yield file(path, rest, limits, before)
        case ["denied", path]:
            yield unknown(path, "采集账户无权读取")
        case ["nothing", "init" | "systemd"]:
            yield unknown("系统日志", "没有可读的 journal，也没有 messages 或 syslog")
        case ["nothing", _]:
            yield finding(
                "系统日志", Status.OK, "本机没有系统日志服务（1 号进程不是 init 或 systemd），无日志可查"
            )
        case _:
            raise ValueError(first)


def journal(text: str, limits: Limits, before: Before) -> Iterator[Finding]:
    end, rest = "", text
    if text.startswith("cursor "):
        line, _, rest = text.partition("\n")
        end = line.removeprefix("cursor ")
    if rest.startswith("failed\n"):
        yield unknown("journal", "journalctl 未能返回结果")
        return
    found = COUNTS.fullmatch(rest)
    if found is None:
        raise ValueError(rest)
    cursor = (found[4] or "").removeprefix("cursor ").strip() or end
    note = "" if before.marks.get("cursor") else "（首次，最近 24 小时）"
    yield counted("journal", found, note, limits, before, {"cursor": cursor} if cursor else {})


def file(path: str, text: str, limits: Limits, before: Before) -> Finding:
    line, _, rest = text.partition("\n")
    placed, found = PLACED.fullmatch(line), COUNTS.fullmatch(rest)
    if placed is None or found is None or placed[1] not in HOW:
        raise ValueError(text)
    names = ("inode", "size", "span", "sum")
    marks = dict(zip(names, placed.groups()[2:], strict=True))
    skipped = f"（另有 {int(placed[2]) / 1024**2:.0f} MiB 过大未读）" if int(placed[2]) else ""
    return counted(path, found, HOW[placed[1]] + skipped, limits, before, {"file": path, **marks})


def counted(
    subject: str,
    found: re.Match[str],
    note: str,
    limits: Limits,
    before: Before,
    marks: Mapping[str, str],
) -> Finding:
    count = int(found[1])
    limit = limits.of("errors", subject)
    by = sorted((line.split(None, 2)[1:] for line in found[2].splitlines()), key=lambda one: -int(one[0]))
    who = (
        "、".join(f"{name} {times} 条" for times, name in (one for one in by if len(one) == 2)) if by else ""
    )
    last = [line.removeprefix("last ") for line in found[3].splitlines()]
    told = f"自上次以来错误 {count} 条{note}"
    return finding(
        subject,
        limit.level(count),
        told + (f"；{who[:100]}" if who else "") + (f"；最近：{last[-1][:150]}" if last else ""),
        Number("errors", count, "条", limit.passed(count)),
        change=before.change(subject, "errors", count),
        advice=ADVICE,
        marks=marks,
    )
