from collections.abc import Iterator
from datetime import datetime

from tasks.checks.answers import Answers, query
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.mysql.counters import NOW
from tasks.model import Finding, Number, Status

# Not a statement of the server's: the engine looks at what it shows in a TLS handshake.
PROBE = f"{NOW}-- shown\nSHOW TLS CERTIFICATE"
SUBJECT = "服务器证书"


@query(
    "mysql.certificate",
    title="服务器证书",
    topics=("database", "certificate"),
    probe=PROBE,
    limits={"days": (30, 7)},
)
def certificate(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    if not (rows := answers.rows("shown")):
        yield finding(SUBJECT, Status.OK, "服务器没有启用 TLS，没有证书")
        return
    (row,) = rows
    until = datetime.fromisoformat(row["until"])
    days = (until.timestamp() - int(answers.row("now")["now"])) / 86400
    limit = limits.of("days", falling=True)
    state = f"还有 {days:.0f} 天" if days > 0 else "已过期，校验证书的客户端都连不上"
    yield finding(
        SUBJECT,
        limit.level(days),
        f"{until:%Y-%m-%d} 到期，{state}；{row['subject']}，由 {row['issuer']} 签发",
        Number("days", round(days, 1), "天", limit.passed(days)),
        advice="换发证书并替换 ssl_cert、ssl_key，再执行 FLUSH SSL 或 ALTER INSTANCE RELOAD TLS",
    )
