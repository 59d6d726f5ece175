"""Services are stopped from the form: the run waits for two people's codes; another one is aborted."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bench.playbooks_server import ENDS, START, prefect
from tests.e2e.approval_walk import NOTE, Walk
from tests.e2e.browser import CHROMIUM, browser
from tests.installation import Installation
from tests.lab.approvers import FIRST, SECOND, Approvers

PATIENCE = 240


@pytest.fixture(scope="module")
def people(installation: Installation) -> Approvers:
    made = Approvers(installation)
    made.playbook("slow", "none", drain=made.lingering)
    return made


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (Debian: chromium)")
@pytest.mark.timeout(900)  # a dozen processes of a flow and of commands, one after the other
def test_asked_approved_run_and_another_one_aborted(people: Approvers, tmp_path: Path) -> None:
    with browser() as made:
        try:
            seen = Walk(made, people, tmp_path).all()
        except Exception:
            made.picture(tmp_path, "where-it-ended")
            print(*made.refused, sep="\n")
            raise
        assert made.elsewhere == []
    assert [("动态码不正确" in asked, FIRST in asked) for asked in seen.asked] == [
        (False, False),
        (True, False),
        (False, True),
    ]
    assert seen.state == "全部正常" and seen.told == ["stop", "stop"]
    assert FIRST in seen.form and SECOND in seen.form and NOTE in seen.portal
    assert seen.abort_state == "已要求中止" and seen.aborted == "有异常"
    assert "甲方来电" in people.told(people.records()[-1]) and people.touched() == []


def test_an_approval_by_command_wakes_the_run_that_waits(people: Approvers) -> None:
    people.begin_anew()
    run = prefect(people.installation, START, "local/服务启停", "one-stop")
    until_state(people, run, lambda state: state == "Paused")
    assert people.approve("one-stop", FIRST, people.code(FIRST)).code == 0
    until_state(people, run, lambda state: state in ENDS)
    assert people.installation.state(run) == "全部正常" and people.touched() == ["stop", "stop"]


def until_state(people: Approvers, run: str, wanted: Callable[[str], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not wanted(state := people.installation.state(run)):
        assert time.monotonic() < deadline, state
        time.sleep(1)
