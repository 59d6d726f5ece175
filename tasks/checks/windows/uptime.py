from collections.abc import Iterator

from tasks.checks import check
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.powershell import told
from tasks.model import Finding, Number, Output, Status

PROBE = "@{seconds=[long]((Get-Date)-(D (Q Win32_OperatingSystem).LastBootUpTime)).TotalSeconds}"


@check("windows.uptime", title="运行时间", topics=("uptime",), probe=PROBE)
def uptime(output: Output, limits: Limits, before: Before) -> Iterator[Finding]:
    """A restart nobody announced shows here: up for less time than has passed since the last look."""
    seconds = int(told(output)["seconds"])
    if seconds < 0:
        raise ValueError(output.text)
    restarted = before.at is not None and seconds < (output.started_at - before.at).total_seconds()
    days, rest = divmod(seconds, 86400)
    yield finding(
        "运行时间",
        Status.WARN if restarted else Status.OK,
        f"已运行 {days} 天 {rest // 3600} 小时" + ("，上次检查之后重启过" if restarted else ""),
        Number("seconds", seconds, "s"),
        change="重启过" if restarted else "",
        advice="核对重启是否在变更计划之内，查看系统日志中的关机原因（事件 1074、6008）",
    )
