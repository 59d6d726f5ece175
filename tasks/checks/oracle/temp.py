from collections.abc import Iterator

from tasks.checks.answers import Answers, Member, Row, query
from tasks.checks.judging import Before, Limits, finding, unknown
from tasks.checks.oracle.containers import both, containers, name
from tasks.checks.oracle.rows import GIB
from tasks.checks.rows import MIB, number, of_member, text
from tasks.model import Finding, Number, Status

# free_space holds what is allocated and may be used again, over all instances. A standby that is open sorts
# in temporary files of its own; a mounted one sorts nothing, and is not asked.
TEMP = """
SELECT t.con_id, t.tablespace_name, f.max_bytes, s.size_bytes, s.free_bytes
FROM cdb_tablespaces t
LEFT JOIN (SELECT con_id, tablespace_name,
                  SUM(CASE WHEN autoextensible = 'YES' AND maxbytes > bytes
                           THEN maxbytes ELSE bytes END) AS max_bytes
           FROM cdb_temp_files GROUP BY con_id, tablespace_name) f
  ON f.con_id = t.con_id AND f.tablespace_name = t.tablespace_name
LEFT JOIN (SELECT con_id, tablespace_name, SUM(tablespace_size) AS size_bytes, SUM(free_space) AS free_bytes
           FROM cdb_temp_free_space GROUP BY con_id, tablespace_name) s
  ON s.con_id = t.con_id AND s.tablespace_name = t.tablespace_name
WHERE t.contents = 'TEMPORARY'
"""
WORDS = "on=each status=OPEN,"


@query(
    "oracle.temp",
    title="临时表空间",
    topics=("temp-tablespace", "tablespace"),
    probe=containers(WORDS) + both("rows", TEMP, WORDS),
    seconds=30,
    limits={"percent": (80, 95)},
)
def temp(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    for member, rows in answers.each():
        for row in rows:
            yield judged(answers, member, row, limits, before)


def judged(answers: Answers, member: Member, row: Row, limits: Limits, before: Before) -> Finding:
    subject = of_member(member, name(answers, row, text(row, "tablespace_name")))
    if row["max_bytes"] is None:
        advice = "为该表空间添加临时文件（恢复、克隆或备库打开后常会缺失）"
        return finding(subject, Status.FAIL, "没有临时文件，排序和建索引会报 ORA-25153", advice=advice)
    if row["size_bytes"] is None:
        return unknown(subject, "dba_temp_free_space 没有给出该表空间")
    most, used = number(row, "max_bytes"), number(row, "size_bytes") - number(row, "free_bytes")
    percent = 100 * used / most
    limit = limits.of("percent", subject)
    return finding(
        subject,
        limit.level(percent),
        f"正在使用 {used / GIB:.1f} GiB，文件共 {number(row, 'size_bytes') / GIB:.1f} GiB，"
        f"最大可到 {most / GIB:.1f} GiB，使用率 {percent:.1f}%",
        Number("percent", round(percent, 1), "%", limit.passed(percent)),
        Number("mib", round(used / MIB, 1), "MiB"),
        Number("max_mib", round(most / MIB, 1), "MiB"),
        change=before.change(subject, "percent", percent),
        advice="找出占用临时段的会话与语句（gv$tempseg_usage）并优化，确有需要再扩容",
    )
