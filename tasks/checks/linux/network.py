import re
from collections.abc import Iterator

from tasks.checks import check
from tasks.checks.judging import Before, Limits, finding
from tasks.model import Finding, Number, Output, Status

LINE = re.compile(r" *([^:\s]+): *((?:\d+\s+){15}\d+)\s*", re.ASCII)
# Received: bytes, packets, errors; sent likewise, eight columns on.
COLUMNS = {"rx": 0, "rx_packets": 1, "rx_errors": 2, "tx": 8, "tx_packets": 9, "tx_errors": 10}
MIB = 1024**2


@check(
    "linux.network",
    title="网络流量",
    topics=("network",),
    probe="cat /proc/net/dev",
    limits={"errors": (0.1, 1)},
)
def network(output: Output, limits: Limits, before: Before) -> Iterator[Finding]:
    """Rates between two runs. Counters that went back were reset by a restart, and give none."""
    lines = output.lines
    if not (lines and lines[0].startswith("Inter-|")):
        raise ValueError(output.text)
    used = 0
    for line in lines[2:]:
        found = LINE.fullmatch(line)
        if found is None:
            raise ValueError(line)
        values = [int(text) for text in found[2].split()]
        now = {name: values[column] for name, column in COLUMNS.items()}
        if found[1] != "lo" and now["rx_packets"] + now["tx_packets"]:
            used += 1
            yield interface(found[1], now, output, limits, before)
    if not used:
        yield finding("网络接口", Status.OK, "除本地回环外没有收发过数据的接口")


def interface(name: str, now: dict[str, int], output: Output, limits: Limits, before: Before) -> Finding:
    then = {key: before.numbers[name, key] for key in now if (name, key) in before.numbers}
    counters = [Number(key, value, "B" if key in ("rx", "tx") else "个") for key, value in now.items()]
    seconds = (output.started_at - before.at).total_seconds() if before.at else 0
    if len(then) < len(now) or seconds < 1 or any(now[key] < then[key] for key in now):
        reset = bool(then) and seconds >= 1
        return finding(
            name, Status.OK, "计数器已重置，下次起计算速率" if reset else "首次，下次起计算速率", *counters
        )
    moved = {key: now[key] - then[key] for key in now}
    packets = moved["rx_packets"] + moved["tx_packets"]
    errors = moved["rx_errors"] + moved["tx_errors"]
    share = 100 * errors / (packets + errors) if errors else 0.0
    limit = limits.of("errors", name)
    rates = {key: moved[key] / seconds / MIB for key in ("rx", "tx")}
    return finding(
        name,
        limit.level(share),
        f"平均接收 {rates['rx']:.3f} MiB/s，发送 {rates['tx']:.3f} MiB/s，错误 {errors} 个（{share:.2f}%）",
        Number("errors", round(share, 3), "%", limit.passed(share)),
        Number("rx_rate", round(rates["rx"], 4), "MiB/s"),
        Number("tx_rate", round(rates["tx"], 4), "MiB/s"),
        *counters,
        change=before.change(name, "rx_rate", rates["rx"]),
        advice="核对网线、光模块和交换机端口，查看 ip -s link 的错误种类",
    )
