from collections.abc import Iterator

from tasks.checks.answers import Answers, Member, Row, query
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.rows import number, of_member
from tasks.model import Finding, Number, Status

COLUMNS = """
SELECT pid, usename, datname, application_name, host(client_addr) AS address, state LIKE 'idle%' AS idle,
  extract(epoch FROM clock_timestamp() - xact_start) AS seconds,
  extract(epoch FROM clock_timestamp() - state_change) AS unchanged
FROM pg_stat_activity WHERE xact_start IS NOT NULL AND pid <> pg_backend_pid()"""
# No statement's text: it may hold what is nobody's business. autovacuum's workers take their time.
PROBE = f"""
-- rows on=each before=10
{COLUMNS} ORDER BY xact_start LIMIT 200
-- rows on=each since=10
{COLUMNS} AND backend_type = 'client backend' ORDER BY xact_start LIMIT 200
"""


@query(
    "postgres.transactions",
    title="长事务与空闲事务",
    topics=("database", "performance"),
    probe=PROBE,
    limits={"seconds": (1800, 14400), "idle": (300, 3600)},
)
def transactions(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    for member, rows in answers.each():
        yield longest(member, "长事务", "seconds", "seconds", rows, limits)
        idle = [row for row in rows if row["idle"] is True]
        yield longest(member, "事务中空闲", "idle", "unchanged", idle, limits)


def longest(
    member: Member, words: str, name: str, column: str, rows: tuple[Row, ...] | list[Row], limits: Limits
) -> Finding:
    subject, limit = of_member(member, words), limits.of(name)
    if not rows:
        return finding(subject, Status.OK, "没有", Number(name, 0, "s"))
    worst = max(rows, key=lambda row: number(row, column))
    seconds = number(worst, column)
    late = sum(limit.level(number(row, column)) is not Status.OK for row in rows)
    place = worst["address"] or "本机"
    who = f"账号 {worst['usename']}，库 {worst['datname']}，来自 {place}，进程 {worst['pid']}"
    return finding(
        subject,
        limit.level(seconds),
        f"{len(rows)} 个，最久 {seconds:.0f} 秒（{who}）" + (f"，{late} 个超过阈值" if late else ""),
        Number(name, round(seconds, 1), "s", limit.passed(seconds)),
        advice="与应用负责人核对；确认异常后用 pg_terminate_backend() 结束，并让应用及时提交",
    )
