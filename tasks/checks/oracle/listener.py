import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tasks.checks.answers import Answers, on_host
from tasks.checks.judging import Before, Limits, finding, unknown
from tasks.checks.oracle.rows import printed
from tasks.checks.rows import of_member
from tasks.model import Finding, Number, Status

# lsnrctl lies beside the listener that runs, and answers nobody but its owner (TNS-01190): root becomes that
# owner for it. Nobody runs what another account's process merely claims to be.
PROBE = r"""
found=
for file in $(grep -la /tnslsnr /proc/[0-9]*/cmdline 2>/dev/null); do
  program=$(tr '\0' '\n' <"$file" | sed -n 1p); name=$(tr '\0' '\n' <"$file" | sed -n 2p)
  case $program in */bin/tnslsnr) ;; *) continue;; esac
  home=${program%/bin/tnslsnr}; name=${name:-LISTENER}; found=yes
  echo "listener $name $home"
  asked="ORACLE_HOME='$home' NLS_LANG= '$home/bin/lsnrctl' status '$name'"
  owner=$(stat -c %U "${file%/cmdline}")
  if [ "$(id -un)" = "$owner" ]; then sh -c "$asked" 2>&1
  elif [ "$(id -u)" = 0 ]; then su "$owner" -s /bin/sh -c "$asked" 2>&1
  else echo "owner $owner"; fi
done
[ -n "$found" ] || echo "no listener"
"""
WINDOWS = r"""
$ErrorActionPreference='Continue'; $lines=@()
foreach($process in @(Q Win32_Process "Name='tnslsnr.exe'")){
  $program=[string]$process.ExecutablePath
  $name='LISTENER'; $line=[string]$process.CommandLine
  if($line -match 'tnslsnr(?:\.exe)?"?\s+([\w.$#]+)'){$name=$matches[1]}
  $lines+='listener '+$name+' '+$program
  $control=$program -replace 'tnslsnr\.exe$','lsnrctl.exe'
  $env:NLS_LANG='AMERICAN_AMERICA.US7ASCII'
  $lines+=@(& $control status $name 2>&1 | %{[string]$_})}
if(-not $lines.Count){$lines+='no listener'}
[string]::Join("`n",[string[]]$lines)
"""
SERVICE = re.compile(r'Service "(.+)" has \d+ instances?\(?s?\)?\.')
INSTANCE = re.compile(r'Instance "(.+)", status (\w+), has \d+ handler\(?s?\)? for this service.*')
ERROR = re.compile(r"(?:TNS|LSNR|NL)-\d+: .*")
# UNKNOWN is how a service looks that stands in listener.ora: nobody reports on it, and it works.
WORKING = ("READY", "UNKNOWN")


@dataclass
class Heard:
    """What one listener said of itself."""

    completed: bool = False
    services: dict[str, dict[str, str]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)


@on_host(
    "oracle.listener",
    title="监听",
    topics=("database", "services"),
    probe=PROBE,
    windows=WINDOWS,
    seconds=30,
)
def listener(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    for member in answers.members:
        if member.failure:
            continue
        heard = read(printed(member))
        if not heard:
            subject, advice = of_member(member, "监听"), "用监听的属主执行 lsnrctl start，或由集群件启动"
            yield finding(subject, Status.FAIL, "没有监听进程在运行", advice=advice)
        for name, one in heard.items():
            yield judged(of_member(member, name), one)


def read(lines: list[str]) -> Mapping[str, Heard]:
    lines = [line.strip() for line in lines if line.strip()]
    if lines == ["no listener"]:
        return {}
    if not lines or not lines[0].startswith("listener "):
        raise ValueError(lines[0] if lines else "")
    heard: dict[str, Heard] = {}
    own, service = Heard(), ""
    for line in lines:
        if line.startswith("listener "):
            own = heard.setdefault(line.split()[1], Heard())
        elif found := SERVICE.fullmatch(line):
            service = found[1]
            own.services[service] = {}
        elif found := INSTANCE.fullmatch(line):
            own.services[service][found[1]] = found[2]
        elif line.startswith("owner "):
            own.errors.append(f"监听属于 {line.removeprefix('owner ')}，只有该账户或 root 能查询")
        elif ERROR.fullmatch(line):
            own.errors.append(line)
        elif line == "The command completed successfully":
            own.completed = True
    return heard


def judged(name: str, heard: Heard) -> Finding:
    if not heard.completed:
        return unknown(name, heard.errors[0] if heard.errors else "lsnrctl 没有给出完整的状态")
    states = {(instance, state) for one in heard.services.values() for instance, state in one.items()}
    blocked = sorted({f"{instance}（{state}）" for instance, state in states if state not in WORKING})
    ready = sorted({instance for instance, state in states if state in WORKING})
    told = f"{len(heard.services)} 个服务，实例 {'、'.join(ready) or '无'}"
    status = Status.FAIL if not ready else Status.WARN if blocked else Status.OK
    return finding(
        name,
        status,
        f"{'、'.join(blocked)} 不接受连接；{told}" if blocked else told,
        Number("services", len(heard.services), "个"),
        Number("blocked", len(blocked), "个"),
        advice="实例启动后执行 ALTER SYSTEM REGISTER；BLOCKED 的实例未打开或处于限制模式，核对其状态",
    )
