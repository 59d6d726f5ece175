import json
from collections.abc import Iterator
from typing import Any

from tasks.checks import check
from tasks.checks.judging import Before, Limits, finding
from tasks.model import Finding, Number, Status

# What is asked is the history of measurements, and no target: see `tasks/history/filling.py`.
PROBE = "history"
ADVICE = "核对增长原因，安排清理、归档或扩容；扩容前先确认该增长会持续"


@check("trend.days", title="写满预测", topics=(), probe=PROBE, limits={"days": (30, 7)})
def days(output: Any, limits: Limits, before: Before) -> Iterator[Finding]:
    """Only what fills up soon is a finding of its own; of all the rest one line says how long there is."""
    found = [(one, level(one, limits)) for one in json.loads(output.text)]
    for one, status in found:
        if status is not Status.OK:
            yield soon(one, status, limits)
    if found and all(status is Status.OK for _, status in found):
        yield finding("全部", Status.OK, calm([one for one, _ in found]))


def level(one: dict[str, Any], limits: Limits) -> Status:
    if one["kind"] not in ("rising", "full", "steady", "few"):
        raise ValueError(str(one["kind"]))
    if one["kind"] == "full":
        return Status.FAIL
    if one["kind"] != "rising" or one["emptied_before"]:
        return Status.OK
    return limits.of("days", str(one["subject"]), falling=True).level(float(one["days"]))


def soon(one: dict[str, Any], status: Status, limits: Limits) -> Finding:
    left = float(one["days"])
    limit = limits.of("days", str(one["subject"]), falling=True)
    return finding(
        f"{one['title']} {one['subject']}",
        status,
        words(one),
        Number("days", round(left, 1), "天", limit.passed(left)),
        Number("days_low", one["low"], "天"),
        Number("days_high", one["high"], "天"),
        Number("points", one["points"], "个"),
        advice=ADVICE,
    )


def words(one: dict[str, Any]) -> str:
    basis = f"{one['points']} 个点、{one['span']:.0f} 天"
    since = "最近一次清理以来" if one["cleanups"] else "最近"
    if one["kind"] == "full":
        return f"按趋势已写满（现 {one['level']:.1f}%，{since} {basis}）"
    return (
        f"预计 {one['days']:.0f} 天后写满（95% 区间 {one['low']:.0f}–{one['high']:.0f} 天）："
        f"现 {one['level']:.1f}%，每天增长 {one['slope']:.2f} 个百分点（{since} {basis}）"
    )


def calm(all_of_it: list[dict[str, Any]]) -> str:
    few = sum(one["kind"] == "few" for one in all_of_it)
    rising = [one for one in all_of_it if one["kind"] == "rising"]
    said = [f"{len(all_of_it) - few} 项近期不会写满"]
    if rising:
        first = min(rising, key=lambda one: float(one["days"]))
        rhythm = "，按以往节奏会先清理" if first["emptied_before"] else ""
        said.append(f"最早的是{first['title']} {first['subject']}，预计 {first['days']:.0f} 天后{rhythm}")
    if few:
        said.append(f"{few} 项数据不足，暂不预测")
    return "；".join(said)
