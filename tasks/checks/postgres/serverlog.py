import re
from collections.abc import Iterator

from tasks.checks.answers import Answers, on_host
from tasks.checks.grouping import GROUPED
from tasks.checks.judging import Before, Limits
from tasks.checks.linux.positions import READ_ON
from tasks.checks.logs import LIMITS, SEEN, WINDOWS, Lines, judge_members
from tasks.model import Finding

# Levels as stderr (`… ERROR:  …`), csvlog (`,ERROR,`) and jsonlog (`"error_severity":"ERROR"`) have them, and
# the words for error and warning of a server that speaks Chinese, in UTF-8 and in GBK; and what is bad
# although its level is LOG. A server gives its log a new name every day; one that does not know its file
# names the folder. Statements may hold passwords: they stay where they are, as does whatever follows the
# message of CSV and JSON, and what goes on in a line of its own.
PROBE = (
    READ_ON
    + GROUPED
    + r"""
[ -n "$db_log" ] || { echo unset; exit; }
log=$db_log
[ ! -d "$log" ] || log=$(ls -t "$log"/*.log "$log"/*.csv "$log"/*.json 2>/dev/null | head -n 1)
[ -f "$log" ] || { echo "denied $db_log"; exit; }
followed "$log"
chinese='\351\224\231\350\257\257|\264\355\316\363|\350\255\246\345\221\212|\276\257\270\346'
told='terminated by signal|terminating any other|not properly shut down|exited with exit code'
told="$told|archive command failed|could not |too frequently|invalid (record|page)|still waiting for"
case $log in
  *.csv) kept='s/\(,[^0-9,"]\{1,\},[0-9A-Z]\{5\},"[^"]*\(""[^"]*\)*\).*/\1"/p' ;;
  *.json) kept='s/\("message":"[^"\\]*\(\\.[^"\\]*\)*\).*/\1"}/p' ;;
  *) kept='/^[^[:space:]]/p' ;;
esac
sql='/STATEMENT:  /d;/[ "]statement: /d;/\350\257\255\345\217\245: /d;/\323\357\276\344: /d'
fresh_of_all "$log" | sed -n "$kept" | sed "$(printf "$sql")" |
  grouped "(error|fatal|panic|warning)(:  |,|\")|$told|$chinese"
"""
)
ERROR = re.compile(r'\b(?:ERROR|FATAL|PANIC)(?::  |,|")|错误|\ufffd')
CSV = re.compile(r',((?:ERROR|FATAL|PANIC|WARNING|LOG),\w{5},"(?:[^"]|"")*"?)', re.ASCII)
JSON = re.compile(
    r'"error_severity":"(\w+)"(?:,"state_code":"(\w{5})")?,"message":"((?:[^"\\]|\\.)*)', re.ASCII
)


def said(line: str) -> str:
    """Of CSV and JSON the level, the code and the message, as CSV has them."""
    if found := JSON.search(line):
        return f'{found[1]},{found[2] or ""},"{found[3]}"'
    short = CSV.search(line)
    return short[1] if short else line


LINES = Lines("postgres", bad=lambda line: ERROR.search(line) is not None, said=said)


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
    yield from judge_members(LINES, "服务器日志", answers, limits, before)
