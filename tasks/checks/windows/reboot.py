from collections.abc import Iterator

from tasks.checks import check
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.powershell import listed, told
from tasks.model import Finding, Output, Status

PROBE = r"""
$r=@(); $c='HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\'; $s='HKLM:\SYSTEM\CurrentControlSet\'
if(-not (Test-Path $c)){throw 'registry not readable'}
if(Test-Path ($c+'Component Based Servicing\RebootPending')){$r+='servicing'}
if(Test-Path ($c+'WindowsUpdate\Auto Update\RebootRequired')){$r+='update'}
if((Get-ItemProperty ($s+'Control\Session Manager')).PendingFileRenameOperations){$r+='files'}
$a=(Get-ItemProperty ($s+'Control\ComputerName\ActiveComputerName')).ComputerName
$b=(Get-ItemProperty ($s+'Control\ComputerName\ComputerName')).ComputerName
if($a -ne $b){$r+='rename'}
if((Test-Path ($s+'Services\Netlogon\JoinDomain')) -or (Test-Path ($s+'Services\Netlogon\AvoidSpnSet'))){$r+='domain'}
if(Test-Path 'HKLM:\SOFTWARE\Microsoft\ServerManager\CurrentRebootAttempts'){$r+='roles'}
@{reasons=$r}
"""
REASONS = {
    "servicing": "组件服务（CBS）",
    "update": "Windows 更新",
    "files": "待替换的文件",
    "rename": "计算机改名",
    "domain": "加入域",
    "roles": "角色与功能",
}


@check("windows.reboot", title="待重启", topics=("patch",), probe=PROBE)
def reboot(output: Output, limits: Limits, before: Before) -> Iterator[Finding]:
    reasons = [REASONS[str(one)] for one in listed(told(output)["reasons"])]
    if reasons:
        yield finding(
            "待重启",
            Status.WARN,
            f"等待重启：{'、'.join(reasons)}",
            advice="安排变更窗口重启，重启前确认业务可停",
        )
    else:
        yield finding("待重启", Status.OK, "没有等待重启的更新或改动")
