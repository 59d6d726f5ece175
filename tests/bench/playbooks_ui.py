"""The whole way in a real browser, for `make show-playbooks`: asked for in a form, approved by the codes of
two people, run, recorded; another one aborted. The pictures are kept.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.bench.show import Item
from tests.bench.ui import PICTURES
from tests.e2e.approval_walk import NOTE, Seen, Walk
from tests.e2e.browser import CHROMIUM, browser
from tests.installation import Installation
from tests.lab.approvers import FIRST, SECOND, Approvers

STARTS_WITHIN = 400


def ui() -> Iterator[Item]:
    if CHROMIUM is None:
        yield Item("UI in headless Chromium", "Chromium is not installed", "installed", False)
        return
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        installation = Installation(Path(folder))
        people = Approvers(installation)
        people.playbook("slow", "none", drain=people.lingering)
        installation.up(STARTS_WITHIN)
        try:
            with browser() as made:
                try:
                    seen = Walk(made, people, PICTURES).all()
                except Exception:
                    made.picture(PICTURES, "where-it-ended")
                    raise
                elsewhere = made.elsewhere
            yield from items(seen, people, elsewhere)
        finally:
            installation.stop()


def items(seen: Seen, people: Approvers, elsewhere: list[str]) -> Iterator[Item]:
    says = [" ".join(asked.partition("批准的就是")[0].split()[3:]) for asked in seen.asked]
    yield Item(
        "the run pauses and asks; a wrong code, then two people's",
        " / ".join(says),
        "0 people, still 0 with the reason, 1 person",
        "现有效 0 人" in says[0]
        and "动态码不正确" in says[1]
        and "现有效 0 人" in says[1]
        and FIRST in says[2],
    )
    yield Item(
        "it then runs to its end",
        f"{seen.state}; services told {' '.join(seen.told)}",
        "全部正常, each stopped once",
        seen.state == "全部正常" and seen.told == ["stop", "stop"],
    )
    formed = all(one in seen.form for one in (FIRST, SECOND, "服务启停记录")) and NOTE in seen.portal
    yield Item("artifact, record and written form", "all opened", "who approved and on what grounds", formed)
    last = people.records()[-1]
    aborted = "甲方来电" in people.told(last) and seen.aborted == "有异常"
    yield Item(
        "aborted from 中止 while a step drains",
        f"{seen.abort_state}; {seen.aborted}: {people.told(last)[:160]}",
        "said in its record, what was begun undone",
        aborted and "已撤销" in last.summary and not people.touched(),
    )
    yield Item("requests that leave the machine", str(len(elsewhere)), "0", not elsewhere)
    yield Item("pictures kept", f"{len(seen.pictures)} in {PICTURES}", "11", len(seen.pictures) == 11)


SHOWS = [ui]
