import re
from collections.abc import Iterator

from tasks.checks.answers import Answers, on_host
from tasks.checks.grouping import GROUPED
from tasks.checks.judging import Before, Limits
from tasks.checks.linux.positions import READ_ON
from tasks.checks.logs import LIMITS, SEEN, WINDOWS, Lines, judge_members
from tasks.model import Finding

# Times stand alone on a line, before what they are about: `Fri Mar 24 18:06:17 2017`, from 12.2 on
# `2017-03-24T17:49:39.327480+09:00`, and in one file both where that was switched. Banners are no restarts:
# 12c writes them again whenever it begins a new part of log.xml.
# Without `log` in the inventory: beside the instances that run here, where there is but one.
PROBE = (
    READ_ON
    + GROUPED
    + r"""
running() { ps -eo pid=,args= | sed -n 's/^ *\([0-9]*\) [a-z]*_pmon_\([A-Za-z0-9_$#]*\) *$/\1 \2/p'; }
bases() {
  { tr '\0' '\n' <"/proc/$1/environ"; } 2>/dev/null |
    sed -n 's/^ORACLE_BASE=//p; s,^ORACLE_HOME=\(.*\)/product/.*,\1,p'
  printf '%s\n' /u0[0-9]/app/oracle /u0[0-9]/oracle /opt/oracle /oracle /oracle/app /oracle/app/oracle \
    /home/oracle/app/oracle /app/oracle /data/oracle /data/app/oracle
}
alerts() {
  running | while read -r pid id; do
    bases "$pid" | while read -r base; do
      ls -t "$base"/diag/rdbms/*/"$id"/trace/alert_"$id".log "$base"/admin/*/bdump/alert_"$id".log 2>/dev/null
    done | head -n 1
  done
}
log=$db_log
if [ -z "$log" ]; then
  log=$(alerts)
  case $log in *"
"*) log=;; esac
fi
[ -n "$log" ] || { echo unset; exit; }
opened "$log"
words='(ora|tns|crs|rman)-[0-9]|error|corrupt|fail|terminat|abort|cannot allocate|deadlock|unable|stopped'
words="$words|suspend|offline|evict|hang|gap sequence|checkpoint not complete|heartbeat|timeout"
words="$words|reconfiguration started|private strand"
fresh "$log" | grouped "$words" apart
"""
)
# Lines without a code are told only where a rule knows them: `Errors in file …` precedes the error itself.
CODE = re.compile(r"\b(?:ORA|TNS|CRS|RMAN)-0*[1-9]", re.ASCII)
LINES = Lines("oracle", bad=lambda line: CODE.search(line) is not None)


@on_host(
    "oracle.alert",
    title="告警日志",
    topics=("database", "database-log"),
    probe=PROBE,
    windows=WINDOWS,
    limits=LIMITS,
    remembers=(SEEN,),
)
def alert(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    yield from judge_members(LINES, "告警日志", answers, limits, before)
