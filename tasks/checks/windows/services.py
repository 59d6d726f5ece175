from collections.abc import Iterator

from tasks.checks import check
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.powershell import listed, told
from tasks.model import Finding, Host, Number, Output, Status

# Those with a delayed or triggered start stand still for good reasons: a trigger has not come yet.
PROBE = r"""
$all=@(Q Win32_Service "StartMode='Auto'")
$key='HKLM:\SYSTEM\CurrentControlSet\Services\'
$off=@($all | ?{$_.State -ne 'Running'} | %{
  $p=Get-ItemProperty ($key+$_.Name) -ErrorAction SilentlyContinue
  @{name=$_.Name;title=$_.DisplayName;state=$_.State;code=$_.ExitCode;delayed=[int]$p.DelayedAutoStart;trigger=(Test-Path ($key+$_.Name+'\TriggerInfo'))}})
$named=@()
foreach($n in $wanted.Split(' ')){if($n){$s=@(Q Win32_Service ("Name='"+$n+"'")); if($s.Count){$named+=@{name=$n;state=$s[0].State}}else{$named+=@{name=$n;state='Missing'}}}}
@{count=$all.Count;stopped=$off;named=$named}
"""
STATES = {"Stopped": "已停止", "Paused": "已暂停", "Start Pending": "正在启动", "Missing": "没有这个服务"}


def knows(host: Host) -> dict[str, str]:
    """What the inventory names has to run, whatever its kind of start and its exit code."""
    return {"wanted": " ".join(host.services)}


@check("windows.services", title="停止的自动服务", topics=("services",), probe=PROBE, seconds=20, knows=knows)
def services(output: Output, limits: Limits, before: Before) -> Iterator[Finding]:
    said = told(output)
    named = {str(one["name"]): str(one["state"]) for one in listed(said["named"])}
    bad = {
        name: f"{STATES.get(state, state)}（清单要求运行）"
        for name, state in named.items()
        if state != "Running"
    }
    titles, quiet = {}, 0
    for one in listed(said["stopped"]):
        name, code = str(one["name"]), int(one["code"])
        titles[name] = str(one["title"])
        if name in bad or one["delayed"] or one["trigger"]:
            continue
        if code == 0:
            quiet += 1
        else:
            bad[name] = f"{STATES.get(one['state'], one['state'])}，退出码 {code}"
    for name, words in bad.items():
        title = f"{titles[name]}：" if titles.get(name, name) != name else ""
        yield finding(
            name,
            Status.FAIL,
            f"{title}{words}",
            change="新出现" if before.statuses and name not in before.statuses else "",
            advice="查看系统日志中该服务的事件（7031、7034、7000），处理原因后启动服务",
        )
    count = int(said["count"])
    if count <= 0:
        raise ValueError(output.text)
    if not bad:
        rest = f"，另有 {quiet} 个已正常退出" if quiet else ""
        yield finding(
            "自动服务", Status.OK, f"{count} 个自动启动的服务没有异常停止{rest}", Number("stopped", 0)
        )
