import re
from collections.abc import Iterator

from tasks.checks import check
from tasks.checks.judging import Before, Limits, finding, matched
from tasks.model import Finding, Number, Output, Status

ANSWER = re.compile(r"(\d{1,12}\.\d\d) \d+\.\d\d\s*", re.ASCII)


@check("linux.uptime", title="运行时间", topics=("uptime",), probe="cat /proc/uptime")
def uptime(output: Output, limits: Limits, before: Before) -> Iterator[Finding]:
    """A restart nobody announced shows here: up for less time than has passed since the last look."""
    seconds = float(matched(ANSWER, output.text)[1])
    restarted = before.at is not None and seconds < (output.started_at - before.at).total_seconds()
    days, rest = divmod(int(seconds), 86400)
    yield finding(
        "运行时间",
        Status.WARN if restarted else Status.OK,
        f"已运行 {days} 天 {rest // 3600} 小时" + ("，上次检查之后重启过" if restarted else ""),
        Number("seconds", round(seconds), "s"),
        change="重启过" if restarted else "",
        advice="核对重启是否在变更计划之内，查看重启前的系统日志",
    )
