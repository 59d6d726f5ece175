import re
from collections.abc import Iterator, Mapping
from datetime import date

from tasks.checks import check
from tasks.checks.judging import Before, Limits, finding, unknown
from tasks.model import Finding, Host, Number, Output, Status

# The kernel keeps fifteen characters of a program's name.
PROBE = r"""
names=$(cat /proc/[0-9]*/stat 2>/dev/null | sed -n 's/^[0-9]* (\(.*\)) [A-Za-z] .*/|\1|/p')
for process in $processes; do
  short=$process; while [ ${#short} -gt 15 ]; do short=${short%?}; done
  case $names in *"|$short|"*) echo "running $process";; *) echo "missing $process";; esac
done
if [ -n "$licence" ]; then
  if [ -r "$licence" ]; then
    echo "licence $(grep -aoE '20[0-9][0-9]-[01][0-9]-[0-3][0-9]' "$licence" | sort | tail -n 1)"
  else echo "unreadable $licence"; fi
elif [ -n "$until" ]; then echo "licence $until"; fi
"""
LINE = re.compile(r"(running|missing|unreadable|licence) ?(\S*)")


def knows(host: Host) -> Mapping[str, str] | None:
    said = host.antivirus
    if said is None:
        return None
    return {"processes": " ".join(said.processes), "licence": said.licence, "until": said.until}


@check(
    "linux.antivirus",
    title="防病毒软件",
    topics=("antivirus", "licence"),
    probe=PROBE,
    limits={"days_left": (30, 0)},
    knows=knows,
)
def antivirus(output: Output, limits: Limits, before: Before) -> Iterator[Finding]:
    for line in output.lines:
        found = LINE.fullmatch(line)
        match found and found.groups():
            case ("running", str(name)) if name:
                yield finding(name, Status.OK, "进程在运行")
            case ("missing", str(name)) if name:
                yield finding(name, Status.FAIL, "没有该进程", advice="启动防病毒服务，查明停止原因")
            case ("unreadable", str(path)):
                yield unknown("授权", f"授权文件不可读：{path}")
            case ("licence", str(day)) if day:
                yield licence(date.fromisoformat(day), output.started_at.date(), limits)
            case ("licence", _):
                yield unknown("授权", "授权文件中没有日期")
            case _:
                raise ValueError(line)


def licence(until: date, today: date, limits: Limits) -> Finding:
    left = (until - today).days
    limit = limits.of("days_left", falling=True)
    told = f"授权至 {until}，剩 {left} 天" if left >= 0 else f"授权已于 {until} 到期"
    number = Number("days_left", left, "天", limit.passed(left))
    return finding("授权", limit.level(left), told, number, advice="在到期前办理续费并导入新授权")
