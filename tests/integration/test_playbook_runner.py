"""The engine on this machine: forward, back, aborted, gone on with from wherever it can die."""

import json
import threading
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tasks import clock
from tasks.errors import Refused
from tasks.home import Home
from tasks.inventory.credentials import Keyring
from tasks.model import Host
from tasks.playbooks import NotDone, Site, abort
from tasks.playbooks.journal import Event, Journal
from tasks.playbooks.plan import Move, Plan, look, moves, place
from tasks.playbooks.runner import End, Result, Runner
from tasks.playbooks.schema import Playbook
from tasks.transports import Access

HERE = Host(contract="lab", part="app", name="HERE", os="linux", transport="local")


def step(folder: Path, name: str, **more: Any) -> dict[str, Any]:
    """Makes a file, counts how often it was told to, and can take the file away again."""
    path = folder / name
    return {
        "id": name,
        "title": f"建立 {name}",
        "on": ["HERE"],
        "do": {"command": f"echo x >> {path}.count; touch {path}"},
        "prove": [{"command": f"test -e {path}"}],
        "undo": {"command": f"rm -f {path}"},
        "undone": [{"command": f"test ! -e {path}"}],
        "limit": "2s",
        **more,
    }


def plan_of(*steps: dict[str, Any], **more: Any) -> Plan:
    said = {
        "name": "p",
        "title": "试",
        "purpose": "试",
        "kind": "change",
        "contract": "lab",
        "scope": ["HERE"],
        "steps": steps,
        **more,
    }
    playbook = Playbook.model_validate(said)
    checks = tuple((one.title, look(p, HERE)) for one in playbook.checks for p in one.prove)
    made: list[Move] = list(moves(playbook.steps, {"HERE": HERE}))
    return Plan(playbook, checks, tuple(made))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "var", tmp_path / "inventories")


def runner(home: Home, plan: Plan, said: list[str] | None = None, **more: Any) -> Runner:
    site = Site(
        home=home,
        contract="lab",
        targets={"HERE": HERE},
        access=Access(Keyring(home)),
        say=(said if said is not None else []).append,
    )
    return Runner(plan, site, Journal(home, "run"), **more)


def test_everything_is_done_once_and_proved(home: Home, tmp_path: Path) -> None:
    plan = plan_of(step(tmp_path, "one"), step(tmp_path, "two"))
    assert runner(home, plan).run().end is End.DONE
    assert (tmp_path / "two").exists()
    # A second run of the same journal does nothing: it has ended.
    events = [line["event"] for line in Journal(home, "run").lines()]
    assert events.count("before") == 2 and events[-1] == "ended"


def test_what_is_right_already_is_not_touched_and_not_undone(home: Home, tmp_path: Path) -> None:
    (tmp_path / "one").touch()
    bad = step(tmp_path, "two", do={"command": "exit 3"})
    result = runner(home, plan_of(step(tmp_path, "one"), bad)).run()
    assert result.end is End.UNDONE and "退出码 3" in result.reason
    assert (tmp_path / "one").exists() and not (tmp_path / "one.count").exists()


def test_no_go_changes_nothing(home: Home, tmp_path: Path) -> None:
    check = {"title": "从未有过", "on": ["HERE"], "prove": [{"command": "test -e /nowhere"}]}
    result = runner(home, plan_of(step(tmp_path, "one"), checks=[check])).run()
    assert result.end is End.NO_GO and not (tmp_path / "one").exists()
    ((title, target, seen),) = result.looked
    assert "从未有过" in title and target == "HERE" and seen.holds == "no"


def test_behind_the_point_of_no_return_it_stops(home: Home, tmp_path: Path) -> None:
    bad = step(tmp_path, "three", do={"command": "exit 3"})
    plan = plan_of(step(tmp_path, "one"), step(tmp_path, "two", no_return=True), bad)
    result = runner(home, plan).run()
    assert result.end is End.STOPPED and "不可撤销" in result.reason
    assert (tmp_path / "one").exists() and (tmp_path / "two").exists()
    assert [seen.holds for _, seen in result.standing] == ["yes", "yes", "no"]


def test_another_plan_does_not_go_on(home: Home, tmp_path: Path) -> None:
    first = runner(home, plan_of(step(tmp_path, "one")))
    first.journal.write(Event.BEGUN, digest="other")
    with pytest.raises(Exception, match="计划与中断前的不同"):
        first.run()


def aborted(home: Home, made: Runner, after: float) -> tuple[Result, float]:
    """How it ended, and how many seconds after the abort it took notice."""
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(made.run()))
    thread.start()
    time.sleep(after)
    asked = clock.now()
    abort.ask(home, "run", "值班甲")
    thread.join(20)
    noticed = Journal(home, "run").said(Event.ABORTED)
    assert noticed is not None
    return found[0], (clock.parse(noticed["at"]) - asked).total_seconds()


def test_abort_is_heeded_at_once_and_what_is_under_way_is_undone_when_it_has_come(
    home: Home, tmp_path: Path
) -> None:
    slow = step(tmp_path, "two", do={"command": f"touch {tmp_path}/under-way; sleep 3; touch {tmp_path}/two"})
    result, seconds = aborted(home, runner(home, plan_of(step(tmp_path, "one"), {**slow, "limit": "20s"})), 1)
    assert result.end is End.UNDONE and "值班甲" in result.reason and seconds < 1
    assert (tmp_path / "under-way").exists()
    time.sleep(2)
    assert not (tmp_path / "one").exists() and not (tmp_path / "two").exists()


def test_an_aborted_service_is_drained_and_not_stopped(home: Home, tmp_path: Path) -> None:
    (tmp_path / "up").touch()
    scripts = {
        "start": f"touch {tmp_path}/up",
        "stop": f"rm {tmp_path}/up",
        "status": f"test -e {tmp_path}/up",
    }
    service = {"service": "demo", "how": "script", "scripts": scripts}
    stops = step(
        tmp_path,
        "stop",
        do={**service, "to": "stopped", "drain": "sleep 2"},
        prove=[{**service, "is": "stopped"}],
        undo={**service, "to": "running"},
        undone=[{**service, "is": "running"}],
        limit="20s",
    )
    result, _ = aborted(home, runner(home, plan_of(stops)), 1)
    assert result.end is End.UNDONE
    sent = [line["command"] for line in Journal(home, "run").lines() if line["event"] == "sent"]
    time.sleep(1.5)
    assert "sleep 2" in sent and scripts["stop"] not in sent and (tmp_path / "up").exists()


def test_what_is_sent_to_drain_and_to_stop_has_one_limit(home: Home, tmp_path: Path) -> None:
    (tmp_path / "up").touch()
    scripts = {"start": "true", "stop": f"sleep 0.8; rm {tmp_path}/up", "status": "true"}
    service = {"service": "demo", "how": "script", "scripts": scripts}
    stops = step(tmp_path, "stop", do={**service, "to": "stopped", "drain": "sleep 0.6"})
    made = runner(home, plan_of(stops))
    began = time.monotonic()
    with pytest.raises(NotDone):
        made._hands.do(made.plan.moves[0].step.do, "HERE", timedelta(seconds=1))
    made._hands.settle()
    assert time.monotonic() - began < 2
    time.sleep(0.5)
    assert (tmp_path / "up").exists()


def dead(home: Home, plan: Plan, ahead: timedelta = timedelta(0)) -> Runner:
    """A process that was killed when it had just sent the first move, at that time of its clock."""
    made = runner(home, plan)
    made.journal.write(Event.BEGUN, digest=plan.digest)
    made.journal.write(Event.BEFORE, move=plan.moves[0].key, shown="", marks=[""])
    lines = [{**line, "at": str(clock.parse(line["at"]) + ahead)} for line in made.journal.lines()]
    made.journal.path.write_text("".join(f"{json.dumps(line)}\n" for line in lines), "utf-8")
    return made


def test_what_a_dead_process_sent_gets_its_time_before_it_is_sent_again(home: Home, tmp_path: Path) -> None:
    made = dead(home, plan_of(step(tmp_path, "one", limit="5s", repeat=True)))
    threading.Timer(0.5, (tmp_path / "one").touch).start()
    assert made.run().end is End.DONE and not (tmp_path / "one.count").exists()


def test_a_clock_that_was_set_back_is_not_waited_for(home: Home, tmp_path: Path) -> None:
    made = dead(home, plan_of(step(tmp_path, "one", limit="1s")), timedelta(hours=1))
    abort.ask(home, "run", "值班甲")
    began = time.monotonic()
    assert made.run().end is End.UNDONE and time.monotonic() - began < 10


def test_an_end_that_is_written_is_the_end(home: Home, tmp_path: Path) -> None:
    check = {"title": "从未有过", "on": ["HERE"], "prove": [{"command": f"test -e {tmp_path}/go"}]}
    plan = plan_of(step(tmp_path, "one"), checks=[check])
    first = runner(home, plan).run()
    (tmp_path / "go").touch()
    lines = list(Journal(home, "run").lines())
    assert runner(home, plan).run() == first and first.end is End.NO_GO and len(first.looked) == 1
    assert list(Journal(home, "run").lines()) == lines and not (tmp_path / "one").exists()


def test_windows_that_cannot_be_read_are_no_go(home: Home, tmp_path: Path) -> None:
    said = home.inventories / "lab" / "changes.yml"
    said.parent.mkdir(parents=True)
    said.write_text("freezes: [")
    made = runner(home, plan_of(step(tmp_path, "one")))
    result = made.run()
    assert result.end is End.NO_GO and result.looked[0][2].holds == "unknown"
    assert "changes.yml" in result.looked[0][2].text and "changes.yml" in made._closed()


def test_what_a_dead_process_sent_is_undone_when_it_has_come(home: Home, tmp_path: Path) -> None:
    plan = plan_of(step(tmp_path, "one", limit="4s"))
    first = runner(home, plan)
    first.journal.write(Event.BEGUN, digest=plan.digest)
    first.journal.write(Event.BEFORE, move="one@HERE", shown="", marks=[""])
    threading.Timer(2, (tmp_path / "one").touch).start()
    abort.ask(home, "run", "值班甲")
    assert runner(home, plan).run().end is End.UNDONE
    time.sleep(1)
    assert not (tmp_path / "one").exists()


def test_every_end_says_how_every_target_stands_and_every_move_is_told(home: Home, tmp_path: Path) -> None:
    (tmp_path / "one").touch()
    said: list[str] = []
    result = runner(home, plan_of(step(tmp_path, "one"), step(tmp_path, "two")), said).run()
    assert [(key, seen.holds) for key, seen in result.standing] == [("one@HERE", "yes"), ("two@HERE", "yes")]
    ended = Journal(home, "run").said(Event.ENDED)
    assert ended is not None and [key for key, *_ in ended["standing"]] == ["one@HERE", "two@HERE"]
    assert said[0].startswith("1/2") and "未执行" in said[0] and "HERE" in said[-1] and "已证明" in said[-1]


def test_a_service_that_is_right_no_more_at_the_end_is_not_done(home: Home, tmp_path: Path) -> None:
    breaks = step(tmp_path, "two", do={"command": f"rm {tmp_path}/one; touch {tmp_path}/two"})
    result = runner(home, plan_of(step(tmp_path, "one"), breaks, kind="service")).run()
    assert result.end is End.STOPPED and "one@HERE" in result.reason
    assert (tmp_path / "two").exists()


def test_a_rehearsal_looks_at_everything_and_changes_nothing(home: Home, tmp_path: Path) -> None:
    (tmp_path / "one").touch()
    said: list[str] = []
    check = {"title": "有地方", "on": ["HERE"], "prove": [{"command": f"test -d {tmp_path}"}]}
    plan = plan_of(step(tmp_path, "one"), step(tmp_path, "two"), checks=[check])
    result = runner(home, plan, said).rehearse()
    assert result.end is End.REHEARSED and not (tmp_path / "two").exists()
    one, two = (seen.text for _, seen in result.standing)
    assert "不会执行" in one and plan.moves[1].shown in two
    assert "满足" in said[0] and list(Journal(home, "run").lines()) == []
    away = replace(
        plan,
        moves=tuple(
            replace(one, target="AWAY", proof=(look(one.step.prove[0], replace(HERE, name="AWAY")),))
            for one in plan.moves[1:]
        ),
    )
    assert "看不到现状" in runner(home, away).rehearse().standing[0][1].text
    bad = {**check, "prove": [{"command": "false"}]}
    refused = runner(home, plan_of(step(tmp_path, "two"), checks=[check, bad])).rehearse()
    assert refused.end is End.NO_GO
    assert [(target, seen.holds) for _, target, seen in refused.looked] == [("HERE", "yes"), ("HERE", "no")]


def test_when_the_approved_time_is_over_what_was_begun_is_undone(home: Home, tmp_path: Path) -> None:
    slow = step(tmp_path, "one", do={"command": f"sleep 1; touch {tmp_path}/one"})
    until = clock.now() + timedelta(seconds=0.8)
    result = runner(home, plan_of(slow, step(tmp_path, "two", no_return=True)), until=until).run()
    assert result.end is End.UNDONE and "批准的时间" in result.reason
    assert not (tmp_path / "one").exists() and not (tmp_path / "two.count").exists()


def test_out_of_the_window_is_no_go(home: Home, tmp_path: Path) -> None:
    said = home.inventories / "lab" / "changes.yml"
    said.parent.mkdir(parents=True)
    today = clock.now().date()
    said.write_text(f"freezes: [{{from: {today}, to: {today + timedelta(days=1)}, reason: 重要会议}}]\n")
    result = runner(home, plan_of(step(tmp_path, "one"))).run()
    assert result.end is End.NO_GO and "重要会议" in result.standing[0][1].text
    assert not (tmp_path / "one").exists()


def test_a_step_that_was_never_sent_is_not_undone(home: Home, tmp_path: Path) -> None:
    """Nobody could look, so nothing was sent: behind it nothing is beyond return."""
    blind = step(tmp_path, "two", no_return=True, prove=[{"port": 1, "is": "closed"}], on=["AWAY"])
    plan = plan_of(step(tmp_path, "one"))
    away = replace(HERE, name="AWAY", transport="nowhere")
    (moved,) = moves(
        [
            Playbook.model_validate(
                {**plan.playbook.model_dump(exclude={"steps"}), "scope": ["HERE", "AWAY"], "steps": [blind]}
            ).steps[0]
        ],
        {"AWAY": away},
    )
    made = runner(home, replace(plan, moves=(*plan.moves, moved)))
    result = made.run()
    assert result.end is End.UNDONE and not (tmp_path / "one").exists()


def test_a_host_that_cannot_be_looked_at_is_found_before_the_first_service_is_stopped(
    home: Home, tmp_path: Path
) -> None:
    plan = plan_of(step(tmp_path, "one"), kind="service")
    unseen = replace(HERE, name="AWAY", transport="nowhere")
    (moved,) = moves(plan.playbook.steps, {"HERE": HERE})
    away = replace(moved, target="AWAY", key="one@AWAY", proof=(look(moved.step.prove[0], unseen),))
    made = runner(home, replace(plan, moves=(*plan.moves, away)))
    result = made.run()
    assert result.end is End.NO_GO and not (tmp_path / "one.count").exists()
    assert [(target, seen.holds) for _, target, seen in result.looked] == [
        ("HERE", "yes"),
        ("AWAY", "unknown"),
    ]


def test_only_what_the_scope_names_is_touched(home: Home, tmp_path: Path) -> None:
    plan = plan_of(step(tmp_path, "one"))
    other = replace(plan.moves[0], target="OTHER", key="one@OTHER", proof=())
    made = runner(home, replace(plan, moves=(other,)))
    made.site = replace(made.site, targets={**made.site.targets, "OTHER": HERE})
    made.__post_init__()
    assert made.run().end is not End.DONE and not (tmp_path / "one").exists()


def test_a_name_that_stands_for_another_machine_is_refused(home: Home, tmp_path: Path) -> None:
    plan = plan_of(step(tmp_path, "one"))
    moved = replace(plan, places={"HERE": place(replace(HERE, address="192.0.2.7"))})
    assert moved.digest != plan.digest
    with pytest.raises(Refused, match="HERE"):
        runner(home, moved).run()
    assert not (tmp_path / "one").exists()


def test_what_was_heard_of_a_command_that_never_ends_is_kept(home: Home, tmp_path: Path) -> None:
    hangs = step(tmp_path, "one", do={"command": "echo under way; sleep 30"}, limit="1s")
    result = runner(home, plan_of(hangs)).run()
    assert result.end is End.UNDONE and "one" in result.reason
    sent = [line for line in Journal(home, "run").lines() if "under way" in line.get("command", "")]
    assert (
        [line["move"] for line in sent] == ["one@HERE"]
        and sent[0]["failure"]
        and "under way" in sent[0]["said"]
    )


# Restarts: what runs before runs after, and says nothing.


def restarts(folder: Path, **more: Any) -> dict[str, Any]:
    scripts = {"start": f"echo x >> {folder}/restarted", "stop": "true", "status": "true"}
    service = {"service": "demo", "how": "script", "scripts": scripts}
    made = step(folder, "again", do={**service, "to": "restarted"}, prove=[{**service, "is": "running"}])
    return {**made, "undo": None, "undone": [], **more}


def test_a_restart_is_sent_although_the_service_runs(home: Home, tmp_path: Path) -> None:
    plan = plan_of(restarts(tmp_path))
    assert "将执行" in runner(home, plan).rehearse().standing[0][1].text
    assert runner(home, plan).run().end is End.DONE
    assert (tmp_path / "restarted").read_text() == "x\n"


@pytest.mark.parametrize("repeat", [False, True])
def test_whether_a_restart_was_sent_is_not_guessed(home: Home, tmp_path: Path, repeat: bool) -> None:
    plan = plan_of(restarts(tmp_path, repeat=repeat))
    first = runner(home, plan)
    first.journal.write(Event.BEGUN, digest=plan.digest)
    first.journal.write(Event.BEFORE, move="again@HERE", shown="", marks=[""])
    result = runner(home, plan).run()
    assert (result.end is End.DONE) is repeat and (tmp_path / "restarted").exists() is repeat
    assert repeat or "无从判断" in result.reason


# Lines of logs.


def writes(folder: Path, line: str, **more: Any) -> dict[str, Any]:
    log = folder / "app.log"
    do = {"command": f"echo x >> {folder}/log.count; echo '{line}' >> {log}"}
    proof = [{"log": str(log), "says": "started in [0-9]+ ms"}]
    return step(folder, "log", do=do, prove=proof, undo=None, undone=[], **more)


def test_a_line_of_before_proves_nothing_and_one_of_now_does(home: Home, tmp_path: Path) -> None:
    (tmp_path / "app.log").write_text("started in 5 ms\n")
    bad = runner(home, plan_of(writes(tmp_path, "failed"))).run()
    assert bad.end is End.STOPPED and "没有符合" in bad.reason


def test_a_line_is_found_where_the_log_was_put_aside_meanwhile(home: Home, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("old\n" * 1000)
    aside = f"echo 'started in 7 ms' >> {log}; mv {log} {log}.1; echo new > {log}"
    result = runner(home, plan_of({**writes(tmp_path, ""), "do": {"command": aside}})).run()
    assert result.end is End.DONE and "started in 7 ms" in result.standing[0][1].text


def test_where_a_log_stood_survives_the_process(home: Home, tmp_path: Path) -> None:
    plan = plan_of(writes(tmp_path, "started in 9 ms"))
    first = runner(home, plan)
    first.journal.write(Event.BEGUN, digest=plan.digest)
    (tmp_path / "app.log").write_text("before\n")
    marks = first._hands.marks(plan.moves[0].proof)
    first.journal.write(Event.BEFORE, move="log@HERE", shown="", marks=marks)
    with (tmp_path / "app.log").open("a") as log:
        log.write("started in 9 ms\n")
    assert runner(home, plan).run().end is End.DONE
    assert not (tmp_path / "log.count").exists()  # it was not sent again


class Killed(BaseException):
    pass


# After which line of the journal, and whether it is on disk or not.
DEATHS = [(number, written) for number in range(1, 12) for written in (True, False)]


@pytest.mark.parametrize(("number", "written"), DEATHS)
@pytest.mark.parametrize("fails", [False, True], ids=["sound", "third step fails"])
def test_wherever_it_dies_it_ends_proven_and_sends_nothing_twice(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, written: bool, fails: bool
) -> None:
    last = step(tmp_path, "three", do={"command": "exit 3"}) if fails else step(tmp_path, "three")
    plan = plan_of(step(tmp_path, "one"), step(tmp_path, "two"), last)
    lines, write = [0], Journal.write

    def dying(self: Journal, event: Event, **said: Any) -> None:
        lines[0] += 1
        if lines[0] == number and not written:
            raise Killed
        write(self, event, **said)
        if lines[0] == number:
            raise Killed

    monkeypatch.setattr(Journal, "write", dying)
    with pytest.raises(Killed):
        while True:
            runner(home, plan).run()
            raise Killed  # it ended before its turn to die
    monkeypatch.setattr(Journal, "write", write)
    if not Journal(home, "run").said(Event.ENDED):
        runner(home, plan).run()
    ended = Journal(home, "run").said(Event.ENDED)
    assert ended is not None
    there = [(tmp_path / name).exists() for name in ("one", "two", "three")]
    if fails:
        assert ended["end"] == End.UNDONE and there == [False, False, False]
    else:
        assert (ended["end"], there) in ((End.DONE, [True] * 3), (End.UNDONE, [False] * 3))
    for name in ("one", "two", "three"):
        count = tmp_path / f"{name}.count"
        assert not count.exists() or len(count.read_text().splitlines()) == 1
