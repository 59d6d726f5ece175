import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from tasks.checks import check
from tasks.checks.judging import Before, Limits, finding, unknown
from tasks.model import Finding, Number, Output, Status

# Days before the end at which it is said anew; between them it is known already.
STEPS = (1, 7, 14, 30, 60)


@check(
    "web.certificate",
    title="网站证书",
    topics=("certificate",),
    probe="visit",
    seconds=60,
    limits={"days": (60, 7)},
)
def certificate(output: Output, limits: Limits, before: Before) -> Iterator[Finding]:
    said = json.loads(output.text)
    shown = said["certificates"]
    if said["failure"]:
        yield unknown("证书", said["failure"])
    elif not shown and str(said["url"]).startswith("http://"):
        yield finding("证书", Status.OK, "网址不是 https，没有证书")
    for one in shown:
        subject = "证书" if len(shown) == 1 else f"证书 {one['address']}"
        yield judged(subject, one, output, limits, before)


def judged(subject: str, one: dict[str, Any], output: Output, limits: Limits, before: Before) -> Finding:
    if "until" not in one:
        return unknown(subject, f"TLS 握手失败（{one['problem']}）")
    until = datetime.fromisoformat(one["until"])
    days = (until - output.started_at).total_seconds() / 86400
    step = next((step for step in STEPS if days <= step), 0)
    limit = limits.of("days", falling=True)
    status = Status.FAIL if one["problem"] else limit.level(days)
    last = before.numbers.get((subject, "step"))
    entered = step and last is not None and last != step
    state = f"还有 {days:.0f} 天" if days > 0 else "已过期"
    return finding(
        subject,
        status,
        f"{until.astimezone(output.started_at.tzinfo):%Y-%m-%d} 到期，{state}；"
        f"{one['subject']}，由 {one['issuer']} 签发"
        + (f"；不受信任：{one['problem']}" if one["problem"] else ""),
        Number("days", round(days, 1), "天", limit.passed(days)),
        Number("step", step),
        change=f"进入 {step} 天内" if entered else "",
        advice="更换证书，并检查证书链、域名和各服务器上的部署",
    )
