from collections.abc import Iterator

from tasks.checks.answers import Answers, query
from tasks.checks.judging import Before, Limits, finding
from tasks.model import Finding, Number, Status

# The file was reached and is no sound database.
DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB")


@query(
    "sqlite.integrity",
    title="数据库完整性",
    topics=("database", "integrity"),
    probe="PRAGMA integrity_check(20)",
    seconds=60,
    telling=DAMAGED,
)
def integrity(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    if refused := answers.refusals(*DAMAGED):
        rows = [asked.failure for _, asked in refused]
    else:
        rows = [str(row["integrity_check"]) for row in answers.rows()]
    # Some versions put all errors into one row, under a headline.
    said = [line for row in rows for line in row.splitlines() if line and not line.startswith("***")]
    if not said:
        raise ValueError(str(rows))
    sound = said == ["ok"]
    yield finding(
        "数据文件",
        Status.OK if sound else Status.FAIL,
        "完整性检查通过" if sound else f"完整性检查发现 {len(said)} 处错误：{said[0]}",
        Number("errors", 0 if sound else len(said), "处"),
        advice="立即停止写入并保留现场，用最近一次已验证的备份恢复",
    )
