from collections.abc import Iterator

from tasks.checks.answers import Answers, query
from tasks.checks.baselines import compared
from tasks.checks.judging import Before, Limits, finding, unknown
from tasks.checks.rows import text
from tasks.model import Finding, Status

TABLES = """
SELECT n.nspname || '.' || c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND n.nspname <> 'information_schema'
  AND n.nspname NOT LIKE 'pg!_%' ESCAPE '!'
  AND NOT EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)"""
# Beyond this nobody compares lists.
MOST = 1000
# A partition follows its table.
PROBE = f"""
-- rows role=primary before=10
{TABLES} ORDER BY 1 LIMIT {MOST + 1}
-- rows role=primary since=10
{TABLES} AND NOT c.relispartition ORDER BY 1 LIMIT {MOST + 1}
"""


@query(
    "postgres.keys",
    title="没有主键的表",
    topics=("database", "tuning"),
    probe=PROBE,
    baseline=("tables",),
)
def keys(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    """Of the database that is logged in to: others are targets of their own."""
    member = answers.one()
    subject, names = f"库 {member.facts['database']}", [text(row, "name") for row in member.rows()]
    if len(names) > MOST:
        yield unknown(subject, f"没有主键的表超过 {MOST} 个，无法与基线比较")
        return
    if not names and "tables" not in before.approved:
        yield finding(subject, Status.OK, "所有用户表都有主键", marks={"tables": ""})
        return
    yield from compared("tables", subject, names, before)
