from collections.abc import Iterator, Mapping
from typing import Any

from tasks.checks.answers import Answers, Row, query
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.mysql.counters import NOW, named, variables
from tasks.checks.mysql.gtid import behind
from tasks.model import Finding, Number, Status

STATE = """
-- replicas flavour=mariadb
SHOW ALL SLAVES STATUS
-- replicas flavour=mysql since=8.0.22
SHOW REPLICA STATUS
-- replicas flavour=mysql before=8.0.22
SHOW SLAVE STATUS
-- heartbeats flavour=mysql since=5.7
SELECT channel_name, count_received_heartbeats AS heartbeats
FROM performance_schema.replication_connection_status
-- dumps
SELECT COUNT(*) AS dumps FROM information_schema.processlist WHERE command LIKE 'Binlog Dump%'
"""
LAG = "复制延迟"
# Nothing came from the primary for this long, not even a heartbeat; none comes slower than half an hour.
SILENT_SECONDS = 3600
# One large transaction may take a while.
STANDS_SECONDS = 300
RUNNING_ADVICE = "查看错误原因，修复后 START SLAVE；数据已不一致的，用备份重做从库"


@query(
    "mysql.replication",
    title="主从复制",
    topics=("database", "replication"),
    probe=NOW + STATE + variables("read_only", "super_read_only"),
    limits={"seconds": (300, 1800), "transactions": (10_000, 100_000)},
)
def replication(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    rows = [spelled(row) for row in answers.rows("replicas")]
    at = int(answers.row("now")["now"])
    beats = (
        {row["channel_name"]: row["heartbeats"] for row in answers.rows("heartbeats")}
        if answers.has("heartbeats")
        else {}
    )
    for row in rows:
        yield from channel(row, at, beats, limits, before)
    yield role(bool(rows), answers, before)


def spelled(row: Row) -> dict[str, Any]:
    """MySQL 8 calls a slave a replica and a master a source."""
    return {name.replace("replica_", "slave_").replace("source", "master"): row[name] for name in row}


def channel(
    row: Mapping[str, Any], at: int, beats: Mapping[str, int], limits: Limits, before: Before
) -> Iterator[Finding]:
    name = row.get("connection_name") or row.get("channel_name") or ""
    about = f"（{name}）" if name else ""
    yield threads(row, f"复制线程{about}")
    if row["slave_sql_running"] == "Yes":
        yield lag(row, f"{LAG}{about}", limits, before)
        heartbeats = row.get("slave_received_heartbeats", beats.get(name))
        yield progress(row, f"复制进度{about}", at, heartbeats, before)


def threads(row: Mapping[str, Any], subject: str) -> Finding:
    state = {"IO": str(row["slave_io_running"]), "SQL": str(row["slave_sql_running"])}
    where = f"主库 {row['master_host']}:{row['master_port']}"
    errors = [
        f"{kind} 错误 {row[f'last_{kind.lower()}_errno']}：{str(row[f'last_{kind.lower()}_error'])[:200]}"
        for kind in state
        if int(row[f"last_{kind.lower()}_errno"] or 0)
    ]
    words = {"Yes": "运行", "No": "停止"}
    told = "、".join(f"{kind} 线程{words.get(now, f'未连上主库（{now}）')}" for kind, now in state.items())
    sound = set(state.values()) == {"Yes"}
    return finding(
        subject,
        Status.OK if sound and not errors else Status.WARN if sound else Status.FAIL,
        "；".join([f"{where}，{told}", *errors]),
        advice=RUNNING_ADVICE,
    )


def lag(row: Mapping[str, Any], subject: str, limits: Limits, before: Before) -> Finding:
    """Behind what it is meant to be behind; and in transactions that are here and not applied."""
    waits = int(row.get("sql_delay") or 0)
    pending, most = received(row), limits.of("transactions", subject)
    transactions = (
        [Number("transactions", pending, "个", most.passed(pending))] if pending is not None else []
    )
    kept = f"已收到未应用的事务 {pending} 个" if transactions else "按位置复制，已收到未应用的事务数未知"
    if row["seconds_behind_master"] is None:
        told = f"服务器给不出延迟秒数；{kept}"
        return finding(subject, Status.WARN, told, *transactions, advice="先恢复 IO 线程与主库的连接")
    seconds = max(int(row["seconds_behind_master"]) - waits, 0)
    limit = limits.of("seconds", subject)
    level = Status.worst([limit.level(seconds), most.level(pending or 0)])
    planned = f"（另有设定的延迟 {waits} 秒）" if waits else ""
    return finding(
        subject,
        level,
        f"落后 {seconds} 秒{planned}，{kept}",
        Number("seconds", seconds, "s", limit.passed(seconds)),
        *transactions,
        change=before.change(subject, "seconds", seconds),
        advice="检查从库上的锁等待、大事务和磁盘；必要时开启并行复制，延迟期间不要切换",
    )


def received(row: Mapping[str, Any]) -> int | None:
    """And not applied; None by positions of files, where nobody counts. MariaDB then still says what it
    applied, and what it had received when it last went by GTID."""
    if "gtid_io_pos" in row:
        got = str(row["gtid_io_pos"] or "") if row.get("using_gtid") != "No" else ""
        return behind(got, str(row.get("gtid_slave_pos") or "")) if got else None
    got, applied = str(row.get("retrieved_gtid_set") or ""), str(row.get("executed_gtid_set") or "")
    return behind(got, applied) if got or applied else None


def progress(
    row: Mapping[str, Any], subject: str, at: int, heartbeats: int | None, before: Before
) -> Finding:
    """Threads may say that they run while nothing moves: neither a position nor a heartbeat."""
    applied = f"{row['relay_master_log_file']}:{row['exec_master_log_pos']}"
    got = f"{row['master_log_file']}:{row['read_master_log_pos']}"
    was_applied = before.marks.get(f"{subject}.applied")
    was_got, was_at = before.marks.get(f"{subject}.got"), int(before.marks.get(f"{subject}.at") or at)
    alive = f"{got} {heartbeats}"
    seconds = max(at - was_at, 0)
    span = f"{seconds / 3600:.1f} 小时"
    status, told = Status.OK, f"已应用到 {applied}"
    if seconds >= STANDS_SECONDS and was_applied == applied and got != applied and received(row) != 0:
        status, told = Status.FAIL, f"停在 {applied}，{span}内没有前进，而后面还有已收到的事务"
    elif heartbeats is not None and was_got == alive and seconds >= SILENT_SECONDS:
        status, told = Status.FAIL, f"{span}内没有收到主库的任何事件或心跳，停在 {applied}"
    marks = {f"{subject}.applied": applied, f"{subject}.got": alive, f"{subject}.at": str(at)}
    advice = "查看从库上的锁等待和 SHOW PROCESSLIST；执行 STOP SLAVE、START SLAVE 重新连接主库"
    return finding(subject, status, told, advice=advice, marks=marks)


def role(replicates: bool, answers: Answers, before: Before) -> Finding:
    said = named(answers.rows("variables"))
    expected = answers.facts.get("expected_role", "")
    writable = said["read_only"].upper() in ("OFF", "0")
    dumps = int(answers.row("dumps")["dumps"])
    now = "从库" if replicates else "没有配置复制（主库或独立运行）"
    told = f"{now}，{'可写' if writable else '只读'}，有 {dumps} 个从库连接"
    was = before.numbers.get(("角色", "replicas"))
    dual = expected == "primary" and replicates and writable and dumps > 0
    status, why, advice = Status.OK, "与对方互为主从（双主），业务写在本机" if dual else "", ""
    if expected == "standby" and not replicates:
        status, why = Status.FAIL, "清单登记为备库，却没有复制"
        advice = "核对是否发生过切换；不是的，恢复复制"
    elif expected == "primary" and replicates and not dual:
        status, why = Status.FAIL, "清单登记为主库，却在从别处复制"
        advice = "核对是否发生过切换，并更新清单"
    elif replicates and writable and not dual:
        status, why = Status.WARN, "从库可写，写入会与主库不一致"
        advice = "在从库设 read_only=ON（MySQL 另设 super_read_only=ON），并写进配置文件"
    elif expected == "primary" and not writable:
        status, why = Status.FAIL, "主库处于只读状态，业务无法写入"
        advice = "查明只读的原因（切换未完成、磁盘满保护），确认后设 read_only=OFF"
    elif was is not None and dumps < was:
        status, why = Status.WARN, f"连接的从库由 {was:.0f} 个减少"
        advice = "到减少的从库上检查 IO 线程和网络"
    return finding(
        "角色", status, f"{told}；{why}" if why else told, Number("replicas", dumps, "个"), advice=advice
    )
