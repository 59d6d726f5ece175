"""Approvals that are none, for `make show-playbooks`: each by the command line, refused and in the book, and
no service told anything; two hundred guessed codes; and approvals that are some.
"""

import tempfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

from tasks import clock
from tasks.errors import Refused
from tasks.inventory import load
from tasks.playbooks import library
from tasks.playbooks.approvals import Asked, approve
from tasks.playbooks.plan import made
from tests.bench.show import Item
from tests.installation import Installation
from tests.lab.approvers import FIRST, OPERATOR, SECOND, Answer, Approvers

GUESSES, BY_COMMAND = 200, 8
# What has to be in the book for each: the decision of an approval, or the outcome of a run.
Case = Callable[[Approvers], Iterator[tuple[str, Answer, str]]]


def approvals() -> Iterator[Item]:
    with tempfile.TemporaryDirectory() as folder:
        people = Approvers(Installation(Path(folder)))
        ready = people.said("inventory", "activate", "local", "--yes")
        assert ready.code == 0, ready.text
        for case in CASES:
            for name, answer, words in case(people):
                yield refused(name, answer, words, people)
        yield from approved(people)
        yield brute_force(people)


def refused(name: str, answer: Answer, words: str, people: Approvers) -> Item:
    touched, told = people.touched(), answer.recorded or "nothing"
    right = answer.code == 1 and words in answer.recorded and not touched
    return Item(
        name,
        f"exit {answer.code}; in the book: {told}; services told {len(touched)} times",
        f"exit 1, in the book with “{words}”, no service told",
        right,
    )


def wrong_people(people: Approvers) -> Iterator[tuple[str, Answer, str]]:
    yield "a run that nobody approved", people.run("two-stop"), "需要 2 人批准，现有效 0 人"
    answer = people.approve("two-stop", OPERATOR, people.code(OPERATOR))
    yield "approved by somebody who may not", answer, "未被接受"
    code = people.code(FIRST)
    given = people.approve("two-stop", FIRST, code)
    assert given.code == 0, given.text
    yield "a code used twice", people.approve("one-stop", FIRST, code), "已使用过"
    again = people.approve("two-stop", FIRST, people.code(FIRST))
    yield "the same person twice", again, "两个不同的人"
    yield "a run that one of two approved", people.run("two-stop"), f"现有效 1 人（{FIRST}）"


def wrong_plans(people: Approvers) -> Iterator[tuple[str, Answer, str]]:
    given = people.approve("one-stop", SECOND, people.code(SECOND))
    assert given.code == 0, given.text
    yield "approved for another plan", people.run("one-start"), "需要 1 人批准，现有效 0 人"
    people.playbook("one", "one", drain="echo more")
    yield "the plan edited after it was approved", people.run("one-stop"), "另一份计划"
    people.playbook("one", "one")
    denied = people.said(
        *("playbook", "deny", "one-stop", "--contract", "local", "--by", FIRST, "--reason", "改期"),
        typed=people.code(FIRST),
    )
    assert denied.code == 0, denied.text
    yield "approved, then denied by another", people.run("one-stop"), "现有效 0 人"


def wrong_times(people: Approvers) -> Iterator[tuple[str, Answer, str]]:
    past = clock.now() - timedelta(minutes=1)
    answer = people.approve("one-stop", SECOND, people.code(SECOND), past - timedelta(hours=1), past)
    yield "a window that is over", answer, "时间窗已过"
    soon = clock.now() + timedelta(hours=1)
    early = people.approve("one-stop", SECOND, people.code(SECOND), soon, soon + timedelta(hours=1))
    assert early.code == 0, early.text
    yield "run before its window", people.run("one-stop"), "时间窗是"


CASES: tuple[Case, ...] = (wrong_people, wrong_plans, wrong_times)


def approved(people: Approvers) -> Iterator[Item]:
    """The good case, and that it was good once."""
    given = people.approve("two-stop", SECOND, people.code(SECOND))
    ran = people.run("two-stop")
    right = (given.code, ran.code) == (0, 0) and people.touched() == ["stop", "stop"]
    yield Item(
        "approved by two different people",
        f"exit {ran.code}; {ran.recorded}",
        "exit 0, both services stopped",
        right and not any(one.runs() for one in people.services),
    )
    again = people.run("two-stop")
    yield Item(
        "run again on approvals that are spent",
        f"exit {again.code}; {again.recorded}",
        "exit 1, refused and in the book",
        again.code == 1 and "现有效 0 人" in again.recorded and people.touched() == ["stop", "stop"],
    )


def brute_force(people: Approvers) -> Item:
    """Guesses at one person's code; then the right one, while it is locked; and another person's."""
    before = len(people.records())
    plan = made(library.named(people.home, "local", "one-start"), load(people.home.inventories))
    now = clock.now()
    asked = Asked(plan=plan, start=now, end=now + timedelta(hours=1))
    taken = 0
    for number in range(GUESSES):
        if number < BY_COMMAND:
            taken += people.approve("one-start", FIRST, people.wrong(FIRST, number)).code == 0
            continue
        try:
            approve(people.home, people.book, asked, FIRST, people.wrong(FIRST, number))
            taken += 1
        except Refused:
            pass
    right = people.approve("one-start", FIRST, people.code(FIRST))
    told = [one for one in people.records()[before:] if one.facts.get("decision") == "refused"]
    other = people.approve("one-start", SECOND, people.code(SECOND))
    count = f"{taken} taken, {len(told)} in the book"
    return Item(
        f"{GUESSES} guessed codes ({BY_COMMAND} of them by the command), then the right one",
        f"{count}; the right one: {right.recorded}; another's: exit {other.code}",
        f"0 taken, {GUESSES + 1} in the book, the right one locked out, another's taken",
        (taken, len(told), right.code, other.code) == (0, GUESSES + 1, 1, 0) and "锁" in right.recorded,
    )


SHOWS = [approvals]
