from collections.abc import Iterator

from tasks.checks.answers import Answers, Member, Row, query
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.rows import MIB, number, of_member
from tasks.model import Finding, Number, Status

PROBE = """
-- receiver on=each role=standby flavour=postgres,kingbase,highgo,other
SELECT status, extract(epoch FROM clock_timestamp() - last_msg_receipt_time) AS silent
FROM pg_stat_wal_receiver
-- replay on=each role=standby before=10
SELECT pg_is_xlog_replay_paused() AS paused, coalesce(
    pg_xlog_location_diff(pg_last_xlog_receive_location(), pg_last_xlog_replay_location()), 0) AS bytes,
  extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) AS seconds
-- replay on=each role=standby since=10
SELECT coalesce(pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()), 0) AS bytes,
  pg_is_wal_replay_paused() AS paused,
  extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) AS seconds
"""
BROKEN = "检查主库是否运行、网络和 pg_hba.conf、备库日志；主库已回收所需 WAL 时重建备库"


@query(
    "postgres.standby",
    title="备库的接收与回放",
    topics=("database", "replication"),
    probe=PROBE,
    limits={"mib": (64, 1024), "seconds": (60, 600), "silent": (60, 300)},
)
def standby(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    for member, rows in answers.each("receiver"):
        yield received(member, rows, limits)
    for member, rows in answers.each("replay"):
        yield replayed(member, rows[0], limits, before)


def received(member: Member, rows: tuple[Row, ...], limits: Limits) -> Finding:
    subject = of_member(member, "接收")
    if not rows:
        return finding(subject, Status.FAIL, "接收进程不在运行，与主库断开", advice=BROKEN)
    status, silent = str(rows[0]["status"]), number(rows[0], "silent")
    limit = limits.of("silent")
    steady = Status.OK if status == "streaming" else Status.FAIL
    return finding(
        subject,
        Status.worst((steady, limit.level(silent))),
        f"接收进程状态 {status}，主库上次来信在 {max(silent, 0):.0f} 秒前",
        Number("silent", round(silent, 1), "s", limit.passed(silent)),
        advice=BROKEN,
    )


def replayed(member: Member, row: Row, limits: Limits, before: Before) -> Finding:
    """Time counts only where something is left to replay: an idle primary sends nothing to be late with."""
    subject, mib = of_member(member, "回放"), max(number(row, "bytes"), 0) / MIB
    behind = row["bytes"] > 0 and row["seconds"] is not None
    seconds = number(row, "seconds") if behind else 0
    space, time = limits.of("mib"), limits.of("seconds")
    paused = Status.FAIL if row["paused"] is True else Status.OK
    return finding(
        subject,
        Status.worst((paused, space.level(mib), time.level(seconds))),
        f"收到而未回放 {mib:.1f} MiB，落后 {seconds:.0f} 秒" + ("，回放被暂停" if row["paused"] else ""),
        Number("mib", round(mib, 1), "MiB", space.passed(mib)),
        Number("seconds", round(seconds, 1), "s", time.passed(seconds)),
        change=before.change(subject, "mib", mib),
        advice="检查备库上的长查询、磁盘性能；被暂停的用 pg_wal_replay_resume() 恢复",
    )
