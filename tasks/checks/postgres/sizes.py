from collections.abc import Iterator

from tasks.checks.answers import Answers, query
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.rows import MIB, number, of_member, text
from tasks.model import Finding, Number

# Both add up the files themselves, so that no statistics can mislead; a large cluster takes its time.
PROBE = """
-- databases role=primary
SELECT datname AS name, pg_database_size(oid) AS bytes FROM pg_database WHERE datallowconn ORDER BY 1
-- tablespaces role=primary
SELECT spcname AS name, pg_tablespace_size(oid) AS bytes FROM pg_tablespace ORDER BY 1
"""
WORDS = {"databases": "库", "tablespaces": "表空间"}


@query(
    "postgres.sizes",
    title="库与表空间大小",
    topics=("database", "datafiles", "tablespace"),
    probe=PROBE,
    seconds=60,
    limits={"mib": (None, None)},
)
def sizes(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    """A tablespace grows until its file system is full, which is `postgres.space`'s; here is how it grows."""
    for kind, word in WORDS.items():
        for member, rows in answers.each(kind):
            for row in rows:
                subject = of_member(member, f"{word} {text(row, 'name')}")
                mib, limit = number(row, "bytes") / MIB, limits.of("mib", subject)
                yield finding(
                    subject,
                    limit.level(mib),
                    f"{mib:.1f} MiB",
                    Number("mib", round(mib, 1), "MiB", limit.passed(mib)),
                    change=before.change(subject, "mib", mib),
                    advice="核对数据增长是否正常，按保留规则归档历史数据",
                )
