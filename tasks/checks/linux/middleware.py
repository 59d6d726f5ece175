import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tasks.checks import check
from tasks.checks.judging import Before, Limits, finding, unknown
from tasks.model import Finding, Host, Middleware, Number, Output, Status

KINDS: Mapping[str, Mapping[str, Any]] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)
# Between the fields of a line; a tab is white space to the shell, which takes two for one.
BETWEEN = "\x1f"
# The probe's own command line holds every pattern it looks for: the word `not-this-one` tells it apart.
# Java says how full its heap is by jstat, where it has one; it ends by itself within the probe's limit.
PROBE = r"""
: not-this-one
list=$(ps -eo pid=,args= 2>/dev/null || ps -o pid,args)
list=$(printf '%s\n' "$list" | grep -v not-this-one)
bar=$(printf '\037')
of_process() {
  said=$(sed -n 's/^Threads:[[:space:]]*//p; s/^VmRSS:[[:space:]]*\([0-9]*\).*/\1/p' "/proc/$1/status")
  echo "process $1" $said
  java=$(readlink "/proc/$1/exe"); jstat=${java%java}jstat
  case $java in */java) [ ! -x "$jstat" ] || "$jstat" -gc "$1" | sed 's/^/heap /';; esac
}
of_log() {
  size=$(wc -c <"$1"); inode=$(ls -i "$1" | sed 's/^ *//; s/ .*//'); eval "was=\$was_log_$kind"
  from=0; [ "${was%%:*}" != "$inode" ] || from=${was##*:}
  [ "$from" -le "$size" ] || from=0
  [ -n "$was" ] || from=$size
  echo "log $inode:$((size)) $((size - from)) $1"
  [ "$size" -gt "$from" ] || return 0
  tail -c +$((from + 1)) "$1" | head -c 4194304 | grep -aE -- "$error" | tail -n 1000 | sed 's/^/error /'
}
of_port() {
  listening="^ *[0-9]+: [0-9A-F]+:$(printf %04X "$1") [0-9A-F:]+ 0A"
  if cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | grep -qE "$listening"
  then echo "port $1 open"; else echo "port $1 closed"; fi
}
printf '%s\n' "$wanted" | while IFS=$bar read -r kind process port log error certificates; do
  echo "kind $kind"
  [ -n "$process" ] || continue
  for pid in $(printf '%s\n' "$list" | grep -E -- "$process" | sed 's/^ *//; s/ .*//'); do
    of_process "$pid" 2>/dev/null
  done
  of_port "$port"
  file=$(ls -td $log 2>/dev/null | head -n 1)
  if [ -f "$file" ] && [ -r "$file" ]; then of_log "$file"
  elif [ -n "$file" ]; then echo "unreadable $file"; fi
  for file in $certificates; do
    [ -r "$file" ] && grep -q 'BEGIN CERTIFICATE' "$file" || continue
    echo "certificate $(openssl x509 -noout -enddate -in "$file" 2>/dev/null | sed 's/.*=//') @ $file"
  done
done
echo end
"""


def knows(host: Host) -> Mapping[str, str] | None:
    lines = [BETWEEN.join(described(one)) for one in host.middleware if one.kind in KINDS]
    strangers = [f"{one.kind}{BETWEEN}" for one in host.middleware if one.kind not in KINDS]
    return {"wanted": "\n".join([*lines, *strangers])} if host.middleware else None


def described(one: Middleware) -> list[str]:
    kind = KINDS[one.kind]
    certificates = one.certificates or kind["certificates"]
    port = str(one.port or kind["port"])
    return [one.kind, kind["process"], port, one.log or kind["log"], kind["error"], " ".join(certificates)]


@dataclass
class Seen:
    """What the probe said of one kind."""

    processes: list[list[str]] = field(default_factory=list)
    heaps: list[list[str]] = field(default_factory=list)
    port: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    certificates: list[str] = field(default_factory=list)


def read(output: Output) -> dict[str, Seen]:
    found: dict[str, Seen] = {}
    *lines, end = [line for line in output.lines if line.strip()]
    if end != "end":
        raise ValueError(end)
    for line in lines:
        word, _, rest = line.partition(" ")
        if word == "kind":
            seen = found.setdefault(rest, Seen())
            continue
        match word:
            case "process":
                seen.processes.append(rest.split())
            case "heap":
                seen.heaps.append(rest.split())
            case "port":
                seen.port = rest.split()
            case "log":
                seen.log = rest.split(" ", 2)
            case "error":
                seen.errors.append(rest)
            case "unreadable":
                seen.unreadable.append(rest)
            case "certificate":
                seen.certificates.append(rest)
            case _:
                raise ValueError(line)
    return found


@check(
    "linux.middleware",
    title="中间件",
    topics=("middleware", "application-log", "certificate"),
    probe=PROBE,
    seconds=20,
    limits={"threads": (500, 1000), "heap": (85, 95), "errors": (1, 100), "days": (30, 7)},
    knows=knows,
)
def middleware(output: Output, limits: Limits, before: Before) -> Iterator[Finding]:
    found = read(output)
    if not found:
        raise ValueError(output.text)
    for kind, seen in found.items():
        if kind not in KINDS:
            yield unknown(kind, "没有这种中间件的定义（tasks/checks/linux/middleware.toml）")
            continue
        name = str(KINDS[kind]["title"])
        yield running(name, seen, limits, before)
        yield listening(name, seen)
        yield from heaps(name, seen, limits)
        yield from log(kind, name, seen, limits)
        yield from certificates(name, seen, limits, output.started_at)


def running(name: str, seen: Seen, limits: Limits, before: Before) -> Finding:
    subject = f"{name} 进程"
    if not seen.processes:
        return finding(subject, Status.FAIL, "没有运行", advice=f"启动 {name}，查看其日志查明停止原因")
    threads = sum(int(one[2]) for one in seen.processes)
    memory = sum(int(one[1]) for one in seen.processes) / 1024
    limit = limits.of("threads", subject)
    return finding(
        subject,
        limit.level(threads),
        f"{len(seen.processes)} 个进程，线程 {threads}，内存 {memory:.0f} MiB",
        Number("threads", threads, "", limit.passed(threads)),
        Number("memory", round(memory), "MiB"),
        change=before.change(subject, "threads", threads),
        advice="线程过多：检查请求堆积、后端响应和连接泄漏",
    )


def listening(name: str, seen: Seen) -> Finding:
    port, state = seen.port
    sound = state == "open"
    return finding(
        f"{name} 端口 {port}",
        Status.OK if sound else Status.FAIL,
        "在监听" if sound else "没有监听",
        advice="核对配置的端口；检查启动日志中的端口占用或绑定失败",
    )


def heaps(name: str, seen: Seen, limits: Limits) -> Iterator[Finding]:
    """`jstat -gc`: a line of headings and a line of numbers in kB; used and committed of each space."""
    for heads, values in zip(seen.heaps[::2], seen.heaps[1::2], strict=True):
        said = {key: float(value) for key, value in zip(heads, values, strict=False) if value != "-"}
        used, total = (
            said["S0" + end] + said["S1" + end] + said["E" + end] + said["O" + end] for end in "UC"
        )
        percent = 100 * used / total
        limit = limits.of("heap", f"{name} 堆")
        yield finding(
            f"{name} 堆",
            limit.level(percent),
            f"已用 {percent:.1f}%（{used / 1024:.0f}/{total / 1024:.0f} MiB），完全回收 {said['FGC']:.0f} 次",
            Number("heap", round(percent, 1), "%", limit.passed(percent)),
            advice="观察回收后的占用；持续偏高时导出堆分析或调大 -Xmx",
        )


def log(kind: str, name: str, seen: Seen, limits: Limits) -> Iterator[Finding]:
    subject = f"{name} 日志"
    for path in seen.unreadable:
        yield unknown(subject, f"日志不可读：{path}")
    if not seen.log:
        if not seen.unreadable:
            yield unknown(subject, "没有找到日志文件，请在 hosts.yml 的 middleware 中写明 log")
        return
    position, _, path = seen.log
    count = len(seen.errors)
    limit = limits.of("errors", subject)
    most = "（只计最近 1000 条）" if count >= 1000 else ""
    last = f"，最近一条：{seen.errors[-1][:200]}" if seen.errors else ""
    yield finding(
        subject,
        limit.level(count),
        f"{path} 上次检查以来错误 {count} 条{most}{last}",
        Number("errors", count, "", limit.passed(count)),
        advice="按时间查看该日志，处理错误原因",
        marks={f"log_{kind}": position},
    )


def certificates(name: str, seen: Seen, limits: Limits, now: datetime) -> Iterator[Finding]:
    for line in seen.certificates:
        said, path = re.split(r" ?@ ", line, maxsplit=1)
        subject = f"{name} 证书 {path}"
        if not said.strip():
            yield unknown(subject, "证书无法读取（没有 openssl 或文件损坏）")
            continue
        until = datetime.strptime(" ".join(said.split()), "%b %d %H:%M:%S %Y GMT").replace(tzinfo=UTC)
        days = (until - now).total_seconds() / 86400
        limit = limits.of("days", subject, falling=True)
        yield finding(
            subject,
            limit.level(days),
            f"{until.astimezone(now.tzinfo):%Y-%m-%d} 到期，"
            + (f"还有 {days:.0f} 天" if days > 0 else "已过期"),
            Number("days", round(days, 1), "天", limit.passed(days)),
            advice="更换证书并重新加载配置",
        )
