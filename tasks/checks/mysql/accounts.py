from collections.abc import Iterator

from tasks.checks.answers import Answers, query
from tasks.checks.baselines import compared
from tasks.checks.judging import Before, Limits, finding
from tasks.model import Finding, Number, Status

# No column that holds a password, or a proof of one.
PROBE = "SELECT user, host, super_priv FROM mysql.user ORDER BY user, host"
MARK = "administrators"


@query(
    "mysql.accounts",
    title="账户",
    topics=("database", "accounts", "security"),
    probe=PROBE,
    baseline=(MARK,),
)
def accounts(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    rows = [(str(row["user"]), str(row["host"]), row["super_priv"] == "Y") for row in answers.rows()]
    if not rows:
        raise ValueError("mysql.user")
    nameless = [host for user, host, _ in rows if not user]
    anywhere = [user for user, host, mighty in rows if mighty and user and "%" in host]
    found = [
        *([f"匿名账户 {len(nameless)} 个"] if nameless else []),
        *([f"可从任意地址登录的管理账户：{'、'.join(sorted(set(anywhere)))}"] if anywhere else []),
    ]
    yield finding(
        "远程管理账户",
        Status.FAIL if nameless else Status.WARN if anywhere else Status.OK,
        "；".join(found) or f"共 {len(rows)} 个账户，没有匿名账户，管理账户都限定了来源",
        Number("anywhere", len(set(anywhere)), "个"),
        Number("nameless", len(nameless), "个"),
        advice="删除匿名账户（DROP USER ''@'…'），将管理账户的来源限定为本机或运维机",
    )
    mighty = {f"{user}@{host}" for user, host, mighty in rows if mighty}
    yield from compared(MARK, "管理账户", mighty, before)
