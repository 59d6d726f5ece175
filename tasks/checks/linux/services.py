from collections.abc import Iterator

from tasks.checks import check
from tasks.checks.judging import Before, Limits, finding, unknown
from tasks.model import Finding, Number, Output, Status

PROBE = """
if [ -d /run/systemd/system ]; then
  echo systemd
  systemctl --failed --all --no-legend --no-pager --plain || echo broken $?
else
  sed -n 's/^Name:[[:space:]]*/without /p' /proc/1/status
fi
"""


# The mark before a unit that failed: a dot, where the terminal's character set has one.
MARKS = ("●", "*", "×")


@check("linux.services", title="失败的系统服务", topics=("services",), probe=PROBE)
def services(output: Output, limits: Limits, before: Before) -> Iterator[Finding]:
    init, *units = [line.split() for line in output.lines if line.strip()]
    match init:
        case ["systemd"]:
            pass
        case ["without", "init" | "systemd" as manager]:
            yield unknown("系统服务", f"本机由 {manager} 管理服务，尚不能采集")
            return
        case ["without", _]:
            yield finding(
                "系统服务", Status.OK, "本机没有服务管理器（1 号进程不是 init 或 systemd），无服务可查"
            )
            return
        case _:
            raise ValueError(init)
    if any(unit[0] == "broken" for unit in units):
        yield unknown("系统服务", output.stderr.strip()[:200] or "systemctl 未能返回结果")
        return
    failed = [unit_name(unit) for unit in units]
    for name in failed:
        yield finding(
            name,
            Status.FAIL,
            "服务处于失败状态",
            change="新出现" if before.statuses and name not in before.statuses else "",
            advice=f"执行 systemctl status {name} 和 journalctl -u {name} 查明原因",
        )
    if not failed:
        yield finding("系统服务", Status.OK, "没有失败的服务", Number("failed", 0))


def unit_name(words: list[str]) -> str:
    """Of one line of systemctl: `nginx.service loaded failed failed …`."""
    name = words[1] if words[0] in MARKS else words[0]
    if "." not in name:
        raise ValueError(name)
    return name
