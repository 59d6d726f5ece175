import re
from collections.abc import Iterator

from tasks.checks.answers import Answers, on_host
from tasks.checks.grouping import GROUPED
from tasks.checks.judging import Before, Limits
from tasks.checks.linux.positions import READ_ON
from tasks.checks.logs import LIMITS, SEEN, WINDOWS, Lines, judge_members
from tasks.model import Finding

# 5.7 and 8: `2026-11-20T03:20:01.123456Z 0 [ERROR] [MY-010119] [Server] …`; MariaDB: `2026-11-20  3:20:01 0
# [ERROR] …`; before 5.7 InnoDB wrote lines without a level. Of the notes only those that tell of trouble.
PROBE = (
    READ_ON
    + GROUPED
    + r"""
log=${db_log:-$db_log_error}
[ -n "$log" ] || { echo unset; exit; }
opened "$log"
said='innodb: (error|fatal|assert)|got (signal|exception)|assertion fail|crash recovery|deadlock'
said="$said|not shut ?down normally|intended loop|semaphore wait"
fresh "$log" | grouped "[[](error|warning|fatal)[]]|$said"
"""
)
HARMLESS = re.compile(r"\[(?:Warning|Note|System)\]", re.IGNORECASE)
LINES = Lines("mysql", bad=lambda line: HARMLESS.search(line) is None)


@on_host(
    "mysql.errorlog",
    title="错误日志",
    topics=("database", "database-log"),
    probe=PROBE,
    windows=WINDOWS,
    limits=LIMITS,
    remembers=(SEEN,),
)
def errorlog(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    yield from judge_members(LINES, "错误日志", answers, limits, before)
