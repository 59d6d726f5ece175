import re
from collections.abc import Iterator

from tasks.checks import check
from tasks.checks.grouping import GROUPED, read_groups
from tasks.checks.judging import Before, Limits, finding, unknown
from tasks.checks.linux.positions import READ_ON, read_place
from tasks.checks.logs import LIMITS, SEEN, Lines, Log, judge_log
from tasks.model import Finding, Output, Status

# Of the journal, the newest.
MOST_ENTRIES = 5000
# The journal knows how bad an entry is; a file of syslog's has only its words. The journal's end is taken
# before it is read: what comes in between is then counted now, and its own cursor is kept.
PROBE = (
    READ_ON
    + GROUPED
    + r"""
for journal in /var/log/journal/*/system.journal /run/log/journal/*/system.journal; do
  [ ! -r "$journal" ] || break
done
if [ -r "$journal" ] && command -v journalctl >/dev/null 2>&1; then
  echo journal
  end=$(journalctl -q -n 1 -o cat --no-pager --show-cursor 2>/dev/null | sed -n 's/^-- cursor: /cursor /p')
  since=--since=-24h; [ -z "$was_cursor" ] || since=--after-cursor=$was_cursor
  [ -z "$end" ] || echo "$end"
  { journalctl -q -p err -n MOST -o short --no-pager --show-cursor "$since" || echo "-- failed"; } |
    grouped "" "" 1
  exit
fi
for file in /var/log/messages /var/log/syslog; do
  [ -e $file ] || continue
  opened $file
  words='error|failed|failure|fatal|panic|segfault|critical|emerg'
  said='out of memory|oom-killer|lockup|blocked for more than|no space left|filesystem read-only|corruption'
  fresh $file | grouped "(^|[^a-z])($words)([^a-z]|$)|$said"
  exit
done
while read -r key name; do [ "$key" != Name: ] || break; done </proc/1/status
echo "nothing $name"
""".replace("MOST", str(MOST_ENTRIES))
)
# `Nov 20 03:20:01 db01 kernel: …`, `2026-11-20T03:20:01+08:00 db01 sshd[7]: …`
WRITER = re.compile(r"(?:\w{3} +\d+ \S+|\d{4}-\S+) \S+ ([^\s\[:(]+)", re.ASCII)


def writer(line: str) -> str:
    found = WRITER.match(line)
    return found[1] if found else ""


LINES = Lines("linux", who=writer)


@check(
    "linux.logs",
    title="系统日志错误",
    topics=("system-log",),
    probe=PROBE,
    limits=LIMITS,
    remembers=(SEEN,),
)
def logs(output: Output, limits: Limits, before: Before) -> Iterator[Finding]:
    first, _, rest = output.text.partition("\n")
    match first.split():
        case ["journal"]:
            yield from journal(rest, limits, before)
        case ["file", path]:
            place, text = read_place(rest)
            log = Log(LINES, path, read_groups(text), place.note, {"file": path, **place.marks})
            yield from judge_log(log, limits, before)
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
    grouped = read_groups(rest)
    cursor = grouped.cursor or end
    note = "" if before.marks.get("cursor") else "（首次，最近 24 小时）"
    if sum(one.count for one in grouped.groups) + grouped.left >= MOST_ENTRIES:
        note += f"（仅最近 {MOST_ENTRIES} 条）"
    log = Log(LINES, "journal", grouped, note, {"cursor": cursor} if cursor else {})
    yield from judge_log(log, limits, before)
