from collections.abc import Iterator

from tasks.checks.answers import Answers, query
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.mysql.counters import counted, status
from tasks.model import Finding, Number, Status


@query("mysql.uptime", title="运行时间", topics=("database", "uptime"), probe=status())
def uptime(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    count = counted(answers, before)
    restarted = count.how == "restarted"
    days, rest = divmod(count.now["uptime"], 86400)
    yield finding(
        "运行时间",
        Status.WARN if restarted else Status.OK,
        f"已运行 {days} 天 {rest // 3600} 小时" + ("，上次检查之后重启过" if restarted else ""),
        Number("seconds", count.now["uptime"], "s"),
        change="重启过" if restarted else "",
        advice="核对重启是否在变更计划之内；不是的，查看重启前后的错误日志和系统日志（内存不足、崩溃）",
        marks=count.marks,
    )
