from collections.abc import Iterator

from tasks.checks.answers import Answers, Row, query
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.rows import number, of_member, text
from tasks.model import Finding, Number

COUNTS = """
SELECT count(*) AS used, count(CASE WHEN state = 'active' THEN 1 END) AS active,
  count(CASE WHEN state LIKE 'idle in%' THEN 1 END) AS waiting,
  (SELECT sum(CASE name WHEN 'max_connections' THEN setting::int ELSE -setting::int END) FROM pg_settings
   WHERE name IN ('max_connections', 'superuser_reserved_connections', 'reserved_connections')) AS most
FROM pg_stat_activity"""
# Before version 10 the view lists nothing but what clients opened.
PROBE = f"""
-- total on=each before=10
{COUNTS}
-- total on=each since=10
{COUNTS} WHERE backend_type = 'client backend'
-- limited on=each
SELECT d.datname AS name, d.datconnlimit AS most, s.numbackends AS used
FROM pg_database d JOIN pg_stat_database s ON s.datid = d.oid WHERE d.datconnlimit > 0 ORDER BY 1
"""  # noqa: S608


@query(
    "postgres.connections",
    title="连接数",
    topics=("database", "performance"),
    probe=PROBE,
    limits={"percent": (80, 95)},
)
def connections(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    for member, rows in answers.each("total"):
        active, waiting = number(rows[0], "active"), number(rows[0], "waiting")
        told = f"，活动 {active:.0f}，事务中空闲 {waiting:.0f}"
        yield judged(of_member(member, "连接"), rows[0], told, limits, before)
    for member, rows in answers.each("limited"):
        for row in rows:
            yield judged(of_member(member, f"库 {text(row, 'name')}"), row, "", limits, before)


def judged(subject: str, row: Row, told: str, limits: Limits, before: Before) -> Finding:
    used, most = number(row, "used"), number(row, "most")
    percent, limit = 100 * used / most, limits.of("percent", subject)
    return finding(
        subject,
        limit.level(percent),
        f"已用 {used:.0f}，普通账号最多 {most:.0f}（{percent:.0f}%）{told}",
        Number("percent", round(percent, 1), "%", limit.passed(percent)),
        Number("used", used),
        change=before.change(subject, "used", used),
        advice="查明连接来源，检查应用连接池是否泄漏；确属需要时再调大上限或使用连接池中间件",
    )
