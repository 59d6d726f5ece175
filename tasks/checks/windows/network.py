from collections.abc import Iterator
from typing import Any

from tasks.checks import check
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.powershell import listed, told
from tasks.model import Finding, Number, Output, Status

# Counters since the start of the system; a rate is the difference between two inspections.
PROBE = r"""
@{cards=@(Q Win32_PerfRawData_Tcpip_NetworkInterface | ?{$_.Name -notmatch 'isatap|Teredo|6to4|Loopback'} | %{@{name=$_.Name;rx=$_.BytesReceivedPersec;tx=$_.BytesSentPersec;bad=[long]$_.PacketsReceivedErrors+[long]$_.PacketsOutboundErrors;at=$_.Timestamp_Sys100NS}})}
"""
TICKS = 10**7


@check(
    "windows.network",
    title="网络流量",
    topics=("network",),
    probe=PROBE,
    limits={"mbps": (None, None), "errors": (100, 10000)},
)
def network(output: Output, limits: Limits, before: Before) -> Iterator[Finding]:
    for card in listed(told(output)["cards"]):
        yield judged(card, limits, before)


def judged(card: dict[str, Any], limits: Limits, before: Before) -> Finding:
    name = str(card["name"])
    now = {key: int(card[key]) for key in ("rx", "tx", "bad")} | {"at": int(card["at"]) // TICKS}
    last = {key: before.numbers.get((name, key)) for key in now}
    kept = [Number(key, value) for key, value in now.items()]
    moved = {key: value - was for key, value in now.items() if (was := last[key]) is not None}
    if len(moved) < len(now) or min(moved.values()) < 0 or not moved["at"]:
        change = before.change(name, "rx", 0) if last["rx"] is None else ""
        return finding(name, Status.OK, "计数已记下，下次检查起给出速率", *kept, change=change)
    rx, tx = (8 * moved[key] / moved["at"] / 1e6 for key in ("rx", "tx"))
    limit, wrong = limits.of("mbps", name), limits.of("errors", name)
    most = max(rx, tx)
    return finding(
        name,
        Status.worst((limit.level(most), wrong.level(moved["bad"]))),
        f"上次检查以来平均接收 {rx:.2f} Mbit/s、发送 {tx:.2f} Mbit/s，新增错误包 {moved['bad']:.0f}",
        Number("mbps", round(most, 2), "Mbit/s", limit.passed(most)),
        Number("errors", moved["bad"], "", wrong.passed(moved["bad"])),
        *kept,
        advice="检查网卡、网线和交换机端口，核对流量来源",
    )
