from collections.abc import Iterator

from tasks.checks.answers import Answers, query
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.rows import text
from tasks.model import Finding, Status

INVALID = """
SELECT n.nspname || '.' || c.relname AS name, t.relname AS of FROM pg_index i
JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
JOIN pg_namespace n ON n.oid = c.relnamespace WHERE NOT i.indisvalid AND c.relkind = 'i'"""
# One that is being built is not valid yet.
PROBE = f"""
-- rows role=primary before=12
{INVALID} ORDER BY 1 LIMIT 100
-- rows role=primary since=12
{INVALID} AND i.indexrelid NOT IN (SELECT index_relid FROM pg_stat_progress_create_index) ORDER BY 1 LIMIT 100
"""  # noqa: S608


@query("postgres.indexes", title="失效的索引", topics=("database", "tuning"), probe=PROBE)
def indexes(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    """Of the database that is logged in to."""
    member = answers.one()
    for row in member.rows():
        yield finding(
            f"索引 {text(row, 'name')}",
            Status.WARN,
            f"表 {row['of']} 上的这个索引无效：写入仍要维护它，查询却用不上",
            advice="REINDEX INDEX CONCURRENTLY 重建（12 及以上），或删除后重建",
        )
    if not member.rows():
        yield finding(f"库 {member.facts['database']}", Status.OK, "没有失效的索引")
