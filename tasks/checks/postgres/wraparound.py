from collections.abc import Iterator

from tasks.checks.answers import Answers, query
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.rows import number, of_member, text
from tasks.model import Finding, Number

# openGauss counts its transactions in 64 bits.
PROBE = """
-- rows role=primary flavour=postgres,kingbase,highgo,other
SELECT datname AS name, age(datfrozenxid) AS xids, mxid_age(datminmxid) AS multixacts
FROM pg_database ORDER BY 1
"""
# Where the server refuses to write.
END = 2**31
ADVICE = "查明 autovacuum 为何没有冻结（长事务、复制槽、两阶段事务），在业务低谷执行 VACUUM FREEZE"
KINDS = {"xids": "事务号", "multixacts": "多事务号"}


@query(
    "postgres.wraparound",
    title="事务号回卷",
    topics=("database", "integrity"),
    probe=PROBE,
    limits={"percent": (30, 60)},
)
def wraparound(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    """autovacuum starts at 10 % of it unless told otherwise: three times that means it does not get on."""
    for member, rows in answers.each():
        for row in rows:
            subject = of_member(member, f"库 {text(row, 'name')}")
            used = {words: 100 * number(row, column) / END for column, words in KINDS.items()}
            words, percent = max(used.items(), key=lambda one: one[1])
            limit = limits.of("percent", subject)
            yield finding(
                subject,
                limit.level(percent),
                f"最老的{words}已用到回卷界限的 {percent:.1f}%",
                Number("percent", round(percent, 2), "%", limit.passed(percent)),
                change=before.change(subject, "percent", percent),
                advice=ADVICE,
            )
