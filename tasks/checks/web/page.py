import json
from collections.abc import Iterator
from typing import Any

from tasks.checks import check
from tasks.checks.judging import Before, Limits, finding
from tasks.model import Finding, Number, Output, Status

FAILED = "立即人工访问确认；检查网站服务、反向代理、域名解析和网络"


@check(
    "web.page",
    title="页面可用性与内容",
    topics=("website", "availability"),
    probe="visit",
    seconds=60,
    limits={"seconds": (3, 10)},
)
def page(output: Output, limits: Limits, before: Before) -> Iterator[Finding]:
    """A name with several addresses is several servers: each has to show the page."""
    said = json.loads(output.text)
    if said["failure"]:
        yield finding("页面", Status.FAIL, said["failure"], advice=FAILED)
        return
    visits = said["visits"]
    for visit in visits:
        subject = "页面" if len(visits) == 1 else f"页面 {visit['address']}"
        secure = str(said["url"]).startswith("https://")
        yield judged(subject, visit, said["wanted"], secure, limits, before)


def judged(
    subject: str, visit: dict[str, Any], wanted: dict[str, Any], secure: bool, limits: Limits, before: Before
) -> Finding:
    seconds = int(visit["total_ms"]) / 1000
    limit = limits.of("seconds")
    stages = [("连接", "connect_ms"), ("TLS", "tls_ms"), ("首字节", "first_ms")]
    times = "、".join(f"{name} {int(visit[key])} ms" for name, key in stages if key in visit)
    problem = wrong(visit, wanted)
    hops = f"，重定向 {len(visit['redirects'])} 次" if visit["redirects"] else ""
    downgraded = secure and any(str(hop).startswith("http://") for hop in visit["redirects"])
    level = Status.FAIL if problem else limit.level(seconds)
    return finding(
        subject,
        Status.worst((level, Status.WARN)) if downgraded else level,
        f"{problem or '状态 ' + str(visit['status'])}，用时 {seconds:.2f} 秒（{times or '未连上'}）{hops}"
        + ("，被重定向到未加密的网址" if downgraded else ""),
        Number("seconds", round(seconds, 3), "s", limit.passed(seconds)),
        change=before.change(subject, "seconds", seconds),
        advice=FAILED if problem else "检查网站响应变慢的环节",
    )


def wrong(visit: dict[str, Any], wanted: dict[str, Any]) -> str:
    if visit["failure"]:
        return str(visit["failure"])
    if int(visit["status"]) != int(wanted["status"]):
        return f"状态 {visit['status']}，应为 {wanted['status']}"
    if wanted["method"] == "HEAD":
        return ""
    if not int(visit["size"]):
        return "内容为空"
    if wanted["marker"] and visit["marker"] is not True:
        return f"页面没有出现应有的文字“{wanted['marker']}”"
    return ""
