import re
from collections.abc import Iterator

from tasks.checks import check
from tasks.checks.judging import Before, Limits, finding
from tasks.model import Finding, Number, Output, Status

PROBE = """
echo "epoch $(date +%s)"
while read -r key name; do [ "$key" != Name: ] || break; done </proc/1/status
[ ! -e /run/systemd/container ] || name=container
echo "init $name"
if said=$(chronyc -n tracking 2>/dev/null); then echo chronyc; printf '%s\\n' "$said"
elif said=$(ntpq -pn 2>/dev/null) && [ -n "$said" ]; then echo ntpq; printf '%s\\n' "$said"
elif [ -e /run/systemd/timesync/synchronized ]; then echo timesyncd
elif [ -d /run/systemd/system ] && said=$(timedatectl 2>/dev/null); then
  echo timedatectl; printf '%s\\n' "$said"
else echo none; fi
"""
HEAD = re.compile(r"epoch (\d{9,11})\ninit (\S+)\n(chronyc|ntpq|timesyncd|timedatectl|none)\n", re.ASCII)
CHRONY = re.compile(r"System time +: (\d+\.\d+) seconds (slow|fast) of NTP time")
LEAP = re.compile(r"Leap status +: (.+)")
SYNCHRONISED = re.compile(r"(?:NTP synchronized|System clock synchronized): (yes|no)")
ADVICE = "核对时间源和 chronyd/ntpd 服务；时间不准会使日志、备份和集群出错"


@check(
    "linux.clock",
    title="系统时间",
    topics=("time",),
    probe=PROBE,
    limits={"clock": (5, 60), "offset": (0.5, 5)},
)
def system_clock(output: Output, limits: Limits, before: Before) -> Iterator[Finding]:
    head = HEAD.match(output.text)
    if head is None:
        raise ValueError(output.text)
    yield clock(int(head[1]), output, limits)
    rest = output.text[head.end() :]
    match head[3]:
        case "chronyc":
            found = CHRONY.search(rest)
            leap = LEAP.search(rest)
            if found is None or leap is None:
                raise ValueError(rest)
            yield offset(float(found[1]), leap[1] != "Not synchronised", "chronyd", limits)
        case "ntpq":
            chosen = [line.split() for line in rest.splitlines() if line.startswith("*")]
            yield offset(abs(float(chosen[0][8])) / 1000 if chosen else 0, bool(chosen), "ntpd", limits)
        case "timesyncd":
            yield finding("时间同步", Status.OK, "systemd-timesyncd 已同步")
        case "timedatectl":
            said = SYNCHRONISED.search(rest)
            if said is None:
                raise ValueError(rest)
            yield synchronised(said[1] == "yes", "timedatectl", head[2])
        case _:
            yield synchronised(False, "未发现时间同步服务", head[2])


def clock(epoch: int, output: Output, limits: Limits) -> Finding:
    """Against our own: the probe ran at some moment between the start and the end of the trip."""
    start = output.started_at.timestamp()
    end = start + output.duration.total_seconds()
    # A clock tells whole seconds: 8.9 is 8.
    away = max(start - 1 - epoch, epoch - end, 0.0)
    limit = limits.of("clock")
    way = "慢" if epoch < start else "快"
    told = "与巡检机一致（误差不超过采集用时）" if away < 1 else f"比巡检机{way} {away:.0f} 秒"
    number = Number("clock", round(away), "s", limit.passed(away))
    return finding("时钟偏差", limit.level(away), told, number, advice=ADVICE)


def offset(seconds: float, synchronised: bool, who: str, limits: Limits) -> Finding:
    limit = limits.of("offset")
    status = limit.level(seconds) if synchronised else Status.WARN
    told = (
        f"{who} 已同步，偏差 {seconds * 1000:.1f} ms" if synchronised else f"{who} 在运行，但没有同步到时间源"
    )
    number = Number("offset", round(seconds, 4), "s", limit.passed(seconds))
    return finding("时间同步", status, told, number, advice=ADVICE)


def synchronised(yes: bool, who: str, init: str) -> Finding:
    """A container has no clock of its own to set."""
    if yes:
        return finding("时间同步", Status.OK, f"{who}：已同步")
    if init not in ("systemd", "init"):
        return finding("时间同步", Status.OK, "容器或精简系统，时钟由宿主机同步")
    return finding("时间同步", Status.WARN, f"{who}：未同步", advice=ADVICE)
