"""Services started and stopped by the routine, on this machine: approved, rehearsed, broken off, aborted."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyotp
import pytest

from flows.routine import Closed, Request, perform
from flows.service import SERVICE
from tasks import clock
from tasks.errors import Refused
from tasks.home import CODE, Home
from tasks.inventory import load
from tasks.model import Mode, Outcome, Status
from tasks.people.codes import enrol
from tasks.playbooks import library
from tasks.playbooks.approvals import Asked, approve
from tasks.playbooks.plan import made
from tasks.playbooks.runs import left
from tasks.records import Book
from tests.unit.flows.installed import install

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
SERVICE_LINE = """\
  - name: {name}
    on: [localhost]
    service: {name}
    how: script
    scripts:
      start: "{start}"
      stop: "echo stop >> {folder}/{name}.stops; {slow}rm {folder}/{name}"
      status: "test -e {folder}/{name}"
    needs: [{needs}]
    start_within: {start_within}
    stop_within: {within}
"""
HEAD = "name: {list}\ntitle: {list}\npurpose: 试\ncontract: local\napproval: {approval}\nservices:\n"


@dataclass
class Place:
    home: Home
    folder: Path

    @property
    def book(self) -> Book:
        return Book(self.home.book)

    def services(
        self,
        name: str,
        *,
        approval: str = "none",
        slow: str = "",
        start: str = "",
        within: str = "5s",
        start_within: str = "3s",
    ) -> None:
        """`<name>-app` needs `<name>-db`; each is a file that is there while it runs."""
        text = HEAD.format(list=name, approval=approval)
        for one, needs in ((f"{name}-app", f"{name}-db"), (f"{name}-db", "")):
            begin = start if start and one.endswith("app") else f"touch {self.folder}/{one}"
            held = slow if one.endswith("app") else ""
            text += SERVICE_LINE.format(
                name=one,
                start=begin,
                slow=held,
                folder=self.folder,
                needs=needs,
                within=within,
                start_within=start_within,
            )
        path = self.home.playbooks / "services" / f"{name}.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")

    def running(self) -> set[str]:
        return {path.name for path in self.folder.iterdir() if not path.suffix}

    def run(self, *names: str, rehearse: bool = False, **asked: str) -> Closed:
        said = {"contract": "local", "started_by": "试", "only": names, "note": "工单一"}
        return perform(self.home, SERVICE, Request(**said, rehearse=rehearse, asked=asked))  # type: ignore[arg-type]

    def begin(self, *words: str, later: str = "") -> "subprocess.Popen[bytes]":
        """`later`: by how much its clock is ahead."""
        environment = {
            **os.environ,
            "OPSPROOF_HOME": str(self.home.root),
            "OPSPROOF_INVENTORIES": str(self.home.inventories),
        }
        command = [*(("faketime", "-f", later) if later else ()), sys.executable, "-m", "flows.cli", *words]
        quiet = subprocess.DEVNULL
        return subprocess.Popen(
            command,
            cwd=CODE,
            env=environment,
            stdin=quiet,
            stdout=quiet,
            stderr=quiet,
            # What is started in the background of a shell ignores Ctrl-C.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def command(self, *words: str) -> int:
        return self.begin(*words).wait(120)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    home = install(tmp_path)
    (home.inventories / "operators.yml").write_text(
        "operators:\n  - {name: 审批甲, roles: [operator, approver], contracts: all}\n", "utf-8"
    )
    enrol(home, "审批甲", SECRET)
    folder = tmp_path / "services"
    folder.mkdir()
    return Place(home, folder)


def approved(place: Place, name: str) -> None:
    plan = made(library.named(place.home, "local", name), load(place.home.inventories, "local"))
    now = clock.now()
    asked = Asked(plan=plan, start=now, end=now + timedelta(hours=1))
    approve(place.home, place.book, asked, "审批甲", pyotp.TOTP(SECRET).at(now))


def until(true: Callable[[], Any], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def ends(closed: Closed) -> list[str]:
    return list(closed.entry.record.facts["ends"].values())  # type: ignore[union-attr]


def test_started_in_order_stopped_in_reverse_and_told_before_and_after(place: Place) -> None:
    place.services("oa")
    started = place.run("oa-start")
    assert ends(started) == ["done"] and started.entry.record.outcome is Outcome.OK
    assert place.running() == {"oa-app", "oa-db"}
    assert [found.subject for found in started.findings] == ["启动 oa-db", "启动 oa-app"]
    stopped = place.run("oa-stop")
    moves = [found for found in stopped.findings if found.check == "service"]
    assert place.running() == set() and [one.subject for one in moves] == ["停止 oa-app", "停止 oa-db"]
    assert all("在运行 → " in one.summary for one in moves)
    names = {evidence.name for evidence in stopped.entry.record.evidence}
    assert {"findings.json", "operations.json"} <= names and any(name.endswith(".docx") for name in names)
    assert list(left(place.home, place.book)) == []
    # What is right already is not sent again.
    again = [found for found in place.run("oa-stop").findings if found.check == "service"]
    assert all("原已如此" in found.summary for found in again)
    assert (place.folder / "oa-app.stops").read_text() == "stop\n"


def test_without_approval_nothing_is_touched_and_that_is_recorded(place: Place) -> None:
    place.services("oa", approval="one")
    refused = place.run("oa-start")
    assert ends(refused) == ["no_go"] and place.running() == set()
    assert "需要 1 人批准" in refused.findings[0].summary and refused.findings[0].status is Status.FAIL
    approved(place, "oa-start")
    done = place.run("oa-start")
    assert ends(done) == ["done"] and done.entry.record.facts["approved_by"] == ["审批甲"]
    # Spent: the next run needs its own.
    assert ends(place.run("oa-start")) == ["no_go"]


def test_a_playbook_edited_after_the_approval_does_not_run(place: Place) -> None:
    place.services("oa", approval="one")
    approved(place, "oa-start")
    place.services("oa", approval="one", start=f"touch {place.folder}/other")
    refused = place.run("oa-start")
    assert ends(refused) == ["no_go"] and "另一份计划" in refused.findings[0].summary
    assert place.running() == set()


def test_a_rehearsal_shows_every_command_and_changes_nothing(place: Place) -> None:
    place.services("oa", approval="two")
    rehearsed = place.run("oa-start", rehearse=True)
    assert ends(rehearsed) == ["rehearsed"] and place.running() == set()
    assert rehearsed.entry.record.mode is Mode.REHEARSAL
    assert all(f"touch {place.folder}/" in found.summary for found in rehearsed.findings)


def test_behind_one_that_failed_the_next_is_not_begun(place: Place) -> None:
    place.services("oa", start="exit 3")
    place.services("mail")
    closed = place.run("oa-start", "mail-start")
    assert ends(closed) == ["stopped"] and place.running() == {"oa-db"}
    assert "退出码 3" in " ".join(found.summary for found in closed.findings)
    assert [found.subject for found in closed.findings if found.summary == "前一份手册没有完成，未执行"] == [
        "启动 mail"
    ]


def test_what_was_killed_is_gone_on_with_and_nothing_else_is_begun_before(place: Place) -> None:
    place.services("oa", slow="sleep 2; ")
    place.run("oa-start")
    process = place.begin("playbook", "run", "oa-stop", "--contract", "local")
    until((place.folder / "oa-app.stops").exists)
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    (begun,) = left(place.home, place.book)
    with pytest.raises(Refused, match="尚未结束"):
        place.run("oa-start")
    closed = place.run(resume=begun.run_id)
    assert ends(closed) == ["done"] and place.running() == set()
    assert list(left(place.home, place.book)) == []


@pytest.mark.skipif(shutil.which("faketime") is None, reason="faketime is not installed")
def test_past_what_was_approved_a_broken_run_goes_back(place: Place) -> None:
    place.services("oa", slow="sleep 4; ", within="8s")
    place.run("oa-start")
    place.services("oa", approval="one", slow="sleep 4; ", within="8s")
    approved(place, "oa-stop")
    process = place.begin("playbook", "run", "oa-stop", "--contract", "local")
    until((place.folder / "oa-app.stops").exists)
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    time.sleep(6)  # two hours later what had been sent is over, one way or the other
    (begun,) = left(place.home, place.book)
    assert place.begin("playbook", "resume", begun.run_id, later="+2h").wait(120) == 1
    (closed,) = place.book.entries(routine="service", newest_first=True, limit=1)
    assert closed.record.facts["ends"] == {begun.run_id: "undone"}
    assert place.running() == {"oa-app", "oa-db"}


def test_aborted_by_command_it_stops_within_two_seconds_and_undoes(place: Place) -> None:
    place.services("oa", slow="sleep 8; ", within="60s")
    place.run("oa-start")
    process = place.begin("playbook", "run", "oa-stop", "--contract", "local")
    until((place.folder / "oa-app.stops").exists)
    (begun,) = left(place.home, place.book)
    assert place.command("abort", begun.run_id, "--by", "没有此人") == 1
    assert place.command("abort", begun.run_id, "--by", "审批甲", "--reason", "甲方来电") == 0
    assert process.wait(30) == 1
    (closed,) = place.book.entries(routine="service", newest_first=True, limit=1)
    assert closed.record.facts["ends"] == {begun.run_id: "undone"}
    journal = next(one for one in closed.record.evidence if one.name.endswith(".jsonl"))
    lines = [json.loads(line) for line in place.book.read(journal).splitlines()]
    noticed = clock.parse(next(line["at"] for line in lines if line["event"] == "aborted"))
    asked_at = clock.parse(
        next(line["reason"] for line in lines if line["event"] == "aborted")[:19]
    ).timestamp()
    assert noticed.timestamp() - asked_at < 3  # what was asked for is written in whole seconds
    assert place.running() == {"oa-app", "oa-db"}


def test_ctrl_c_undoes_what_was_done(place: Place) -> None:
    place.services("oa", slow="sleep 8; ", within="60s")
    place.run("oa-start")
    process = place.begin("playbook", "run", "oa-stop", "--contract", "local")
    until((place.folder / "oa-app.stops").exists)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 1
    (closed,) = place.book.entries(routine="service", newest_first=True, limit=1)
    assert list(closed.record.facts["ends"].values()) == ["undone"]  # type: ignore[union-attr]
    assert place.running() == {"oa-app", "oa-db"}


def test_what_cannot_be_gone_on_with_is_closed_by_people(place: Place) -> None:
    place.services("oa", slow="sleep 2; ")
    place.run("oa-start")
    process = place.begin("playbook", "run", "oa-stop", "--contract", "local")
    until((place.folder / "oa-app.stops").exists)
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    (begun,) = left(place.home, place.book)
    assert place.command("playbook", "runs") == 1
    assert place.command("playbook", "close", begun.run_id, "--by", "审批甲", "--reason", "现场已核对") == 0
    assert list(left(place.home, place.book)) == [] and place.command("playbook", "runs") == 0
    (closed,) = place.book.entries(routine="service", newest_first=True, limit=1)
    assert closed.record.outcome is Outcome.FAILED and "现场已核对" in closed.record.summary


def test_of_two_playbooks_nothing_is_begun_before_both_are_approved(place: Place) -> None:
    place.services("oa")
    place.services("mail", approval="one")
    closed = place.run("oa-start", "mail-start")
    assert ends(closed) == ["no_go"] and place.running() == set()
    assert closed.entry.record.reached == 0 and set(closed.entry.record.not_reached) == {"localhost"}


def test_two_broken_runs_of_one_request_are_each_told_as_they_ended(place: Place) -> None:
    # Far more than it takes: a busy machine's second would be an end of another kind.
    times = {"within": "60s", "start_within": "60s"}
    place.services("oa", slow="sleep 2; ", start=f"sleep 2; touch {place.folder}/oa-app", **times)
    place.run("oa-start")
    process = place.begin("playbook", "run", "oa-stop", "oa-start", "oa-stop", "--contract", "local")
    until(lambda: len(list(left(place.home, place.book))) == 2)
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    assert place.command("playbook", "resume") == 1  # what was never begun is a finding
    one, two = [entry.record for entry in place.book.entries(routine="service")][-2:]
    told = [(*record.facts["ends"].values(), record.summary) for record in (one, two)]  # type: ignore[union-attr]
    assert [end for end, _ in told] == ["done", "done"], told
    assert (
        place.running() == {"oa-app", "oa-db"} and one.not_reached == () and two.not_reached == ("localhost",)
    )
    assert one.started_at < two.started_at < two.ended_at and "接续" in two.started_by


def test_one_run_that_cannot_be_read_stops_no_other_and_is_closed_by_people(place: Place) -> None:
    place.services("oa")
    folder = place.home.ready(place.home.run / "playbooks" / "broken")
    (folder / "begun.json").write_text("{", "utf-8")
    assert ends(place.run("oa-start")) == ["done"]
    assert place.command("playbook", "runs") == 1
    words = ("playbook", "close", "broken", "--by", "审批甲", "--reason", "现场已核对", "--contract", "local")
    assert place.command(*words) == 0 and place.command("playbook", "runs") == 0


def test_an_approval_refused_by_a_broken_calendar_of_changes_touches_nothing(place: Place) -> None:
    place.services("oa")
    (place.home.inventories / "local" / "changes.yml").write_text("windows: [oops]", "utf-8")
    closed = place.run("oa-start")
    assert ends(closed) == ["no_go"] and place.running() == set()
    assert any(found.status is Status.UNKNOWN for found in closed.findings)


def test_a_name_that_is_not_there_is_refused_with_those_that_are(place: Place) -> None:
    place.services("oa")
    with pytest.raises(Refused, match="oa-start"):
        place.run("oa-strat")
    with pytest.raises(Refused, match="oa-stop"):
        place.run()
