from collections.abc import Iterator

from tasks.checks.answers import Answers, Member, Row, query
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.rows import of_member, text
from tasks.model import Finding, Status

PROBE = """
-- rows on=each
SELECT db_unique_name, database_role, open_mode, switchover_status, protection_mode, protection_level
FROM v$database
"""
# A standby may be mounted, open read-only, or open read-only while it applies (Active Data Guard).
STANDBY_MODES = ("MOUNTED", "READ ONLY", "READ ONLY WITH APPLY")


@query("oracle.role", title="角色与打开模式", topics=("database", "replication", "switchover"), probe=PROBE)
def role(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    for member, rows in answers.each():
        yield judged(member, rows[0])


def judged(member: Member, row: Row) -> Finding:
    actual, mode = text(row, "database_role"), text(row, "open_mode")
    primary, expected = actual == "PRIMARY", member.facts.get("expected_role", "")
    wrong, odd = [], []
    if expected and primary != (expected == "primary"):
        wrong.append(f"台账登记为{'主库' if expected == 'primary' else '备库'}，实际角色不同")
    if primary and mode != "READ WRITE":
        wrong.append("主库没有以读写方式打开")
    if not primary and mode not in STANDBY_MODES:
        odd.append("备库以读写方式打开，不是可随时接管的物理备库")
    wanted, level = text(row, "protection_mode"), text(row, "protection_level")
    # A standby that is only mounted, and a database that protects nothing, say UNPROTECTED.
    if level not in (wanted, "UNPROTECTED"):
        odd.append(f"保护级别降为 {level}（应为 {wanted}）")
    told = f"{row['db_unique_name']}：{actual}，{mode}，切换状态 {row['switchover_status']}"
    return finding(
        of_member(member, "角色与打开模式"),
        Status.FAIL if wrong else Status.WARN if odd else Status.OK,
        "；".join([*wrong, *odd, told]),
        advice="核对是否发生过主备切换或异常停机；确认后更新台账，或恢复应有的角色与打开模式",
    )
