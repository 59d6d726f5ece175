import re
from collections.abc import Iterator

from tasks.checks.answers import Answers, on_host
from tasks.checks.grouping import GROUPED
from tasks.checks.judging import Before, Limits
from tasks.checks.linux.positions import READ_ON
from tasks.checks.logs import LIMITS, SEEN, WINDOWS, judge_members
from tasks.model import Finding

# Levels as stderr (`… ERROR:  …`), csvlog (`,ERROR,`) and jsonlog (`"error_severity":"ERROR"`) have them, and
# the words for error and warning of a server that speaks Chinese, in UTF-8 and in GBK. A server gives its log
# a new name every day; one that does not know its file names the folder.
PROBE = (
    READ_ON
    + GROUPED
    + r"""
[ -n "$db_log" ] || { echo unset; exit; }
log=$db_log
[ ! -d "$log" ] || log=$(ls -t "$log"/*.log "$log"/*.csv "$log"/*.json 2>/dev/null | head -n 1)
followed "${log:-$db_log}"
chinese='\351\224\231\350\257\257|\264\355\316\363|\350\255\246\345\221\212|\276\257\270\346'
fresh_of_all "$log" | grouped "(error|fatal|panic|warning)(:  |,|\")|$chinese"
"""
)
ONLY_WARNING = re.compile(r'\bWARNING(?::  |,|")|警告')


@on_host(
    "postgres.serverlog",
    title="服务器日志",
    topics=("database", "database-log"),
    probe=PROBE,
    windows=WINDOWS,
    limits=LIMITS,
    remembers=(SEEN,),
)
def serverlog(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    yield from judge_members(
        "postgres", "服务器日志", answers, limits, before, lambda line: not ONLY_WARNING.search(line)
    )
