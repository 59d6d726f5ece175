from collections.abc import Iterator
from datetime import date

from tasks.checks import check
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.powershell import told
from tasks.model import Finding, Number, Output, Status

PROBE = r"""
$o=Q Win32_OperatingSystem
@{host=$env:COMPUTERNAME;caption=$o.Caption;version=$o.Version;pack=[string]$o.CSDVersion;language=$o.OSLanguage;page=[string]$o.CodeSet;powershell=[string]$PSVersionTable.PSVersion}
"""
# End of extended support, learn.microsoft.com/lifecycle; paid extended security updates are not counted.
ENDS = {
    "6.0.6003": date(2020, 1, 14),  # 2008
    "6.1.7601": date(2020, 1, 14),  # 2008 R2
    "6.2.9200": date(2023, 10, 10),  # 2012
    "6.3.9600": date(2023, 10, 10),  # 2012 R2
    "10.0.14393": date(2027, 1, 12),  # 2016
    "10.0.17763": date(2029, 1, 9),  # 2019
    "10.0.20348": date(2031, 10, 14),  # 2022
    "10.0.26100": date(2034, 10, 10),  # 2025
}


@check(
    "windows.release",
    title="系统版本与停止支持",
    topics=("patch",),
    probe=PROBE,
    limits={"days": (180, None)},
)
def release(output: Output, limits: Limits, before: Before) -> Iterator[Finding]:
    said = told(output)
    version, name = str(said["version"]), str(said["caption"]).strip()
    pack = f" {said['pack']}" if said["pack"] else ""
    words = f"{name}{pack}（{version}），主机名 {said['host']}，PowerShell {said['powershell']}"
    ends = ENDS.get(version)
    if ends is None:
        yield finding(
            "系统版本",
            Status.UNKNOWN,
            f"{words}：不知道该版本的停止支持日期",
            advice="人工核对该版本的支持期",
        )
        return
    days = (ends - output.started_at.date()).days
    limit = limits.of("days", falling=True)
    yield finding(
        "系统版本",
        limit.level(days),
        f"{words}，" + (f"{ends} 停止支持" if days > 0 else f"已于 {ends} 停止支持"),
        Number("days", days, "天", limit.passed(days)),
        advice="制定升级计划；不能升级的，按加固方案隔离并记录风险",
    )
