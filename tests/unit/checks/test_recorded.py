"""Every check against what real systems answer, and against what is no answer at all."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.checks import CHECKS, Check
from tasks.checks.judging import Before, Limits
from tasks.inspection.judge import judge
from tasks.inspection.recording import told
from tasks.model import Finding, Status
from tests.unit.checks.recorded import HERE, Case, cases, output

CASES = cases()
ALL = list(CHECKS.all().values())
# There was no system of this kind to record: every case of it is made up, and says so.
NO_REAL_ONE = {"oracle", "trend", "windows"}
UNSOUND = {Status.UNKNOWN, Status.FAIL}
# What a screen full of noise, another language's message or a broken line looks like.
GARBAGE = [
    "",
    "\n\n \n",
    "sh: 1: df: not found\n",
    "bash: 没有那个文件或目录\n",
    "\ufffd\ufffd\ufffd: \ufffd\ufffd\n",
    "bash: 没有那个文件或目录\n".encode("gbk").decode("utf-8", "replace"),
    "\x00\x01\x02\x1b[31m",
    "nan nan nan 1/2 3\n4\n",
    "inf inf\n",
    "MemTotal: 0 kB\nMemAvailable: 0 kB\n",
    "[" * 100_000,
    "[]",
    "[{}]",
    "[null]",
    "{}",
    "1e999",
    "9" * 5000,
]


def findings(check: Check, text: str, stderr: str = "", exit_code: int | None = 0) -> list[Finding]:
    return judge(check, output(text, stderr, exit_code), Limits(check.limits), Before())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_recorded_answer_gives_its_findings(case: Case) -> None:
    assert [told(found) for found in case.findings()] == case.said["findings"]


def test_every_check_has_cases_and_every_case_a_check() -> None:
    recorded = {case.check.name for case in CASES}
    assert recorded == {check.name for check in ALL}
    texts = {path.with_suffix("") for path in HERE.glob("*.*/*.txt")}
    assert texts == {path.with_suffix("") for path in HERE.glob("*.*/*.json")}


def test_each_check_has_an_answer_that_was_recorded_and_one_that_is_not_ok() -> None:
    real = {case.check.name for case in CASES if not case.said.get("synthetic")}
    assert real >= {check.name for check in ALL if check.kind not in NO_REAL_ONE}
    bad = {
        case.check.name for case in CASES if {f["status"] for f in case.said["findings"]} & {"warn", "fail"}
    }
    assert bad == {check.name for check in ALL}


# One test a check, not one a text: thousands of tests take a minute to be counted alone.
@pytest.mark.parametrize("check", ALL, ids=lambda check: check.name)
def test_what_is_no_answer_is_unknown(check: Check) -> None:
    seen = {text[:20]: {found.status for found in findings(check, text)} for text in GARBAGE}
    assert seen == {text: {Status.UNKNOWN} for text in seen}


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.name)
def test_silence_is_unknown_and_says_why(check: Check) -> None:
    (found,) = (
        findings(check, "", "Permission denied\n", 1) if check.kind != "sqlite" else findings(check, "")
    )
    assert found.status in UNSOUND and found.advice


def test_a_probe_that_ended_badly_is_never_all_ok() -> None:
    sound = [
        case.name
        for case in CASES
        if not {found.status for found in findings(case.check, case.text, "boom", 1)} & UNSOUND
    ]
    assert not sound


def test_an_answer_that_did_not_arrive_whole_is_not_judged() -> None:
    for case in CASES:
        (found,) = judge(case.check, output(case.text, failure="cut"), Limits(case.check.limits), Before())
        assert found.status is Status.UNKNOWN and "cut" in found.summary, case.name


@settings(max_examples=150, deadline=None)
@given(check=st.sampled_from(ALL), text=st.text(max_size=300), stderr=st.text(max_size=50))
def test_any_text_is_judged_without_a_crash_and_never_ok(check: Check, text: str, stderr: str) -> None:
    found = findings(check, text, stderr)
    assert found
    assert text.strip() == "no" or {one.status for one in found} & UNSOUND


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_a_damaged_answer_is_judged_without_a_crash(data: st.DataObject) -> None:
    """A recorded answer with a piece taken out, doubled or replaced."""
    case = data.draw(st.sampled_from(CASES))
    text = case.text
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 40)))
    middle = data.draw(st.one_of(st.just(""), st.just(text[start:end] * 2), st.text(max_size=20)))
    for found in findings(case.check, text[:start] + middle + text[end:]):
        assert found.summary and found.subject
        assert all(char.isprintable() or char.isspace() for char in found.summary)
        assert (found.status is Status.OK) == (not found.advice)
