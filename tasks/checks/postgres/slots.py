from collections.abc import Iterator

from tasks.checks.answers import Answers, Member, Row, query
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.rows import MIB, number, of_member, text
from tasks.model import Finding, Number, Status

PROBE = """
-- slots on=each role=primary before=10 flavour=postgres,kingbase,highgo,other
SELECT slot_name, slot_type, active, pg_xlog_location_diff(pg_current_xlog_location(), restart_lsn) AS bytes,
  '' AS state FROM pg_replication_slots ORDER BY 1
-- slots on=each role=primary since=10 before=13
SELECT slot_name, slot_type, active, pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn) AS bytes, '' AS state
FROM pg_replication_slots WHERE NOT temporary ORDER BY 1
-- slots on=each role=primary since=13
SELECT slot_name, slot_type, active, pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn) AS bytes,
  wal_status AS state FROM pg_replication_slots WHERE NOT temporary ORDER BY 1
"""
# The WAL it needs is gone, or goes with the next checkpoint.
LOSING = {"lost": "所需 WAL 已丢失", "unreserved": "所需 WAL 即将被删除"}


@query(
    "postgres.slots",
    title="复制槽",
    topics=("database", "replication"),
    probe=PROBE,
    limits={"mib": (1024, 10240)},
)
def slots(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    for member, rows in answers.each("slots"):
        if not rows:
            yield finding(of_member(member, "复制槽"), Status.OK, "没有复制槽")
        for row in rows:
            yield judged(member, row, limits, before)


def judged(member: Member, row: Row, limits: Limits, before: Before) -> Finding:
    subject = of_member(member, f"复制槽 {text(row, 'slot_name')}")
    active, losing = row["active"] is True, LOSING.get(row["state"], "")
    # One that nobody ever used retains nothing.
    mib = max(number(row, "bytes"), 0) / MIB if row["bytes"] is not None else 0
    limit = limits.of("mib", subject)
    steady = Status.FAIL if losing else Status.OK if active else Status.WARN
    return finding(
        subject,
        Status.worst((steady, limit.level(mib))),
        f"{'使用中' if active else '没有连接'}，保留 WAL {mib:.1f} MiB" + (f"，{losing}" if losing else ""),
        Number("mib", round(mib, 1), "MiB", limit.passed(mib)),
        change=before.change(subject, "mib", mib),
        advice="恢复使用它的备库或订阅；确认不再使用后删除（pg_drop_replication_slot），否则 WAL 会占满磁盘",
    )
