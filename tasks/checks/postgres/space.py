import re
from collections.abc import Iterator

from tasks.checks.answers import Answers, Member, on_host
from tasks.checks.judging import Before, Limits, finding, unknown
from tasks.checks.rows import of_member
from tasks.model import Finding, Number

# The folders may be closed to this account: df needs only the way to them. What lies in them is added up
# where it may be looked at, within 15 s.
PROBE = """
show() {
  printf '@ %s\\n' "$1"
  df -Pk "$2" 2>&1 | tail -n 1
}
[ -n "$db_data" ] || { echo '@ none'; exit 0; }
show 数据目录 "$db_data"
for name in pg_wal pg_xlog; do [ ! -d "$db_data/$name/" ] || show "WAL 目录" "$db_data/$name/"; done
printf '%s\\n' "${db_tablespaces-}" | while IFS='	' read -r name place; do
  [ -z "$name" ] || show "表空间 $name" "$place"
done
echo '@ used'
if [ -r "$db_data" ] && kib=$(timeout 15 du -sk "$db_data" 2>/dev/null); then echo "${kib%%[!0-9]*}"; fi
exit 0
"""
SPACE = re.compile(r"\S.*? +\d+ +(\d+) +(-?\d+) +(?:\d+%|-) +(/.*)", re.ASCII)
ADVICE = "清理或归档数据，检查复制槽和归档是否使 WAL 堆积，或扩容该文件系统；不要手工删除 pg_wal 中的文件"


@on_host(
    "postgres.space",
    title="数据目录与表空间所在文件系统",
    topics=("database", "datafiles", "tablespace", "disk"),
    probe=PROBE,
    seconds=20,
    limits={"percent": (80, 90)},
    fills=("percent",),
)
def space(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    for member in answers.members:
        if not member.failure:
            yield from judged(member, limits, before)


def judged(member: Member, limits: Limits, before: Before) -> Iterator[Finding]:
    sections = [one.partition("\n") for one in member.text.split("@ ")[1:]]
    if [name for name, _, _ in sections] == ["none"]:
        yield unknown(
            of_member(member, "数据目录"), "数据库没有说出数据目录（需要 pg_monitor），清单也未登记"
        )
        return
    if not sections or sections[-1][0] != "used":
        raise ValueError(member.text)
    own = sections.pop()[2].strip()
    used = Number("used", round(int(own) / 1024, 1), "MiB") if own else None
    told = set()
    for name, _, line in sections:
        subject, found = of_member(member, name), SPACE.fullmatch(line.strip())
        if found is None:
            yield unknown(subject, line.strip() or name)
        elif not (name == "WAL 目录" and found[3] in told):
            told.add(found[3])
            yield place(subject, found, used if name == "数据目录" else None, limits, before)


def place(subject: str, found: re.Match[str], used: Number | None, limits: Limits, before: Before) -> Finding:
    taken, free = int(found[1]), max(int(found[2]), 0)
    percent, limit = 100 * taken / (taken + free), limits.of("percent", subject)
    own = f"，其中本库 {used.value:.1f} MiB" if used else ""
    return finding(
        subject,
        limit.level(percent),
        f"所在文件系统 {found[3]} 已用 {percent:.1f}%，剩余 {free / 1024**2:.2f} GiB{own}",
        Number("percent", round(percent, 1), "%", limit.passed(percent)),
        Number("free", round(free / 1024**2, 2), "GiB"),
        *([used] if used else ()),
        change=before.change(subject, "percent", percent),
        advice=ADVICE,
    )
