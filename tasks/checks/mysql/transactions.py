from collections.abc import Iterator

from tasks.checks.answers import Answers, Row, query
from tasks.checks.judging import Before, Limits, finding
from tasks.model import Finding, Number, Status

# Replication's own threads keep none open for long unless they wait for a lock, which is told elsewhere.
PROBE = """
-- open
SELECT t.trx_mysql_thread_id AS id, p.user, p.host, p.db, p.command, p.time AS idle,
  UNIX_TIMESTAMP(NOW()) - UNIX_TIMESTAMP(t.trx_started) AS seconds,
  t.trx_rows_modified AS modified, t.trx_rows_locked AS locked
FROM information_schema.innodb_trx t
LEFT JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id
ORDER BY t.trx_started
LIMIT 20
-- history
SELECT count AS length FROM information_schema.innodb_metrics WHERE name = 'trx_rseg_history_len'
"""
NONE = "长事务"


@query(
    "mysql.transactions",
    title="长事务",
    topics=("database", "performance"),
    probe=PROBE,
    limits={"seconds": (600, 3600), "history": (1_000_000, 10_000_000)},
)
def transactions(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    rows = answers.rows("open")
    longest = max((int(row["seconds"]) for row in rows), default=0)
    limit = limits.of("seconds", NONE)
    level = limit.level(longest)
    told = f"未结束的事务 {len(rows)} 个，最长 {longest} 秒"
    yield finding(
        NONE,
        level,
        told + (f"：{who(rows[0])}" if rows and level is not Status.OK else ""),
        Number("seconds", longest, "s", limit.passed(longest)),
        Number("transactions", len(rows), "个"),
        change=before.change(NONE, "seconds", longest),
        advice="与应用负责人确认后提交或结束该会话（KILL）；检查应用是否忘记提交、是否在事务中等待外部调用",
    )
    length = int(answers.row("history")["length"])
    limit = limits.of("history")
    yield finding(
        "回滚段历史",
        limit.level(length),
        f"待清理的历史版本 {length} 个",
        Number("history", length, "个", limit.passed(length)),
        change=before.change("回滚段历史", "history", length),
        advice="结束长事务；检查 purge 线程数和磁盘，历史过长会拖慢查询并使撤销表空间增长",
    )


def who(row: Row) -> str:
    state = f"空闲 {row['idle']} 秒" if row["command"] == "Sleep" else f"正在执行（{row['command']}）"
    whose = f"会话 {row['id']} {row['user']}@{str(row['host']).partition(':')[0]}"
    return f"{whose}（库 {row['db'] or '无'}），{state}，改动 {row['modified']} 行，锁定 {row['locked']} 行"
