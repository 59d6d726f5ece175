"""The engine on this machine: forward, back, aborted, gone on with from wherever it can die."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tasks.home import Home
from tasks.inventory.credentials import Keyring
from tasks.model import Host
from tasks.playbooks import Site, abort
from tasks.playbooks.journal import Event, Journal, open_runs
from tasks.playbooks.plan import Move, Plan, look, moves
from tasks.playbooks.runner import End, Runner
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
        "kind": "service",
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


def runner(home: Home, plan: Plan) -> Runner:
    site = Site(home=home, contract="lab", targets={"HERE": HERE}, access=Access(Keyring(home)))
    return Runner(plan, site, Journal(home, "run"))


def test_everything_is_done_once_and_proved(home: Home, tmp_path: Path) -> None:
    plan = plan_of(step(tmp_path, "one"), step(tmp_path, "two"))
    assert runner(home, plan).run().end is End.DONE
    assert (tmp_path / "two").exists()
    # A second run of the same journal does nothing: it has ended.
    events = [line["event"] for line in Journal(home, "run").lines()]
    assert events.count("before") == 2 and events[-1] == "ended" and open_runs(home) == []


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


def test_abort_is_heeded_within_two_seconds(home: Home, tmp_path: Path) -> None:
    slow = step(tmp_path, "two", do={"command": "sleep 30"}, limit="1m")
    made = runner(home, plan_of(step(tmp_path, "one"), slow))
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(made.run()))
    thread.start()
    time.sleep(1)
    abort.ask(home, "run", "值班甲")
    asked = time.monotonic()
    thread.join(10)
    assert found and found[0].end is End.UNDONE and "值班甲" in found[0].reason
    assert time.monotonic() - asked < 2
    assert not (tmp_path / "one").exists()


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
    if open_runs(home) or not Journal(home, "run").said(Event.BEGUN):
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
