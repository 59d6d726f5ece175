from collections.abc import Iterator

from tasks.checks.answers import Answers, query
from tasks.checks.baselines import compared
from tasks.checks.judging import Before, Limits, finding
from tasks.checks.oracle.containers import both, containers, name
from tasks.checks.rows import text
from tasks.model import Finding, Number, Status

INVALID = "SELECT con_id, owner, object_type, object_name FROM cdb_objects WHERE status = 'INVALID'"


@query(
    "oracle.objects",
    title="失效对象",
    topics=("database", "integrity"),
    probe=containers() + both("rows", INVALID),
    seconds=30,
    baseline=("invalid",),
)
def objects(answers: Answers, limits: Limits, before: Before) -> Iterator[Finding]:
    """Old databases have some that nobody uses: against those a named person knows. None needs nobody."""
    words = [
        f"{text(row, 'owner')}.{text(row, 'object_name')} {text(row, 'object_type')}"
        for row in answers.rows()
    ]
    items = {name(answers, row, word) for row, word in zip(answers.rows(), words, strict=True)}
    if items:
        yield from compared("invalid", "失效对象", items, before)
    else:
        marks = {"invalid": ""}
        yield finding("失效对象", Status.OK, "没有失效对象", Number("items", 0, "个"), marks=marks)
