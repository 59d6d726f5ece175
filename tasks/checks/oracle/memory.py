from collections.abc import Iterator

from tasks.checks.answers import Answers, Member, Row, query
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.oracle.rows import of_node
from tasks.checks.rows import MIB, number
from tasks.model import Finding, Number, Status

PROBE = """
-- sga on=each
SELECT inst_id, SUM(bytes) AS bytes,
       SUM(CASE WHEN name = 'buffer_cache' THEN bytes ELSE 0 END) AS buffers,
       SUM(CASE WHEN pool = 'shared pool' THEN bytes ELSE 0 END) AS shared_bytes,
       SUM(CASE WHEN pool = 'shared pool' AND name = 'free memory' THEN bytes ELSE 0 END) AS shared_free
FROM gv$sgastat GROUP BY inst_id
-- pga on=each
SELECT inst_id, MAX(CASE WHEN name = 'aggregate PGA target parameter' THEN value END) AS target,
       MAX(CASE WHEN name = 'total PGA allocated' THEN value END) AS allocated,
       MAX(CASE WHEN name = 'maximum PGA allocated' THEN value END) AS most
FROM gv$pgastat GROUP BY inst_id
"""


@query(
    "oracle.memory",
    title="SGA 与 PGA",
    topics=("memory", "performance", "database"),
    probe=PROBE,
    limits={"percent": (120, 200)},
)
def memory(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    for member, rows in answers.each("sga"):
        for row in rows:
            yield sga(member, row)
    for member, rows in answers.each("pga"):
        for row in rows:
            yield pga(member, row, limits, before)


def sga(member: Member, row: Row) -> Finding:
    total, buffers, free = (number(row, column) / MIB for column in ("bytes", "buffers", "shared_free"))
    shared = number(row, "shared_bytes") / MIB
    return finding(
        of_node(member, row, "SGA"),
        Status.OK,
        f"共 {total:.0f} MiB，缓冲区 {buffers:.0f} MiB，共享池 {shared:.0f} MiB（空闲 {free:.0f} MiB）",
        Number("mib", round(total, 1), "MiB"),
        Number("shared_free", round(free, 1), "MiB"),
    )


def pga(member: Member, row: Row, limits: Limits, before: Before) -> Finding:
    """The target is no limit: sessions go beyond it, and the host swaps."""
    subject = of_node(member, row, "PGA")
    target, allocated, most = (number(row, column) / MIB for column in ("target", "allocated", "most"))
    if not target:  # workareas are sized by hand
        return finding(subject, Status.OK, f"已分配 {allocated:.0f} MiB，没有设置目标")
    percent = 100 * allocated / target
    limit = limits.of("percent", subject)
    return finding(
        subject,
        limit.level(percent),
        f"已分配 {allocated:.0f} MiB，为目标 {target:.0f} MiB 的 {percent:.0f}%，启动以来最高 {most:.0f} MiB",
        Number("percent", round(percent, 1), "%", limit.passed(percent)),
        Number("mib", round(allocated, 1), "MiB"),
        change=before.change(subject, "percent", percent),
        advice="查找占用 PGA 多的会话（v$process），核对主机剩余内存后调整 pga_aggregate_target",
    )
