from collections.abc import Iterator

from tasks.checks import check
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.powershell import told
from tasks.model import Finding, Number, Output

# The counters can be broken on a host that has lost its performance registry; the processor itself then says.
PROBE = r"""
$busy=$null
try{$busy=@(Q Win32_PerfFormattedData_PerfOS_Processor "Name='_Total'")[0].PercentProcessorTime}catch{}
$all=@(Q Win32_Processor); $cores=0; $load=0
foreach($p in $all){$cores+=[int]$p.NumberOfLogicalProcessors; $load+=[int]$p.LoadPercentage}
if($null -eq $busy){$busy=$load/$all.Count}
@{busy=[double]$busy;cores=$cores}
"""


@check("windows.cpu", title="处理器", topics=("cpu",), probe=PROBE, limits={"percent": (85, 95)})
def cpu(output: Output, limits: Limits, before: Before) -> Iterator[Finding]:
    """What the counter says of the moment of looking; a peak shows, and shows the change."""
    said = told(output)
    busy, cores = float(said["busy"]), int(said["cores"])
    if not (0 <= busy <= 100 and cores > 0):
        raise ValueError(output.text)
    limit = limits.of("percent")
    yield finding(
        "处理器",
        limit.level(busy),
        f"使用率 {busy:.0f}%，逻辑处理器 {cores} 个",
        Number("percent", round(busy, 1), "%", limit.passed(busy)),
        Number("cores", cores),
        change=before.change("处理器", "percent", busy),
        advice="查看占用处理器最多的进程，确认是否为持续高负载",
    )
