import re
from collections.abc import Iterator, Mapping, Sequence

from tasks.checks.answers import Answers, Member, on_host
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.oracle.rows import printed
from tasks.checks.rows import of_member
from tasks.model import Database, Finding, Number, Status

# Not `-t`: its table breaks long names and lines. The grid home stands in olr.loc.
PROBE = r"""
home=$(sed -n 's/^crs_home=//p' /etc/oracle/olr.loc 2>/dev/null | tail -n 1)
tool=${home:+$home/bin/}crsctl
command -v "$tool" >/dev/null || { echo "no crsctl" >&2; exit 127; }
"$tool" stat res 2>&1 || :
"""
WINDOWS = r"""
$ErrorActionPreference='Continue'
$place=(Get-ItemProperty 'HKLM:\SOFTWARE\Oracle\olr').crs_home
[string]::Join("`n",[string[]]@(& ($place+'\bin\crsctl.exe') stat res 2>&1 | %{[string]$_}))
"""
FIELD = re.compile(r"(NAME|TYPE|TARGET|STATE)=(.*)")
ERROR = re.compile(r"CRS-\d+: .*")
# It stops, starts or cannot be asked.
UNSURE = ("INTERMEDIATE", "UNKNOWN")


def knows(database: Database) -> Mapping[str, str] | None:
    return {} if database.form == "rac" else None


@on_host(
    "oracle.cluster",
    title="集群资源",
    topics=("database", "services", "availability"),
    probe=PROBE,
    windows=WINDOWS,
    seconds=30,
    knows=knows,
)
def cluster(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    """One node tells of all of them."""
    for member in answers.members:
        if not member.failure:
            yield judged(member)


def judged(member: Member) -> Finding:
    subject, lines = of_member(member, "集群资源"), [line.strip() for line in printed(member) if line.strip()]
    if errors := [line for line in lines if ERROR.fullmatch(line)]:
        advice = "以 root 执行 crsctl check crs，查看集群告警日志后启动集群件"
        return finding(subject, Status.FAIL, f"集群件没有应答：{errors[0]}", advice=advice)
    resources = read(lines)
    down = [told for one in resources for told in different(one)]
    doubtful = [told for one in resources for told in odd(one)]
    advice = "用 crsctl stat res -v 查看该资源的失败原因，处理后 crsctl start res；数据库与服务用 srvctl"
    return finding(
        subject,
        Status.FAIL if down else Status.WARN if doubtful else Status.OK,
        "；".join([*down, *doubtful][:5]) or f"{len(resources)} 个资源都处于目标状态",
        Number("resources", len(resources), "个"),
        Number("down", len(down), "个"),
        Number("doubtful", len(doubtful), "个"),
        advice=advice,
    )


def read(lines: Sequence[str]) -> list[dict[str, str]]:
    """NAME, TYPE, TARGET, STATE of each; TARGET and STATE are lists, with a place for each server."""
    found: list[dict[str, str]] = []
    for line in lines:
        field = FIELD.fullmatch(line)
        if field is None:
            raise ValueError(line)
        if field[1] == "NAME":
            found.append({})
        found[-1][field[1]] = field[2].strip()
    if not found:
        raise ValueError("crsctl")
    return found


def pairs(resource: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """(what it should be, what it is) at each place: `ONLINE`, `ONLINE on node1`."""
    targets, states = (resource[key].split(",") for key in ("TARGET", "STATE"))
    for target, state in zip(targets, states, strict=True):
        yield target.strip(), state.strip()


def different(resource: Mapping[str, str]) -> Iterator[str]:
    for target, state in pairs(resource):
        if target == "ONLINE" and state.split()[0] == "OFFLINE":
            yield f"{resource['NAME']} 应为 {target}，实际 {state}"


def odd(resource: Mapping[str, str]) -> Iterator[str]:
    for target, state in pairs(resource):
        now = state.split()[0]
        if now in UNSURE or (target == "OFFLINE" and now == "ONLINE"):
            yield f"{resource['NAME']} 应为 {target}，实际 {state}"
