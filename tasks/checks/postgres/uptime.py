from collections.abc import Iterator

from tasks.checks.answers import Answers, query
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.rows import number, of_member, text
from tasks.model import Finding, Number, Status

PROBE = """
-- rows on=each
SELECT extract(epoch FROM clock_timestamp() - pg_postmaster_start_time()) AS seconds,
  pg_postmaster_start_time() AS started
"""


@query("postgres.uptime", title="运行时间", topics=("database", "uptime"), probe=PROBE)
def uptime(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    """A restart nobody announced shows here: another start than at the last look."""
    for member, rows in answers.each():
        subject, seconds = of_member(member, "运行时间"), number(rows[0], "seconds")
        mark, started = f"{member.name}.started", text(rows[0], "started")
        restarted = before.marks.get(mark, started) != started
        days, rest = divmod(int(seconds), 86400)
        yield finding(
            subject,
            Status.WARN if restarted else Status.OK,
            f"已运行 {days} 天 {rest // 3600} 小时" + ("，上次检查之后重启过" if restarted else ""),
            Number("seconds", round(seconds, 1), "s"),
            change="重启过" if restarted else "",
            advice="核对重启是否在变更计划之内，查看重启前后的数据库日志",
            marks={mark: started},
        )
