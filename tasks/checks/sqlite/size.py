from collections.abc import Iterator

from tasks.checks.answers import Answers, query
from tasks.checks.judging import Before, Limits, finding
from tasks.model import Finding, Number, Status

PROBE = """
SELECT page_count, page_size, freelist_count
FROM pragma_page_count(), pragma_page_size(), pragma_freelist_count()
"""


@query(
    "sqlite.size",
    title="数据库大小",
    topics=("database", "tablespace"),
    probe=PROBE,
    limits={"mib": (10240, 51200)},
)
def size(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    row = answers.row()
    if not row["page_count"]:  # what an emptied file looks like; its integrity is perfect
        advice = "核对文件是否被清空或误建，用最近一次已验证的备份恢复"
        yield finding(
            "数据文件", Status.FAIL, "数据文件是空的，没有任何数据页", Number("mib", 0, "MiB"), advice=advice
        )
        return
    mib = row["page_count"] * row["page_size"] / 1024**2
    unused = row["freelist_count"] * row["page_size"] / 1024**2
    limit = limits.of("mib")
    yield finding(
        "数据文件",
        limit.level(mib),
        f"大小 {mib:.1f} MiB，其中空闲 {unused:.1f} MiB",
        Number("mib", round(mib, 1), "MiB", limit.passed(mib)),
        Number("unused", round(unused, 1), "MiB"),
        change=before.change("数据文件", "mib", mib),
        advice="核对数据增长是否正常，按保留规则归档历史数据",
    )
