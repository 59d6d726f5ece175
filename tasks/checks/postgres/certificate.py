from collections.abc import Iterator
from datetime import datetime

from tasks.checks.answers import Answers, Member, query
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.rows import of_member, text
from tasks.model import Finding, Number, Status

PROBE = """
-- now on=each
SELECT clock_timestamp() AS now
-- shown on=each
SHOW TLS CERTIFICATE
"""


@query(
    "postgres.certificate",
    title="服务器证书",
    topics=("database", "certificate"),
    probe=PROBE,
    limits={"days": (30, 7)},
)
def certificate(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    for member, rows in answers.each("shown"):
        subject = of_member(member, "证书")
        if rows:
            yield judged(subject, member, limits)
        else:
            yield finding(subject, Status.OK, "没有启用加密连接，没有证书")


def judged(subject: str, member: Member, limits: Limits) -> Finding:
    row = member.row("shown")
    until = datetime.fromisoformat(text(row, "until"))
    days = (until - datetime.fromisoformat(text(member.row("now"), "now"))).total_seconds() / 86400
    limit = limits.of("days", falling=True)
    state = f"还有 {days:.0f} 天" if days > 0 else "已过期，校验证书的客户端无法连接"
    return finding(
        subject,
        Status.FAIL if days <= 0 else limit.level(days),
        f"{until:%Y-%m-%d} 到期，{state}；{row['subject']}，由 {row['issuer']} 签发",
        Number("days", round(days, 1), "天", limit.passed(days)),
        advice="更换 ssl_cert_file 指向的证书和私钥，执行 pg_reload_conf()",
    )
