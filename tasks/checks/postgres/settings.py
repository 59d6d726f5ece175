from collections.abc import Iterator

from tasks.checks.answers import Answers, query
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.rows import of_member, text
from tasks.model import Finding, Status

PROBE = """
-- rows on=each
SELECT name, setting FROM pg_settings
WHERE name IN ('fsync', 'full_page_writes', 'autovacuum', 'track_counts', 'track_activities') ORDER BY 1
-- pending on=each flavour=postgres,kingbase,highgo,other
SELECT name FROM pg_settings WHERE pending_restart ORDER BY 1
"""
# What it costs to have it off.
COSTS = {
    "fsync": (Status.FAIL, "断电会损坏整个数据库"),
    "full_page_writes": (Status.FAIL, "断电会留下写了一半的数据页"),
    "autovacuum": (Status.WARN, "死元组不会被自动清理，事务号会耗尽"),
    "track_counts": (Status.WARN, "自动清理失去依据"),
    "track_activities": (Status.WARN, "看不到会话在做什么"),
}


@query("postgres.settings", title="关键参数", topics=("database", "integrity", "tuning"), probe=PROBE)
def settings(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    for member, rows in answers.each():
        off = [text(row, "name") for row in rows if row["setting"] != "on"]
        for name in off:
            status, cost = COSTS[name]
            subject, advice = (
                of_member(member, f"参数 {name}"),
                f"核对后设为 on：ALTER SYSTEM SET {name} = on",
            )
            yield finding(subject, status, f"没有开启，{cost}", advice=advice)
        if rows and not off:
            yield finding(of_member(member, "关键参数"), Status.OK, f"{len(rows)} 项均为 on")
    for member, rows in answers.each("pending"):
        names = "、".join(text(row, "name") for row in rows)
        if names:
            told, advice = f"已修改、重启后才生效：{names}", "核对修改来源，安排窗口重启数据库"
            yield finding(of_member(member, "待重启参数"), Status.WARN, told, advice=advice)
