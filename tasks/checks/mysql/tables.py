from collections.abc import Iterator

from tasks.checks.answers import Answers, query
from tasks.checks.judging import Before, Limits, finding
from tasks.model import Finding, Number, Status

# A table that cannot be opened has no engine, and says why where its comment stands. `data_length` makes
# the server open it; InnoDB's are in memory anyway.
PROBE = """
-- broken
SELECT table_schema, table_name, table_comment, data_length
FROM information_schema.tables
WHERE table_type = 'BASE TABLE' AND engine IS NULL
  AND table_schema NOT IN ('information_schema', 'performance_schema', 'sys')
LIMIT 200
-- engines
SELECT engine, COUNT(*) AS tables
FROM information_schema.tables
WHERE table_type = 'BASE TABLE'
  AND table_schema NOT IN ('information_schema', 'performance_schema', 'sys', 'mysql')
GROUP BY engine
"""
# Neither survives a crash whole.
FRAGILE = {"MyISAM", "MRG_MyISAM", "MEMORY", "CSV"}


@query(
    "mysql.tables",
    title="表状态",
    topics=("database", "integrity"),
    probe=PROBE,
    seconds=60,
    limits={"fragile": (None, None)},
)
def tables(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    rows = answers.rows("broken")
    for row in rows[:20]:
        name = f"{row['table_schema']}.{row['table_name']}"
        told = f"无法打开：{str(row['table_comment'])[:200] or '服务器没有给出原因'}"
        yield finding(
            name,
            Status.FAIL,
            told,
            advice="停止写入，先备份该表的文件，再执行 CHECK TABLE 和 REPAIR TABLE；修不好的用备份恢复",
        )
    engines = {str(row["engine"]): int(row["tables"]) for row in answers.rows("engines")}
    fragile = sum(count for engine, count in engines.items() if engine in FRAGILE)
    limit = limits.of("fragile")
    listed = "、".join(f"{engine} {count} 个" for engine, count in sorted(engines.items())) or "没有用户表"
    sound = Status.FAIL if rows else limit.level(fragile)
    told = f"无法打开的表 {len(rows)} 个" if rows else "没有损坏的表"
    yield finding(
        "表状态",
        sound,
        f"{told}；{listed}",
        Number("broken", len(rows), "个"),
        Number("fragile", fragile, "个", limit.passed(fragile)),
        change=before.change("表状态", "broken", len(rows)),
        advice="修复损坏的表；将业务表改为 InnoDB，以便崩溃后自动恢复",
    )
