"""One list of services, two playbooks: what needs what, what is kept, what is refused."""

from pathlib import Path

import pytest

from tasks.errors import Refused
from tasks.playbooks.services import load, playbook

OA = """\
name: oa
title: OA 应用
purpose: 节假日启停
contract: office-oa
services:
  - {name: web, on: [WEB], service: nginx, needs: [app], healthy: [{port: 80, is: open}]}
  - name: app
    on: [APP]
    service: tomcat
    how: script
    scripts: {start: bin/startup.sh, stop: bin/shutdown.sh, status: bin/status.sh}
    process: catalina
    needs: [db]
    silent: [{port: 8080, is: closed}]
    drain: sleep 1
    start_within: 90s
  - {name: db, on: [DB], service: mariadb, keep: true}
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "services" / "oa.yml"
    path.parent.mkdir()
    path.write_text(text, "utf-8")
    return path


def test_start_follows_what_is_needed_and_stop_goes_the_other_way(tmp_path: Path) -> None:
    said = load(written(tmp_path, OA))
    start, stop = playbook(said, "start"), playbook(said, "stop")
    assert [one.id for one in start.steps] == ["start-db", "start-app", "start-web"]
    assert [one.id for one in stop.steps] == ["stop-web", "stop-app", "stop-db"]
    assert start.steps[1].limit.total_seconds() == 90 and start.steps[0].undo is None
    assert stop.steps[1].do.drain == "sleep 1" and stop.steps[1].undo is not None
    # A script, and what drains, is sent a second time by nobody who only guesses.
    assert [one.repeat for one in start.steps] == [True, False, True]
    assert len(stop.steps[1].prove) == 2 and stop.scope == ("WEB", "APP", "DB")


def test_what_is_kept_stays_through_holidays(tmp_path: Path) -> None:
    said = load(written(tmp_path, OA))
    assert [one.id for one in playbook(said, "stop", holiday=True).steps] == ["stop-web", "stop-app"]
    assert [one.id for one in playbook(said, "start", holiday=True).steps] == ["start-app", "start-web"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("needs: [db]", "needs: [dbb]"), "dbb"),
        (("{name: db, on: [DB]", "{name: db, needs: [web], on: [DB]"), "成环"),
        (("keep: true", "keep: true, needs: [web]"), "保持"),
        (("how: script", "how: sysv"), "scripts"),
        (("service: nginx,", "service: nginx, servise: x,"), "servise"),
        (("is: open", "is: opened"), "open"),
        (("{name: db,", "{name: app,"), "两次"),
    ],
)
def test_what_is_wrong_is_refused_with_its_line(tmp_path: Path, change: tuple[str, str], told: str) -> None:
    with pytest.raises(Refused) as refused:
        load(written(tmp_path, OA.replace(*change)))
    assert told in str(refused.value) and "services/oa.yml:" in str(refused.value)
