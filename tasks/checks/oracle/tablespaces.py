from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tasks.checks.answers import Answers, Row, query
from tasks.checks.judging import Before, Limits, finding, unknown
from tasks.checks.oracle.containers import both, containers, name
from tasks.checks.oracle.rows import GIB
from tasks.checks.rows import MIB, number, text
from tasks.model import Finding, Number, Status

# A full tablespace has no row in dba_free_space: outer join. Extents in the recycle bin count as free there.
# A file grows to its maximum where it is extensible and the maximum is above its size: maxbytes is 0 where it
# does not grow, and may be below the size of a file that was resized.
TABLESPACES = """
SELECT t.con_id, t.tablespace_name, t.status, COALESCE(s.bytes, 0) AS free_bytes
FROM cdb_tablespaces t
LEFT JOIN (SELECT con_id, tablespace_name, SUM(bytes) AS bytes
           FROM cdb_free_space GROUP BY con_id, tablespace_name) s
  ON s.con_id = t.con_id AND s.tablespace_name = t.tablespace_name
WHERE t.contents = 'PERMANENT'
"""
FILES = """
SELECT con_id, tablespace_name, disk_group, SUM(bytes) AS bytes,
       SUM(CASE WHEN max_bytes > bytes THEN max_bytes ELSE bytes END) AS max_bytes
FROM (SELECT con_id, tablespace_name, bytes,
             CASE WHEN autoextensible = 'YES' THEN maxbytes ELSE 0 END AS max_bytes,
             CASE WHEN file_name LIKE '+%'
                  THEN UPPER(SUBSTR(file_name, 2, INSTR(file_name, '/') - 2)) END AS disk_group
      FROM cdb_data_files) f
GROUP BY con_id, tablespace_name, disk_group
"""
GROUPS = "-- groups role=primary,\nSELECT name, type, free_mb FROM v$asm_diskgroup_stat\n"
# How often a disk group keeps each extent; of the flexible ones each file says it by itself.
COPIES = {"NORMAL": 2, "HIGH": 3}


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes: used, free in the files, and by how much the files may and can grow. They can where the disk
    group below has room; a file system's room is not known here, `oracle.storage` watches it."""

    used: float
    free: float
    allowed: float
    possible: float

    @property
    def most(self) -> float:
        return self.used + self.free + self.possible


@query(
    "oracle.tablespaces",
    title="表空间",
    topics=("tablespace", "database"),
    probe=containers() + both("tablespaces", TABLESPACES) + both("files", FILES) + GROUPS,
    seconds=60,
    limits={"percent": (85, 95)},
    fills=("percent",),
)
def tablespaces(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    groups = answers.rows("groups") if answers.has("groups") else ()
    left = {text(one, "name"): number(one, "free_mb") * MIB / copies(one) for one in groups}
    files = answers.rows("files")
    for row in answers.rows("tablespaces"):
        subject = name(answers, row, text(row, "tablespace_name"))
        own = [one for one in files if key(one) == key(row)]
        match text(row, "status"):
            case "OFFLINE":
                continue  # its sizes are not shown; `oracle.datafiles` tells that it is offline
            case "ONLINE" if own:
                yield judged(subject, room(row, own, left), limits, before)
            case "READ ONLY":
                yield finding(subject, Status.OK, "只读，不会再增长")
            case _:
                yield unknown(subject, "没有该表空间的数据文件")


def key(row: Row) -> tuple[object, str]:
    return row.get("con_id"), text(row, "tablespace_name")


def copies(group: Row) -> int:
    return COPIES.get(text(group, "type"), 1)


def room(row: Row, files: Sequence[Row], left: dict[str, float]) -> Room:
    size = sum(number(one, "bytes") for one in files)
    grown = [(one["disk_group"], number(one, "max_bytes") - number(one, "bytes")) for one in files]
    possible = sum(min(growth, left.get(group, growth)) for group, growth in grown)
    free = number(row, "free_bytes")
    return Room(max(size - free, 0), free, sum(growth for _, growth in grown), max(possible, 0))


def judged(subject: str, room: Room, limits: Limits, before: Before) -> Finding:
    percent = 100 * room.used / room.most
    limit = limits.of("percent", subject)
    short = "；磁盘组剩余空间不足以支持其自动扩展上限" if room.possible < room.allowed else ""
    return finding(
        subject,
        limit.level(percent),
        f"已用 {room.used / GIB:.1f} GiB，最大可到 {room.most / GIB:.1f} GiB，使用率 {percent:.1f}%{short}",
        Number("percent", round(percent, 1), "%", limit.passed(percent)),
        Number("mib", round(room.used / MIB, 1), "MiB"),
        Number("max_mib", round(room.most / MIB, 1), "MiB"),
        change=before.change(subject, "percent", percent),
        advice="清理历史数据，或增加数据文件、调高自动扩展上限；扩展前确认下层磁盘有足够空间",
    )
