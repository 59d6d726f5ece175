"""Approvals: for one plan, in one window, by one person, once; whatever else is refused and recorded."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pyotp
import pytest

from tasks import clock
from tasks.errors import Refused
from tasks.home import Home
from tasks.people.codes import enrol
from tasks.playbooks.approvals import Asked, approve, deny, granted, shortfall, unspent, use
from tasks.playbooks.plan import Plan
from tasks.playbooks.schema import Playbook
from tasks.records import Book

SECRETS = {"审批甲": "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "审批乙": "KRSXG5CTMVRXEZLUKRSXG5CTMVRXEZLU"}
OPERATORS = """\
operators:
  - {name: 审批甲, roles: [approver], contracts: all}
  - {name: 审批乙, roles: [approver], contracts: all}
  - {name: 值班丙, roles: [operator], contracts: all}
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "var", tmp_path / "inventories")
    made.inventories.mkdir()
    (made.inventories / "operators.yml").write_text(OPERATORS, "utf-8")
    made.ready(made.root)
    for name, secret in {**SECRETS, "值班丙": SECRETS["审批甲"]}.items():
        enrol(made, name, secret)
    return made


@pytest.fixture
def book(home: Home) -> Book:
    return Book(home.ready(home.book))


def plan(approval: str = "one", purpose: str = "节前停止") -> Plan:
    step = {"id": "s", "title": "停", "on": ["H"], "do": {"command": "true"}, "prove": [{"command": "true"}]}
    said = {"name": "oa-stop", "title": "停止 OA", "purpose": purpose, "kind": "service", "contract": "oa"}
    made = Playbook.model_validate({**said, "scope": ["H"], "approval": approval, "steps": [step]})
    return Plan(made, (), ())


def code(name: str, steps: int = 0) -> str:
    return pyotp.TOTP(SECRETS[name]).at(clock.now() + timedelta(seconds=30 * steps))


def asked(of: Plan, start: timedelta = timedelta(minutes=-1), end: timedelta = timedelta(hours=1)) -> Asked:
    now = clock.now()
    return Asked(plan=of, start=now + start, end=now + end)


def decisions(book: Book) -> list[str]:
    return [str(entry.record.facts["decision"]) for entry in book.entries(routine="approval")]


def test_one_approval_lets_one_run_begin_and_is_spent_by_it(home: Home, book: Book) -> None:
    of = plan()
    assert "需要 1 人批准，现有效 0 人" in shortfall(home, book, of, clock.now())
    approve(home, book, asked(of), "审批甲", code("审批甲"))
    found = granted(home, book, of, clock.now())
    assert found is not None and [one.by for one in found] == ["审批甲"]
    use(book, of, found, "run-1")
    assert granted(home, book, of, clock.now()) is None and unspent(book, "oa") == []
    assert decisions(book) == ["given", "used"]


def test_two_people_are_two_different_ones(home: Home, book: Book) -> None:
    of = plan("two")
    approve(home, book, asked(of), "审批甲", code("审批甲"))
    with pytest.raises(Refused, match="两个不同的人"):
        approve(home, book, asked(of), "审批甲", code("审批甲", 1))
    assert granted(home, book, of, clock.now()) is None
    assert "现有效 1 人（审批甲）" in shortfall(home, book, of, clock.now())
    approve(home, book, asked(of), "审批乙", code("审批乙"))
    assert len(granted(home, book, of, clock.now()) or ()) == 2
    assert decisions(book) == ["given", "refused", "given"]


def test_what_needs_nobody_asks_nobody(home: Home, book: Book) -> None:
    assert granted(home, book, plan("none"), clock.now()) == []


def test_a_plan_that_changed_since_has_no_approval_and_it_is_said_why(home: Home, book: Book) -> None:
    approve(home, book, asked(plan()), "审批甲", code("审批甲"))
    changed = plan(purpose="别的")
    assert granted(home, book, changed, clock.now()) is None
    assert "审批甲 批准的是另一份计划" in shortfall(home, book, changed, clock.now())


def test_outside_its_window_it_does_not_count(home: Home, book: Book) -> None:
    of = plan()
    approve(home, book, asked(of, timedelta(hours=1), timedelta(hours=2)), "审批甲", code("审批甲"))
    now = clock.now()
    assert "时间窗是" in shortfall(home, book, of, now)
    assert granted(home, book, of, now + timedelta(minutes=90)) is not None
    assert granted(home, book, of, now + timedelta(hours=3)) is None
    # For another window the same person may approve again.
    approve(home, book, asked(of, timedelta(hours=3), timedelta(hours=4)), "审批甲", code("审批甲", 1))


def test_a_window_that_is_over_is_refused(home: Home, book: Book) -> None:
    with pytest.raises(Refused, match="时间窗"):
        approve(home, book, asked(plan(), timedelta(hours=-2), timedelta(hours=-1)), "审批甲", code("审批甲"))
    with pytest.raises(Refused, match="时间窗"):
        approve(home, book, asked(plan(), timedelta(hours=2), timedelta(hours=1)), "审批乙", code("审批乙"))
    assert decisions(book) == ["refused", "refused"]


def test_a_replayed_a_wrong_and_an_unentitled_code_are_refused_and_recorded(home: Home, book: Book) -> None:
    typed = code("审批甲")
    approve(home, book, asked(plan()), "审批甲", typed)
    other = replace(plan(), playbook=plan(purpose="另一份").playbook)
    for by, said in (
        ("审批甲", typed),
        ("审批乙", "000000"),
        ("值班丙", code("审批甲", 1)),
        ("没有此人", typed),
    ):
        with pytest.raises(Refused):
            approve(home, book, asked(other), by, said)
    assert decisions(book) == ["given"] + ["refused"] * 4
    assert granted(home, book, other, clock.now()) is None


def test_who_guesses_is_locked_out(home: Home, book: Book) -> None:
    for number in range(6):
        with pytest.raises(Refused):
            approve(home, book, asked(plan()), "审批乙", f"{number:06d}")
    with pytest.raises(Refused, match="锁定"):
        approve(home, book, asked(plan()), "审批乙", code("审批乙"))
    assert decisions(book) == ["refused"] * 7 and granted(home, book, plan(), clock.now()) is None


def test_a_refusal_makes_void_what_was_approved_of_that_plan(home: Home, book: Book) -> None:
    of, other = plan(), plan(purpose="另一份")
    approve(home, book, asked(of), "审批甲", code("审批甲"))
    approve(home, book, asked(other), "审批甲", code("审批甲", 1))
    deny(home, book, asked(of), "审批乙", code("审批乙"), "现场有任务")
    assert (
        granted(home, book, of, clock.now()) is None and granted(home, book, other, clock.now()) is not None
    )
    denied = [entry.record for entry in book.entries(routine="approval")][-1]
    assert "现场有任务" in denied.summary and denied.started_by == "审批乙"


def test_who_was_taken_off_the_list_has_no_say_any_more(home: Home, book: Book) -> None:
    of = plan()
    approve(home, book, asked(of), "审批甲", code("审批甲"))
    (home.inventories / "operators.yml").write_text(OPERATORS.replace("审批甲", "审批丁"), "utf-8")
    assert granted(home, book, of, clock.now()) is None and "已无审批权" in shortfall(
        home, book, of, clock.now()
    )
