import json
from collections.abc import Iterator

from tasks.checks import check
from tasks.checks.judging import Before, Limits, finding
from tasks.model import Finding, Number, Output, Status

WAYS = {"icmp": "ICMP", "tcp": "TCP", "http": "HTTP", "snmp": "SNMP"}


@check("device.reach", title="设备连通", topics=("device",), probe="reach", limits={"ms": (1000, None)})
def reach(output: Output, limits: Limits, before: Before) -> Iterator[Finding]:
    said = json.loads(output.text)
    way, ms = WAYS[said["reach"]], float(said["ms"])
    port = f" {said['port']}" if "port" in said else ""
    if said["failure"]:
        advice = "检查设备电源、网线和地址；现场确认后登记报修"
        yield finding("连通", Status.FAIL, f"{way}{port} {said['failure']}", advice=advice)
        return
    limit = limits.of("ms")
    up = f"，已运行 {float(said['up']) / 86400:.1f} 天" if "up" in said else ""
    restarted = (
        "up" in said
        and before.at is not None
        and float(said["up"]) < (output.started_at - before.at).total_seconds()
    )
    numbers = [Number("up", float(said["up"]), "s")] if "up" in said else []
    yield finding(
        "连通",
        Status.worst((limit.level(ms), Status.WARN if restarted else Status.OK)),
        f"{way}{port} {ms:.1f} ms 应答{up}" + ("，上次检查之后重启过" if restarted else ""),
        Number("ms", ms, "ms", limit.passed(ms)),
        *numbers,
        change="重启过" if restarted else before.change("连通", "ms", ms),
        advice="核对设备是否断电或死机重启" if restarted else "检查网络质量",
    )
