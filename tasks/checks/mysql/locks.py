from collections import Counter
from collections.abc import Iterator

from tasks.checks.answers import Answers, Row, query
from tasks.checks.judging import Before, Limits, finding
from tasks.model import Finding, Number

WAITS = """
SELECT w.trx_mysql_thread_id AS waiting, b.trx_mysql_thread_id AS blocking, p.user, p.host, p.command,
  UNIX_TIMESTAMP(NOW()) - UNIX_TIMESTAMP(w.trx_wait_started) AS seconds,
  UNIX_TIMESTAMP(NOW()) - UNIX_TIMESTAMP(b.trx_started) AS age
FROM {waits} l
JOIN information_schema.innodb_trx w ON w.trx_id = l.{requesting}
JOIN information_schema.innodb_trx b ON b.trx_id = l.{blocking}
LEFT JOIN information_schema.processlist p ON p.id = b.trx_mysql_thread_id
LIMIT 1000
"""
OLD = WAITS.format(
    waits="information_schema.innodb_lock_waits", requesting="requesting_trx_id", blocking="blocking_trx_id"
)
NEW = WAITS.format(
    waits="performance_schema.data_lock_waits",
    requesting="requesting_engine_transaction_id",
    blocking="blocking_engine_transaction_id",
)
METADATA = """
-- metadata
SELECT id AS waiting, user, host, time AS seconds, state
FROM information_schema.processlist
WHERE state LIKE 'Waiting for%lock' AND state NOT LIKE '%row lock%'
LIMIT 1000
"""
PROBE = "".join(
    (
        "-- rows flavour=mariadb",
        OLD,
        "-- rows flavour=mysql before=8.0",
        OLD,
        "-- rows flavour=mysql since=8.0",
        NEW,
        METADATA,
    )
)
ADVICE = "与应用负责人确认后提交或结束阻塞会话（KILL）；检查该事务为何长时间不提交"


@query(
    "mysql.locks",
    title="锁等待",
    topics=("database", "performance"),
    probe=PROBE,
    limits={"row_seconds": (10, 60), "table_seconds": (30, 300)},
)
def locks(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    yield table_locks(answers.rows("metadata"), limits, before)
    yield row_locks(answers.rows(), limits, before)


def row_locks(rows: tuple[Row, ...], limits: Limits, before: Before) -> Finding:
    longest = max((int(row["seconds"] or 0) for row in rows), default=0)
    waiting = {row["waiting"] for row in rows}
    limit = limits.of("row_seconds")
    return finding(
        "行锁",
        limit.level(longest),
        f"{len(waiting)} 个会话在等待，最久 {longest} 秒；{head(rows, waiting)}"
        if rows
        else "没有会话在等待行锁",
        Number("row_seconds", longest, "s", limit.passed(longest)),
        Number("waiting", len(waiting), "个"),
        change=before.change("行锁", "waiting", len(waiting)),
        advice=ADVICE,
    )


def head(rows: tuple[Row, ...], waiting: set[object]) -> str:
    """Who blocks others and waits for nobody."""
    count = Counter(row["blocking"] for row in rows if row["blocking"] not in waiting)
    if not count:
        return "阻塞者互相等待"
    id_, blocked = count.most_common(1)[0]
    row = next(row for row in rows if row["blocking"] == id_)
    whose = f"{row['user']}@{str(row['host']).partition(':')[0]}"
    state = "空闲未提交" if row["command"] == "Sleep" else f"正在执行（{row['command']}）"
    return f"由会话 {id_}（{whose}，{state}，事务已开始 {row['age']} 秒）阻塞 {blocked} 个"


def table_locks(rows: tuple[Row, ...], limits: Limits, before: Before) -> Finding:
    longest = max((int(row["seconds"]) for row in rows), default=0)
    limit = limits.of("table_seconds")
    states = "、".join(sorted({str(row["state"]) for row in rows}))
    return finding(
        "表锁与元数据锁",
        limit.level(longest),
        f"{len(rows)} 个会话在等待，最久 {longest} 秒：{states}" if rows else "没有会话在等待表锁或元数据锁",
        Number("table_seconds", longest, "s", limit.passed(longest)),
        Number("waiting", len(rows), "个"),
        change=before.change("表锁与元数据锁", "waiting", len(rows)),
        advice="找出持有该表的长事务或正在执行的 DDL，避免在业务时段做表结构变更",
    )
