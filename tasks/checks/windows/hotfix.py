import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from tasks.checks import check
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.powershell import listed, told
from tasks.model import Finding, Number, Output, Status

# Only what component servicing installed; updates by MSI (Office, SQL Server) are not in this list.
PROBE = r"""
@{fixes=@(Q Win32_QuickFixEngineering | %{@{id=$_.HotFixID;on=[string]$_.psbase.Properties['InstalledOn'].Value}})}
"""
# Years from 1601 in units of 100 ns: how 2008 R2 sometimes writes it, in hexadecimal.
FILETIME = datetime(1601, 1, 1, tzinfo=UTC)


@check(
    "windows.hotfix",
    title="系统补丁",
    topics=("patch",),
    probe=PROBE,
    seconds=30,
    limits={"days": (60, 180)},
)
def hotfix(output: Output, limits: Limits, before: Before) -> Iterator[Finding]:
    fixes = listed(told(output)["fixes"])
    dated = [(day, str(one["id"])) for one in fixes if (day := installed(str(one["on"])))]
    if not dated:
        yield finding(
            "最近补丁",
            Status.UNKNOWN,
            f"未采集：{len(fixes)} 个补丁都没有可识别的安装日期",
            advice="登录主机查看更新历史",
        )
        return
    latest, name = max(dated)
    age = (output.started_at.date() - latest).days
    limit = limits.of("days")
    yield finding(
        "最近补丁",
        limit.level(age),
        f"{name} 安装于 {latest}，距今 {age} 天，共 {len(fixes)} 个",
        Number("days", age, "天", limit.passed(age)),
        Number("fixes", len(fixes)),
        change=before.change("最近补丁", "fixes", len(fixes)),
        advice="安排补丁评估与安装；已停止支持的系统按加固方案处理",
    )


def installed(text: str) -> date | None:
    """As America writes it, as ISO does, or as a FILETIME; never in the way of the local language."""
    if found := re.fullmatch(r"(\d{1,2})/(\d{1,2})/(\d{4})( .*)?", text, re.ASCII):
        month, day, year = int(found[1]), int(found[2]), int(found[3])
        return date(year, month, day)
    if found := re.fullmatch(r"(\d{4})-?(\d{2})-?(\d{2})(\D.*)?", text, re.ASCII):
        return date(int(found[1]), int(found[2]), int(found[3]))
    if re.fullmatch(r"01[0-9a-f]{14}", text, re.ASCII):
        return (FILETIME + timedelta(microseconds=int(text, 16) // 10)).date()
    return None
