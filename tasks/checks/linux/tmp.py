import re
from collections.abc import Iterator

from tasks.checks import check
from tasks.checks.judging import Before, Limits, finding
from tasks.model import Finding, Number, Output, Status

# To add up a hundred thousand small files costs more than all other probes together: after 30 ms of
# processor time (3 ticks, fields 14 and 15 of stat) it is enough to know that they are too many.
PROBE = """
df -Pk /tmp/ /var/tmp/
echo sizes
du -xsk /tmp/ /var/tmp/ 2>/dev/null & job=$!
while sleep 0.03 2>/dev/null || sleep 1; [ -d /proc/$job ]; do
  read -r stat </proc/$job/stat || break
  set -- ${stat##*) }
  [ "$1" != Z ] || break
  [ $((${12} + ${13})) -lt 3 ] || { kill $job; wait $job 2>/dev/null; echo many; exit 0; }
done
wait $job || echo partly
"""
SPACE = re.compile(r"\S.*? +\d+ +(\d+) +(\d+) +(?:\d+%|-) +(/.*)", re.ASCII)
SIZE = re.compile(r"(\d{1,15})\s+(/tmp|/var/tmp)/?", re.ASCII)
FOLDERS = ("/tmp", "/var/tmp")  # noqa: S108
ADVICE = "清理过期的临时文件，查明大文件由哪个程序产生"


@check(
    "linux.tmp",
    title="临时目录",
    topics=("disk", "tmp"),
    probe=PROBE,
    limits={"gib": (5, 20), "percent": (80, 90)},
)
def tmp(output: Output, limits: Limits, before: Before) -> Iterator[Finding]:
    """What lies in them, and how full what they lie on is."""
    spaces, mark, sizes = output.text.partition("\nsizes\n")
    rows = [SPACE.fullmatch(line) for line in spaces.splitlines()[1:]]
    lines = sizes.splitlines()
    last = lines.pop() if lines[-1:] in (["partly"], ["many"]) else ""
    found = [SIZE.fullmatch(line) for line in lines]
    if not mark or len(rows) != len(FOLDERS) or None in rows or None in found or not (found or last):
        raise ValueError(output.text)
    kib = {one[2]: int(one[1]) for one in found if one}
    for folder, space in zip(FOLDERS, rows, strict=True):
        # du leaves out the one that is the other by a link.
        if space and (folder in kib or last):
            yield place(folder, space, kib.get(folder), last, limits, before)


def place(
    folder: str, space: re.Match[str], kib: int | None, last: str, limits: Limits, before: Before
) -> Finding:
    used, free = int(space[1]), int(space[2])
    percent = 100 * used / (used + free)
    full = limits.of("percent", folder)
    told = f"所在文件系统 {space[3]} 已用 {percent:.1f}%"
    share = Number("percent", round(percent, 1), "%", full.passed(percent))
    if kib is None:
        status = Status.worst((Status.WARN, full.level(percent)))
        return finding(folder, status, f"文件太多，未能统计大小，{told}", share, advice=ADVICE)
    gib = kib / 1024**2
    limit = limits.of("gib", folder)
    partly = "（部分无权统计）" if last == "partly" else ""
    return finding(
        folder,
        Status.worst((limit.level(gib), full.level(percent))),
        f"内容 {gib:.2f} GiB{partly}，{told}",
        Number("gib", round(gib, 2), "GiB", limit.passed(gib)),
        share,
        change=before.change(folder, "gib", gib),
        advice=ADVICE,
    )
