from collections.abc import Iterator

from tasks.checks.answers import Answers, Member, Row, query
from tasks.checks.counters import grown, kept
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.rows import number, numbers, of_member
from tasks.model import Finding, Number, Status

PROBE = """
-- archiver role=primary flavour=postgres,kingbase,highgo,other
SELECT current_setting('archive_mode') AS mode, archived_count AS archived, failed_count AS failed,
  last_failed_wal, coalesce(last_failed_time > coalesce(last_archived_time, '-infinity'), false) AS failing
FROM pg_stat_archiver
-- ways role=primary flavour=postgres,kingbase,highgo,other
SELECT count(*) AS ways FROM pg_settings
WHERE name IN ('archive_command', 'archive_library') AND setting NOT IN ('', '(disabled)')
-- backlog role=primary since=12 flavour=postgres,kingbase,highgo,other
SELECT count(*) AS waiting FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'
"""
ADVICE = "查看数据库日志中 archive_command 的报错，检查归档目录的空间和权限；归档失败时 WAL 不会回收"


@query(
    "postgres.archiver",
    title="WAL 归档",
    topics=("database", "archivelog"),
    probe=PROBE,
    limits={"waiting": (10, 100)},
)
def archiver(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    for member, rows in answers.each("archiver"):
        if rows[0]["mode"] == "off":
            advice = "没有归档只能恢复到上次备份：安排窗口设置 archive_mode 和 archive_command"
            yield finding(of_member(member, "归档"), Status.WARN, "没有开启归档", advice=advice)
            continue
        yield judged(member, rows[0], before)
        if member.has("ways") and not number(member.row("ways"), "ways"):
            told = "开启了归档，却没有设置归档命令：WAL 会一直堆积"
            yield finding(of_member(member, "归档命令"), Status.FAIL, told, advice=ADVICE)
        if member.has("backlog"):
            yield backlog(member, member.row("backlog"), limits, before)


def judged(member: Member, row: Row, before: Before) -> Finding:
    now = numbers(row, "archived", "failed")
    failed, failing = grown(before, member, now).get("failed", 0), row["failing"] is True
    told = f"累计归档 {now['archived']:.0f} 个，失败 {now['failed']:.0f} 次"
    if failing:
        told = f"归档正在失败（{row['last_failed_wal']}），{told}"
    elif failed:
        told = f"上次检查以来失败 {failed:.0f} 次，现已恢复，{told}"
    return finding(
        of_member(member, "归档"),
        Status.FAIL if failing else Status.WARN if failed else Status.OK,
        told,
        Number("archived", now["archived"], "个"),
        Number("failed", failed, "次"),
        advice=ADVICE,
        marks=kept(member, now),
    )


def backlog(member: Member, row: Row, limits: Limits, before: Before) -> Finding:
    subject, waiting, limit = of_member(member, "待归档"), number(row, "waiting"), limits.of("waiting")
    return finding(
        subject,
        limit.level(waiting),
        f"{waiting:.0f} 个 WAL 文件等待归档",
        Number("waiting", waiting, "个", limit.passed(waiting)),
        change=before.change(subject, "waiting", waiting),
        advice=ADVICE,
    )
