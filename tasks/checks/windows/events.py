from collections.abc import Iterator
from typing import Any

from tasks.checks import check
from tasks.checks.grouping import Group, Grouped
from tasks.checks.judging import Before, Limits
from tasks.checks.logs import LIMITS, SEEN, Lines, Log, judge_log
from tasks.checks.powershell import listed, told
from tasks.model import Finding, Output

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
# Provider and number are what events of one kind have in common.
LINES = Lines("windows", shape=lambda line: line.partition(": ")[0])


@check(
    "windows.events",
    title="事件日志错误",
    topics=("system-log",),
    probe=PROBE,
    seconds=40,
    limits=LIMITS,
    remembers=(f"System.{SEEN}", f"Application.{SEEN}"),
)
def events(output: Output, limits: Limits, before: Before) -> Iterator[Finding]:
    for log in listed(told(output)["logs"]):
        yield from of_log(log, limits, before)


def of_log(log: dict[str, Any], limits: Limits, before: Before) -> Iterator[Finding]:
    name, events = str(log["log"]), listed(log["groups"])
    newest = max((int(one) for event in events for one in listed(event["ids"])), default=0)
    last = int(before.marks[name]) if name in before.marks else None
    # A log that was cleared counts from one again.
    position = None if last is not None and 0 < newest < last else last
    groups = [group(event, count) for event in events if (count := new(event, position))]
    note = "" if position is not None else "（最近 24 小时）"
    note += "（仅统计最近 500 条）" if log["cut"] else ""
    marks = {name: str(newest or last or 0)}
    yield from judge_log(Log(LINES, name, Grouped(groups), note, marks, f"{name}."), limits, before)


def group(event: dict[str, Any], count: int) -> Group:
    at = str(event["last"])[:19]
    text = " ".join(str(event["text"] or "（无说明文字）").split())
    return Group(count, at, at, f"{event['key']}: {text}")


def new(event: dict[str, Any], position: int | None) -> int:
    if position is None:
        return int(event["recent"])
    return sum(int(one) > position for one in listed(event["ids"]))
