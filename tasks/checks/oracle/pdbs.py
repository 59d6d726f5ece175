from collections.abc import Iterator, Sequence

from tasks.checks.answers import Answers, Row, query
from tasks.checks.judging import Before, Limits, finding, unknown
from tasks.checks.rows import number, text
from tasks.model import Finding, Number, Status

# On a standby they are open or not as the standby itself is, and are not looked at.
PROBE = """
-- rows cdb=YES role=primary,
SELECT inst_id, con_id, name, open_mode, restricted FROM gv$pdbs
"""
# What new ones are made of: always there, always read-only.
SEED = "PDB$SEED"


@query("oracle.pdbs", title="可插拔数据库", topics=("database",), probe=PROBE)
def pdbs(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    rows = answers.rows()
    if not rows:
        yield unknown("可插拔数据库", "采集账户只看得到根容器，需要 SET CONTAINER_DATA=ALL")
        return
    names = sorted({text(row, "name") for row in rows} - {SEED})
    if not names:
        yield finding("可插拔数据库", Status.OK, "没有可插拔数据库", Number("pdbs", 0, "个"))
    for name in names:
        yield judged(name, [row for row in rows if row["name"] == name])


def judged(name: str, rows: Sequence[Row]) -> Finding:
    """A node where it is closed is a warning: a service may be meant for some nodes only."""
    closed = [row for row in rows if text(row, "open_mode") == "MOUNTED"]
    upgrading = [row for row in rows if text(row, "open_mode") == "MIGRATE"]
    restricted = [row for row in rows if row["restricted"] == "YES" and row not in closed]
    status = Status.WARN if closed or upgrading or restricted else Status.OK
    told = "、".join(dict.fromkeys(text(row, "open_mode") for row in rows))
    if len(closed) == len(rows):
        status, told = Status.FAIL, "没有打开（MOUNTED），其服务不可用"
    elif closed:
        nodes = "、".join(f"{number(row, 'inst_id'):.0f}" for row in closed)
        told = f"{told}，在 {nodes} 号实例上没有打开"
    elif restricted:
        told = f"{told}，限制模式（RESTRICTED），常因补丁或插入检查未完成"
    advice = "打开该库并保存打开状态；限制模式时查 pdb_plug_in_violations，完成 datapatch"
    return finding(name, status, told, Number("closed", len(closed), "个"), advice=advice)
