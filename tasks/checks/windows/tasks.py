from collections.abc import Iterator

from tasks.checks import check
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.powershell import listed, told
from tasks.model import Finding, Number, Output, Status

# Every task outside of \Microsoft, hidden ones too; the folders are walked by hand, 2.0 has no Get-ScheduledTask.
PROBE = r"""
$s=New-Object -ComObject Schedule.Service; $s.Connect(); $t=@(); $f=@($s.GetFolder('\'))
while($f.Count){
  $d=$f[0]; $f=@($f | Select-Object -Skip 1)
  if($d.Path -like '\Microsoft*'){continue}
  foreach($x in $d.GetTasks(1)){if($x.Enabled){$t+=@{path=$x.Path;last=$x.LastRunTime;code=[long]$x.LastTaskResult;missed=[int]$x.NumberOfMissedRuns}}}
  foreach($x in $d.GetFolders(0)){$f+=$x}}
@{tasks=$t}
"""
# learn.microsoft.com, "Task Scheduler Error and Success Constants": ready, running, never ran, queued …
NO_FAILURE = {0, 0x41300, 0x41301, 0x41303, 0x41304, 0x41305, 0x41325}


@check("windows.tasks", title="计划任务", topics=("services",), probe=PROBE, seconds=20)
def scheduled(output: Output, limits: Limits, before: Before) -> Iterator[Finding]:
    found = listed(told(output)["tasks"])
    failed = [one for one in found if int(one["code"]) & 0xFFFFFFFF not in NO_FAILURE]
    for one in failed:
        name, code = str(one["path"]), int(one["code"]) & 0xFFFFFFFF
        yield finding(
            name,
            Status.WARN,
            f"上次运行（{str(one['last'])[:19]}）结果 0x{code:X}",
            change="新出现" if before.statuses and name not in before.statuses else "",
            advice="在任务计划程序中查看该任务的历史记录",
        )
    if not failed:
        yield finding("计划任务", Status.OK, f"{len(found)} 个启用的任务没有失败", Number("failed", 0))
