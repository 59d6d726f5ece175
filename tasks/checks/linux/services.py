import re
from collections.abc import Iterator, Mapping

from tasks.checks import check
from tasks.checks.judging import Before, Limits, finding, unknown
from tasks.model import Finding, Host, Number, Output, Status

# SysV has no list of what failed, and to ask each script costs more than all other probes together: a
# process number kept for a process that is gone tells it, and the inventory's own services are asked.
PROBE = """
while read -r key name; do [ "$key" != Name: ] || break; done </proc/1/status
if [ -d /run/systemd/system ]; then
  echo systemd
  systemctl --failed --all --no-legend --no-pager --plain || echo broken $?
  if [ -n "$required" ]; then
    echo required $required; echo states $(systemctl is-active $required)
  fi
elif [ "$name" = init ]; then
  echo sysv
  set -- $(runlevel)
  for link in /etc/rc.d/rc$2.d/S* /etc/rc$2.d/S*; do
    name=${link##*/S??}
    case $link in *'*') continue;; esac
    state=started
    for file in /var/run/$name.pid /var/run/$name/$name.pid; do
      [ -r $file ] && read -r pid _ <$file || continue
      state=dead; [ ! -d "/proc/$pid" ] || state=alive
      break
    done
    echo "$state $name"
  done
  for name in $required; do
    service $name status >/dev/null 2>&1; echo "status $name $?"
  done
else
  echo "without $name"
fi
"""

# The mark before a unit that failed: a dot, where the terminal's character set has one.
MARKS = ("●", "*", "×")
SCRIPT = re.compile(r"(started|alive|dead|status) (\S+)(?: (\d{1,3}))?", re.ASCII)


def knows(host: Host) -> Mapping[str, str]:
    return {"required": " ".join(host.services)}


@check("linux.services", title="系统服务", topics=("services",), probe=PROBE, knows=knows)
def services(output: Output, limits: Limits, before: Before) -> Iterator[Finding]:
    init, *lines = [line.split() for line in output.lines if line.strip()]
    match init:
        case ["systemd"]:
            yield from systemd(lines, output, before)
        case ["sysv"]:
            yield from sysv([" ".join(words) for words in lines], before)
        case ["without", "init" | "systemd" as manager]:
            yield unknown("系统服务", f"本机由 {manager} 管理服务，尚不能采集")
        case ["without", _]:
            yield finding(
                "系统服务", Status.OK, "本机没有服务管理器（1 号进程不是 init 或 systemd），无服务可查"
            )
        case _:
            raise ValueError(init)


def systemd(lines: list[list[str]], output: Output, before: Before) -> Iterator[Finding]:
    if any(line[0] == "broken" for line in lines):
        yield unknown("系统服务", output.stderr.strip()[:200] or "systemctl 未能返回结果")
        return
    asked = next((line[1:] for line in lines if line[0] == "required"), [])
    states = next((line[1:] for line in lines if line[0] == "states"), [])
    failed = [unit_name(line) for line in lines if line[0] not in ("required", "states")]
    for name in failed:
        advice = f"执行 systemctl status {name} 和 journalctl -u {name} 查明原因"
        yield bad(name, "服务处于失败状态", before, advice)
    for name, state in zip(asked, states, strict=True):
        known = name in failed or f"{name}.service" in failed
        if state != "active" and not known:
            yield bad(name, f"台账要求运行的服务没有运行（{state}）", before, f"执行 systemctl start {name}")
    if not failed:
        yield finding("系统服务", Status.OK, "没有失败的服务", Number("failed", 0))


def sysv(lines: list[str], before: Before) -> Iterator[Finding]:
    found = [SCRIPT.fullmatch(line) for line in lines]
    if not found or None in found:
        raise ValueError("\n".join(lines))
    states = [one.groups() for one in found if one]
    dead = [name for state, name, _ in states if state == "dead"]
    for name in dead:
        yield bad(name, "进程号文件还在，进程已不存在", before, f"执行 service {name} status 查明原因")
    for state, name, code in states:
        # LSB: 0 runs, 3 is stopped, 1 and 2 left something behind.
        if state == "status" and code != "0" and name not in dead:
            advice = f"执行 service {name} start"
            yield bad(name, f"台账要求运行的服务没有运行（status {code}）", before, advice)
    count = sum(state != "status" for state, _, _ in states)
    checked = sum(state == "alive" for state, _, _ in states)
    if not dead:
        told = f"开机启动的服务 {count} 个，其中 {checked} 个按进程号核对在运行"
        yield finding("系统服务", Status.OK, told, Number("failed", 0))


def bad(name: str, told: str, before: Before, advice: str) -> Finding:
    change = "新出现" if before.statuses and name not in before.statuses else ""
    return finding(name, Status.FAIL, told, change=change, advice=advice)


def unit_name(words: list[str]) -> str:
    """Of one line of systemctl: `nginx.service loaded failed failed …`."""
    name = words[1] if words[0] in MARKS else words[0]
    if "." not in name:
        raise ValueError(name)
    return name
