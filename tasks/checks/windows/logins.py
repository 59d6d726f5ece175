from collections import Counter
from collections.abc import Iterator
from typing import Any

from tasks.checks import check
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.powershell import listed, told
from tasks.model import Finding, Number, Output, Status

# The security log is only for administrators and Event Log Readers; types 2 and 10 are people at a screen.
PROBE = r"""
$since=(Get-Date).AddHours(-24)
$read={param($id,$most) @(Events @{LogName='Security';Id=$id;StartTime=$since} $most | %{
  $h=@{at=$_.TimeCreated}; foreach($d in ([xml]$_.ToXml()).Event.EventData.Data){
    if('TargetUserName','LogonType','IpAddress' -contains $d.Name){$h[$d.Name]=$d.'#text'}}; $h})}
$in=@((& $read 4624 1000) | ?{$_.LogonType -eq '2' -or $_.LogonType -eq '10'} | Select-Object -First 30)
@{logins=$in;failed=@(& $read 4625 500);locked=@(& $read 4740 50)}
"""
SHOWN = 10


@check(
    "windows.logins",
    title="登录与失败登录",
    topics=("logins",),
    probe=PROBE,
    seconds=60,
    limits={"failed": (10, 50), "locked": (1, 5)},
)
def logins(output: Output, limits: Limits, before: Before) -> Iterator[Finding]:
    said = told(output)
    inside, failed, locked = (listed(said[key]) for key in ("logins", "failed", "locked"))
    people = Counter(str(one["TargetUserName"]) for one in inside)
    names = "、".join(f"{name}（{count} 次）" for name, count in people.most_common(SHOWN))
    yield finding("登录", Status.OK, f"24 小时内登录：{names or '无'}", Number("logins", len(inside)))
    yield counted(
        "失败登录", "failed", failed, limits, before, "核对来源地址；可能是口令猜测，必要时封禁来源"
    )
    yield counted("账户锁定", "locked", locked, limits, before, "向本人核实；排查用旧口令的服务和任务")


def counted(
    subject: str, name: str, rows: list[dict[str, Any]], limits: Limits, before: Before, advice: str
) -> Finding:
    sources = Counter(f"{one['TargetUserName']} 来自 {one.get('IpAddress') or '本机'}" for one in rows)
    shown = "；".join(f"{source} {count} 次" for source, count in sources.most_common(3))
    limit = limits.of(name)
    return finding(
        subject,
        limit.level(len(rows)),
        f"24 小时内 {len(rows)} 次" + (f"：{shown}" if shown else ""),
        Number(name, len(rows), "", limit.passed(len(rows))),
        change=before.change(subject, name, len(rows)),
        advice=advice,
    )
