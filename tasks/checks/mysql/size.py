from collections.abc import Iterator

from tasks.checks.answers import Answers, query
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.mysql.names import readable
from tasks.model import Finding, Number

# InnoDB's own view of its files, where the server has it: information_schema.tables guesses from
# statistics, and was seen to be wrong by four times.
FILES = """
SELECT CASE WHEN name LIKE '%/%' THEN SUBSTRING_INDEX(name, '/', 1) ELSE name END AS name,
  COUNT(*) AS files, SUM(file_size) AS bytes, SUM(allocated_size) AS allocated
FROM information_schema.{table}
GROUP BY 1
"""
TABLES = """
SELECT table_schema AS name, COUNT(*) AS files,
  SUM(COALESCE(data_length, 0) + COALESCE(index_length, 0) + COALESCE(data_free, 0)) AS bytes,
  SUM(CASE WHEN engine = 'InnoDB' THEN 0 ELSE COALESCE(data_length, 0) + COALESCE(index_length, 0) END)
    AS other
FROM information_schema.tables
WHERE table_type = 'BASE TABLE'
  AND table_schema NOT IN ('information_schema', 'performance_schema', 'sys')
GROUP BY 1
"""
PROBE = f"""
-- files flavour=mariadb
{FILES.format(table="innodb_sys_tablespaces")}
-- files flavour=mysql since=5.7 before=8.0
{FILES.format(table="innodb_sys_tablespaces")}
-- files flavour=mysql since=8.0
{FILES.format(table="innodb_tablespaces")}
-- tables
{TABLES}
"""
ADVICE = "核对增长是否正常，按保留规则归档或清理历史数据，提前安排扩容"
# What InnoDB calls files that belong to no schema.
OWN = {
    "innodb_system": "系统表空间",
    "innodb_temporary": "临时表空间",
    "mysql": "系统库 mysql",
    "sys": "系统库 sys",
}
# Beyond this, and only among sizes worth it, the statistics are said to be wrong.
WRONG, WORTH_MIB = 2, 512


@query(
    "mysql.size",
    title="数据库大小",
    topics=("database", "datafiles", "tablespace", "temp-tablespace"),
    probe=PROBE,
    seconds=60,
    limits={"mib": (512_000, None), "temporary": (10_240, 51_200)},
)
def size(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    """InnoDB's files, and what the statistics say of tables that are not InnoDB's."""
    schemas = {str(row["name"]): row for row in answers.rows("tables")}
    exact = answers.has("files")
    files = {readable(str(row["name"])): row for row in answers.rows("files")} if exact else {}
    for name in sorted({*schemas, *files}):
        guessed = int(schemas[name]["bytes"] or 0) if name in schemas else None
        if exact:
            other = int(schemas[name]["other"] or 0) if name in schemas else 0
            held = int(files[name]["bytes"] or 0) + other if name in files else other
            yield one(name, held, guessed, limits, before)
        elif guessed is not None:
            yield one(name, guessed, None, limits, before)


def one(name: str, held: int, guessed: int | None, limits: Limits, before: Before) -> Finding:
    mib, subject = held / 1024**2, OWN.get(name, name)
    number = "temporary" if name == "innodb_temporary" else "mib"
    limit = limits.of(number, subject)
    numbers = [Number(number, round(mib, 1), "MiB", limit.passed(mib))]
    told = f"{mib:.1f} MiB"
    if guessed is not None:
        statistics = guessed / 1024**2
        numbers.append(Number("guessed", round(statistics, 1), "MiB"))
        if mib > WORTH_MIB and mib > WRONG * statistics:
            told += f"（information_schema 只统计到 {statistics:.1f} MiB，以文件为准）"
    change = before.change(subject, number, mib)
    return finding(subject, limit.level(mib), told, *numbers, change=change, advice=ADVICE)
