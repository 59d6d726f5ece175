from collections.abc import Iterator

from tasks.checks.answers import Answers, query
from tasks.checks.baselines import compared
from tasks.checks.judging import Before, Limits, unknown
from tasks.checks.mysql.names import readable
from tasks.model import Finding

# InnoDB makes a hidden key where there is neither a primary nor a unique one: its own dictionary says so,
# without the right to see the tables, and without opening them.
# Beyond this nobody compares lists.
MOST = 5000
KEYLESS = """
SELECT t.name
FROM information_schema.{prefix}tables t
JOIN information_schema.{prefix}indexes i ON i.table_id = t.table_id
WHERE i.name = 'GEN_CLUST_INDEX' AND t.name LIKE '%/%'
  AND t.name NOT LIKE 'mysql/%' AND t.name NOT LIKE 'sys/%'
ORDER BY t.name
LIMIT {limit}
"""
PROBE = f"""
-- rows flavour=mariadb
{KEYLESS.format(prefix="innodb_sys_", limit=MOST + 1)}
-- rows flavour=mysql before=8.0
{KEYLESS.format(prefix="innodb_sys_", limit=MOST + 1)}
-- rows flavour=mysql since=8.0
{KEYLESS.format(prefix="innodb_", limit=MOST + 1)}
"""
SUBJECT, MARK = "没有主键的表", "keyless"


@query(
    "mysql.primary_keys",
    title=SUBJECT,
    topics=("database", "replication", "tuning"),
    probe=PROBE,
    seconds=30,
    baseline=(MARK,),
)
def primary_keys(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    """An order of tables is what people approve; none at all needs no approval."""
    if len(answers.rows()) > MOST:
        yield unknown(SUBJECT, f"没有主键的表（含分区）超过 {MOST} 个，无法与基线比较")
        return
    names = (str(row["name"]).partition("#")[0] for row in answers.rows())
    tables = {readable(name).replace("/", ".") for name in names}
    known = before if tables or MARK in before.approved else Before(approved={MARK: frozenset()})
    yield from compared(MARK, SUBJECT, tables, known)
