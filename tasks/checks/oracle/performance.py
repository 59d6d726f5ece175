import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tasks.checks.answers import Answers, Member, query
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.oracle.rows import of_node
from tasks.checks.rows import MIB, number
from tasks.model import Finding, Number, Status

# Counters since the start of each instance, from v$sysstat and v$librarycache alone: AWR, ASH and their
# tables (dba_hist_…) take a paid licence. What happened between two inspections is the difference to what
# was marked last time.
COUNTERS = {
    "gets": ("db block gets from cache", "consistent gets from cache"),
    "reads": ("physical reads cache",),
    "hard": ("parse count (hard)",),
    "parses": ("parse count (total)",),
    "executions": ("execute count",),
    "transactions": ("user commits", "user rollbacks"),
    "redo": ("redo size",),
    "sorts": ("sorts (disk)",),
    "centiseconds": ("DB time",),
}
SUMS = ",\n       ".join(
    "SUM(CASE WHEN s.name IN ("
    + ", ".join(f"'{name}'" for name in names)
    + f") THEN s.value ELSE 0 END) AS {column}"
    for column, names in COUNTERS.items()
)
PROBE = f"""
-- counters role=primary,
SELECT s.inst_id, MAX((SYSDATE - i.startup_time) * 86400) AS seconds,
       {SUMS}
FROM gv$sysstat s JOIN gv$instance i ON i.inst_id = s.inst_id
GROUP BY s.inst_id
-- library role=primary,
SELECT inst_id, SUM(pins) AS pins, SUM(pinhits) AS hits FROM gv$librarycache GROUP BY inst_id
"""  # noqa: S608 - all of it is above
# Below this a ratio says nothing: a database that sleeps misses its cache whenever it wakes.
ENOUGH = 100_000


@dataclass(frozen=True, slots=True)
class Interval:
    """What was counted in how many seconds."""

    counts: Mapping[str, float]
    since_start: bool

    def per_second(self, column: str) -> float:
        return self.counts[column] / max(self.counts["seconds"], 1)

    def ratio(self, part: str, whole: str) -> float | None:
        return 100 * self.counts[part] / self.counts[whole] if self.counts[whole] >= ENOUGH else None


@query(
    "oracle.performance",
    title="性能指标",
    topics=("performance",),
    probe=PROBE,
    limits={"buffer_hit": (90, None), "library_hit": (95, None), "active": (None, None)},
)
def performance(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    library = answers.rows("library") if answers.has("library") else ()
    for member, rows in answers.each("counters"):
        for row in rows:
            now = {column: number(row, column) for column in ("seconds", *COUNTERS)}
            for one in library:
                if one["inst_id"] == row["inst_id"]:
                    now |= {column: number(one, column) for column in ("pins", "hits")}
            mark = f"counters_{number(row, 'inst_id'):.0f}"
            since = interval(now, before.marks.get(mark, ""))
            marks = {mark: json.dumps(now)}
            yield from judged(member, of_node(member, row, ""), since, limits, marks)


def interval(now: Mapping[str, float], marked: str) -> Interval:
    """Since last time, unless the instance was restarted since."""
    last: Mapping[str, float] = json.loads(marked) if marked else {}
    moved = {column: value - last.get(column, 0) for column, value in now.items()}
    if not last or min(moved.values()) < 0:
        return Interval(now, since_start=True)
    return Interval(moved, since_start=False)


def judged(
    member: Member, front: str, since: Interval, limits: Limits, marks: Mapping[str, str]
) -> Iterator[Finding]:
    when = "启动以来" if since.since_start else f"近 {since.counts['seconds'] / 3600:.1f} 小时"
    misses = since.ratio("reads", "gets")
    yield hit(f"{front}缓冲区命中率", "buffer_hit", None if misses is None else 100 - misses, when, limits)
    if "pins" in since.counts:
        yield hit(f"{front}库缓存命中率", "library_hit", since.ratio("hits", "pins"), when, limits)
    active = since.per_second("centiseconds") / 100
    limit = limits.of("active", front)
    rates = {
        "transactions": (since.per_second("transactions"), "事务"),
        "executions": (since.per_second("executions"), "执行"),
        "parses": (since.per_second("parses"), "解析"),
        "hard": (since.per_second("hard"), "硬解析"),
        "reads": (since.per_second("reads"), "物理读块"),
    }
    redo = since.per_second("redo") / MIB
    told = "，".join(f"{words} {value:.1f} 次/秒" for value, words in rates.values())
    yield finding(
        f"{front}负载",
        limit.level(active),
        f"{when}平均活动会话 {active:.2f} 个，{told}，"
        f"重做 {redo:.2f} MiB/秒，磁盘排序 {since.counts['sorts']:.0f} 次",
        Number("active", round(active, 3), "个", limit.passed(active)),
        *(Number(name, round(value, 2), "次/s") for name, (value, _) in rates.items()),
        Number("redo", round(redo, 3), "MiB/s"),
        Number("disk_sorts", since.counts["sorts"], "次"),
        advice="平均活动会话高于 CPU 核数说明负载已饱和：查找消耗最多的语句",
        marks=marks,
    )


def hit(subject: str, name: str, percent: float | None, when: str, limits: Limits) -> Finding:
    if percent is None:
        return finding(subject, Status.OK, f"{when}访问量太小，命中率没有意义")
    limit = limits.of(name, falling=True)
    return finding(
        subject,
        limit.level(percent),
        f"{when} {percent:.1f}%",
        Number("percent", round(percent, 2), "%", limit.passed(percent)),
        advice="查找全表扫描多的语句和未使用绑定变量的应用，核对后再考虑加大内存",
    )
