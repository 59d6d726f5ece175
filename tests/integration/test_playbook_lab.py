"""Services of three hosts under real systemd, stopped and started by `opsproof playbook`, and what is in the
way: what is recorded in the end is what the hosts show.
"""

from collections.abc import Iterator

import pytest

from tests.lab.hosts import missing
from tests.lab.played import FAULTS, Ordered, suffer, untrue
from tests.lab.services import APP, DB, WEB, System, system

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())
LEFT_BEHIND = "systemctl stop returns 0, a process stays"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with system(tmp_path_factory.mktemp("system")) as made:
        yield made


def test_killed_in_a_step_it_is_gone_on_with_and_recorded(built: System) -> None:
    before = built.state()
    play = Ordered(built, "oa-stop")
    play.begin()
    play.reaches("before", "stop-web@WEB")
    play.kill()
    play.again()
    result = play.result()
    assert result["end"] == "done" and untrue(result, before, built.state()) == []
    assert built.arrived(APP) == ["stop app"] and built.arrived(DB) == ["stop mariadb"]
    assert set(built.arrived(WEB)) == {"stop nginx"}


def test_a_process_that_stays_is_no_service_that_stopped(built: System) -> None:
    came = suffer(built, next(one for one in FAULTS if one.name == LEFT_BEHIND))
    assert came.wrong == [] and "进程 1 个" in came.result["reason"], came.result
