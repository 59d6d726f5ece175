import re
from collections.abc import Iterator
from datetime import datetime

from tasks.checks.answers import Answers, Member, Row, query
from tasks.checks.judging import Before, Limits, finding, unknown
from tasks.checks.rows import of_member, text
from tasks.model import Finding, Number, Status

# A primary has no rows. The books write the names in capitals, servers in small letters. All times are the
# standby's own, as text. Where the datum is old, nothing comes from the primary any more, and the lag with it
# is not true.
PROBE = """
-- rows on=standby role=standby,
SELECT MAX(CASE WHEN LOWER(name) = 'transport lag' THEN value END) AS transport,
       MAX(CASE WHEN LOWER(name) = 'transport lag' THEN datum_time END) AS transport_datum,
       MAX(CASE WHEN LOWER(name) = 'apply lag' THEN value END) AS apply,
       MAX(CASE WHEN LOWER(name) = 'apply lag' THEN datum_time END) AS apply_datum,
       TO_CHAR(SYSDATE, 'MM/DD/YYYY HH24:MI:SS') AS now
FROM v$dataguard_stats
"""
LAG = re.compile(r"\+(\d{1,4}) (\d\d):(\d\d):(\d\d)(\.\d+)?", re.ASCII)
TITLES = {"transport": "传输延迟", "apply": "应用延迟"}
ADVICE = "检查主备之间的网络、归档目标状态和备库日志应用进程；备库数据落后时切换会丢数据或变慢"


@query(
    "oracle.lag",
    title="Data Guard 延迟",
    topics=("replication", "switchover"),
    probe=PROBE,
    limits={"transport": (60, 600), "apply": (300, 1800), "stale": (120, 600)},
)
def lag(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    for member, rows in answers.each():
        for kind in TITLES:
            yield judged(member, rows[0], kind, limits, before)


def judged(member: Member, row: Row, kind: str, limits: Limits, before: Before) -> Finding:
    subject, now = of_member(member, TITLES[kind]), moment(text(row, "now"))
    if row[kind] is None or row[f"{kind}_datum"] is None:
        return unknown(subject, "备库没有给出延迟（空值不是 0）：日志应用未启动，或从未收到主库的数据")
    behind, stale = seconds(text(row, kind)), (now - moment(text(row, f"{kind}_datum"))).total_seconds()
    limit, stale_limit = limits.of(kind, subject), limits.of("stale", subject)
    old = stale_limit.level(stale)
    told = f"落后 {behind} 秒，依据 {stale:.0f} 秒前收到的主库数据"
    if old is not Status.OK:
        told = f"数据已 {stale:.0f} 秒没有更新，显示的 {behind} 秒不可信，实际至少再落后这么久"
    return finding(
        subject,
        Status.worst((limit.level(behind), old)),
        told,
        Number("seconds", behind, "s", limit.passed(behind)),
        Number("stale", round(stale), "s", stale_limit.passed(stale)),
        change=before.change(subject, "seconds", behind),
        advice=ADVICE,
    )


def moment(said: str) -> datetime:
    return datetime.strptime(said, "%m/%d/%Y %H:%M:%S")


def seconds(said: str) -> int:
    """`+00 00:01:05`"""
    found = LAG.fullmatch(said)
    if found is None:
        raise ValueError(said)
    days, hours, minutes, rest = (int(part) for part in found.groups()[:4])
    return ((days * 24 + hours) * 60 + minutes) * 60 + rest
