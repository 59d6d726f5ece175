from collections.abc import Iterator
from typing import Any

from tasks.checks import check
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.powershell import listed, told
from tasks.model import Finding, Number, Output

# Three days, so that nothing of a weekend is missed. Each group says its newest records by number: what the
# last inspection has already counted is not counted again. Get-WinEvent needs .NET 3.5: else WMI's own log.
PROBE = r"""
$since=(Get-Date).AddHours(-72); $day=(Get-Date).AddHours(-24); $logs=@()
foreach($log in 'System','Application'){
  $modern=$true; $found=@()
  try{$found=@(Events @{LogName=$log;Level=1,2;StartTime=$since} 500 | %{@{id=[long]$_.RecordId;key=$_.ProviderName+' '+$_.Id;at=$_.TimeCreated;text=$_.Message}})}
  catch{
    $modern=$false; $t=[Management.ManagementDateTimeConverter]::ToDmtfDateTime($since)
    $found=@(Q Win32_NTLogEvent ("LogFile='"+$log+"' AND EventType=1 AND TimeGenerated>='"+$t+"'") | Select-Object -First 500 | %{@{id=[long]$_.RecordNumber;key=$_.SourceName+' '+$_.EventCode;at=(D $_.TimeGenerated);text=$_.Message}})}
  $groups=@{}
  foreach($e in $found){
    if(-not $groups.ContainsKey($e.key)){$groups[$e.key]=@{key=$e.key;ids=@();recent=0;last=$e.at;text=(Cut $e.text 200)}}
    $g=$groups[$e.key]; $g.ids+=$e.id; if($e.at -ge $day){$g.recent++}}
  $logs+=@{log=$log;modern=$modern;cut=($found.Count -ge 500);groups=@($groups.Values)}}
@{logs=$logs}
"""
SHOWN = 20


@check(
    "windows.events",
    title="事件日志错误",
    topics=("system-log",),
    probe=PROBE,
    seconds=40,
    limits={"count": (1, 100)},
)
def events(output: Output, limits: Limits, before: Before) -> Iterator[Finding]:
    for log in listed(told(output)["logs"]):
        yield from of_log(log, limits, before)


def of_log(log: dict[str, Any], limits: Limits, before: Before) -> Iterator[Finding]:
    name, groups = str(log["log"]), listed(log["groups"])
    newest = max((int(one) for group in groups for one in listed(group["ids"])), default=0)
    last = int(before.marks[name]) if name in before.marks else None
    # A log that was cleared counts from one again.
    position = None if last is not None and 0 < newest < last else last
    fresh = sorted(((new(group, position), group) for group in groups), key=lambda pair: -pair[0])
    fresh = [(count, group) for count, group in fresh if count]
    total = sum(count for count, _ in fresh)
    limit = limits.of("count", name)
    period = "上次检查以来" if position is not None else "24 小时内"
    yield finding(
        name,
        limit.level(total),
        f"{period}错误和严重事件 {total} 条，{len(fresh)} 类"
        + ("（仅统计最近 500 条）" if log["cut"] else ""),
        Number("count", total, "", limit.passed(total)),
        advice="按来源和事件号逐类处理，见下列明细",
        marks={name: str(newest or last or 0)},
    )
    for count, group in fresh[:SHOWN]:
        own = limits.of("count", f"{name} {group['key']}")
        yield finding(
            f"{name} {group['key']}",
            own.level(count),
            f"{count} 条，最近一条 {str(group['last'])[:19]}：{group['text'] or '（无说明文字）'}",
            Number("count", count, "", own.passed(count)),
            advice="在事件查看器中按来源和事件号筛选，处理其原因",
        )


def new(group: dict[str, Any], position: int | None) -> int:
    if position is None:
        return int(group["recent"])
    return sum(int(one) > position for one in listed(group["ids"]))
