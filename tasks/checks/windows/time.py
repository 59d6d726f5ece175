import json
from collections.abc import Iterator
from datetime import datetime

from tasks.checks import check
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.powershell import told
from tasks.model import Finding, Number, Output, Status

# The words of w32tm are in the language of the system: kept as they are, judged by nobody. The registry says
# without words whether anybody sets the clock.
PROBE = r"""
$k='HKLM:\SYSTEM\CurrentControlSet\Services\'
$p=Get-ItemProperty ($k+'W32Time\Parameters')
@{utc=[DateTime]::UtcNow.ToString('yyyy-MM-ddTHH:mm:ss.fff',[Globalization.CultureInfo]::InvariantCulture);
  type=[string]$p.Type;servers=[string]$p.NtpServer;
  running=([string](Get-Service W32Time).Status -eq 'Running');
  guest=[bool](@(Get-Service | ?{'vmictimesync','VMTools' -contains $_.Name -and $_.Status -eq 'Running'}).Count);
  status=@(w32tm /query /status 2>&1 | %{[string]$_})}
"""


@check("windows.time", title="时间偏差", topics=("time",), probe=PROBE, limits={"offset": (10, 60)})
def clock(output: Output, limits: Limits, before: Before) -> Iterator[Finding]:
    """It looked at its clock no earlier than this long after the script was sent, and no later than its
    answer was here: what is surely wrong is how far its time lies outside."""
    said = told(output)
    there = datetime.fromisoformat(f"{said['utc']}+00:00")
    early = (there - output.started_at - output.duration).total_seconds()
    late = (there - output.started_at).total_seconds() - json.loads(output.text)["at"] / 1000
    offset = early if early > 0 else min(late, 0.0)
    limit = limits.of("offset")
    yield finding(
        "时钟",
        limit.level(abs(offset)),
        f"与采集端相差至少 {offset:+.1f} 秒"
        if offset
        else f"与采集端一致（{late - early:.1f} 秒的采集时间内）",
        Number("offset", round(abs(offset), 1), "s", limit.passed(abs(offset))),
        advice="检查时间源（w32tm /query /source），对时后复查",
    )
    kind, servers = str(said["type"]), str(said["servers"]).partition(",")[0]
    source = {"NTP": f"NTP 服务器 {servers}", "NT5DS": "域控制器", "AllSync": f"域控制器或 {servers}"}.get(
        kind
    )
    synced = (source is not None and said["running"] is True) or said["guest"] is True
    words = (
        source if source and said["running"] else "虚拟化平台" if said["guest"] else "没有在工作的时间同步"
    )
    yield finding(
        "时间源",
        Status.OK if synced else Status.WARN,
        words or "",
        advice="配置 NTP 服务器并启动 W32Time 服务",
    )
