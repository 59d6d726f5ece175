from collections import Counter
from collections.abc import Iterator

from tasks.checks.answers import Answers, Member, Row, query
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.rows import MIB, number, of_member
from tasks.model import Finding, Number, Status

# What pg_receivewal has it does not replay.
PROBE = """
-- senders on=each role=primary before=10 flavour=postgres,kingbase,highgo,other
SELECT application_name, host(client_addr) AS address, state, sync_state, NULL AS seconds,
  pg_xlog_location_diff(pg_current_xlog_location(),
    coalesce(replay_location, flush_location, write_location)) AS bytes
FROM pg_stat_replication WHERE state <> 'backup' AND application_name <> 'pg_basebackup' ORDER BY 1, 2
-- senders on=each role=primary before=10 flavour=opengauss
SELECT application_name, host(client_addr) AS address, lower(state) AS state, lower(sync_state) AS sync_state,
  NULL AS seconds, pg_xlog_location_diff(pg_current_xlog_location(), receiver_replay_location) AS bytes
FROM pg_stat_replication ORDER BY 1, 2
-- senders on=each role=primary since=10
SELECT application_name, host(client_addr) AS address, state, sync_state,
  extract(epoch FROM replay_lag) AS seconds,
  pg_wal_lsn_diff(pg_current_wal_lsn(), coalesce(replay_lsn, flush_lsn, write_lsn)) AS bytes
FROM pg_stat_replication WHERE state <> 'backup' AND application_name <> 'pg_basebackup' ORDER BY 1, 2
-- synchronous on=each role=primary
SHOW synchronous_standby_names
"""
ADVICE = "检查备库是否运行、网络是否通畅、备库日志中的错误；WAL 已被回收时需要重建备库"


@query(
    "postgres.replication",
    title="主库上的复制",
    topics=("database", "replication"),
    probe=PROBE,
    limits={"mib": (64, 1024), "seconds": (60, 600)},
)
def replication(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    for member, rows in answers.each("senders"):
        subjects = named(member, rows)
        for subject, row in zip(subjects, rows, strict=True):
            yield judged(subject, row, limits, before)
        yield whole(member, rows)
        # Said once: who took a standby out of service knows it by then.
        for gone in sorted({one for one, name in before.numbers if name == "mib"} - set(subjects)):
            yield finding(gone, Status.FAIL, "上次检查时在复制，现在没有连接", advice=ADVICE)
    for member, rows in answers.each("synchronous"):
        names = str(rows[0]["synchronous_standby_names"])
        held = [row for row in member.rows("senders") if row["sync_state"] in ("sync", "quorum")]
        if names and not held:
            told = f"要求同步备库（{names}），现在一个也没有：提交会一直等待"
            yield finding(of_member(member, "同步备库"), Status.FAIL, told, advice=ADVICE)


def named(member: Member, rows: tuple[Row, ...]) -> list[str]:
    """By what it calls itself; several of one name by their addresses, too."""
    many = Counter(row["application_name"] for row in rows)
    found = []
    for row in rows:
        name = row["application_name"] or "未命名"
        address = f"（{row['address'] or '本机'}）" if many[row["application_name"]] > 1 else ""
        found.append(of_member(member, f"备库 {name}{address}"))
    return found


def judged(subject: str, row: Row, limits: Limits, before: Before) -> Finding:
    state = str(row["state"])
    if row["bytes"] is None:  # it has only just come
        return finding(
            subject, Status.WARN, f"{row['address'] or '本机'}，{state}，尚未回报进度", advice=ADVICE
        )
    mib = number(row, "bytes") / MIB
    seconds = number(row, "seconds") if row["seconds"] is not None else 0
    space, time = limits.of("mib", subject), limits.of("seconds", subject)
    steady = Status.OK if state == "streaming" else Status.WARN
    return finding(
        subject,
        Status.worst((steady, space.level(mib), time.level(seconds))),
        f"{row['address'] or '本机'}，{state}（{row['sync_state']}），落后 {mib:.1f} MiB、{seconds:.0f} 秒",
        Number("mib", round(mib, 1), "MiB", space.passed(mib)),
        Number("seconds", round(seconds, 1), "s", time.passed(seconds)),
        change=before.change(subject, "mib", mib),
        advice=ADVICE,
    )


def whole(member: Member, rows: tuple[Row, ...]) -> Finding:
    """The inventory gives a role to those that have a partner."""
    missing = not rows and member.facts.get("expected_role") == "primary"
    told = f"{len(rows)} 个备库在复制" if rows else "没有备库连接"
    return finding(
        of_member(member, "备库数量"),
        Status.FAIL if missing else Status.OK,
        told + ("，而清单登记为主库" if missing else ""),
        Number("standbys", len(rows), "个"),
        advice=ADVICE,
    )
