from collections.abc import Iterator

from tasks.checks import check
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.powershell import listed, told
from tasks.model import Finding, Number, Output, Status

# SecurityCenter2 is not on servers: Defender by its own class, others by their services. 2008 R2 and 2012
# have no Defender class, which is no reason for not having looked.
PROBE = r"""
$d=$null; try{$d=@(Q MSFT_MpComputerStatus $null 'root\Microsoft\Windows\Defender')[0]}catch{}
$h=$null; if($d){$h=@{on=[bool]$d.AntivirusEnabled;live=[bool]$d.RealTimeProtectionEnabled;age=$d.AntivirusSignatureAge;version=$d.AntivirusSignatureVersion}}
$s=@(Get-Service | ?{$_.Name -match '^(Sense|360|QH|ZhuDongFangYu|kxe|HipsDaemon|EDR|sfavd|TmListen|ntrtscan|ekrn|avp|McShield|SepMasterService|hws)'} | %{@{name=$_.Name;title=$_.DisplayName;running=([string]$_.Status -eq 'Running')}})
@{defender=$h;services=$s}
"""


@check(
    "windows.antivirus",
    title="防病毒软件",
    topics=("antivirus",),
    probe=PROBE,
    limits={"days": (3, 7)},
)
def antivirus(output: Output, limits: Limits, before: Before) -> Iterator[Finding]:
    said = told(output)
    defender, others = said["defender"], listed(said["services"])
    for one in others:
        status = Status.OK if one["running"] is True else Status.FAIL
        words = "运行中" if one["running"] is True else "没有运行"
        yield finding(
            str(one["name"]), status, f"{one['title']} {words}", advice="启动防病毒服务并查明停止原因"
        )
    if defender and defender["on"]:
        limit, age = limits.of("days"), int(defender["age"])
        live = defender["live"] is True
        yield finding(
            "Windows Defender",
            Status.worst((limit.level(age), Status.OK if live else Status.WARN)),
            f"病毒库 {defender['version']}，{age} 天前更新，实时防护{'已开' if live else '未开'}",
            Number("days", age, "天", limit.passed(age)),
            advice="更新病毒库，打开实时防护",
        )
    elif not others:
        yield finding(
            "防病毒软件",
            Status.FAIL,
            "没有发现启用的防病毒软件",
            advice="安装并启用防病毒软件，或在清单中说明例外",
        )
