from collections.abc import Iterator

from tasks.checks.answers import Answers, query
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.rows import number, of_member
from tasks.model import Finding, Number, Status

# Filled by backups and by RMAN VALIDATE: empty says that none was found there, not that there is none.
PROBE = """
-- rows on=each
SELECT d.name, c.corruption_type, SUM(c.blocks) AS blocks
FROM v$database_block_corruption c LEFT JOIN v$datafile d ON d.file# = c.file#
GROUP BY d.name, c.corruption_type
"""


@query("oracle.corruption", title="坏块", topics=("integrity", "datafiles"), probe=PROBE, seconds=20)
def corruption(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    for member, rows in answers.each():
        blocks = sum(number(row, "blocks") for row in rows)
        where = "、".join(
            f"{row['name'] or '已不存在的文件'} {row['corruption_type']} {number(row, 'blocks'):.0f} 块"
            for row in rows[:5]
        )
        yield finding(
            of_member(member, "坏块"),
            Status.FAIL if rows else Status.OK,
            f"备份或校验发现 {blocks:.0f} 个坏块：{where}" if rows else "备份与校验没有发现坏块",
            Number("blocks", blocks, "块"),
            advice="查出所属对象，用 RMAN BLOCKRECOVER 修复；检查存储，确认备份没有同样损坏",
        )
