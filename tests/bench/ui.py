"""The UI in a real browser, from the list of deployments to the written form; the pictures are kept."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.bench.show import Item
from tests.e2e.browser import CHROMIUM, browser
from tests.e2e.walk import NOTE, walk
from tests.installation import running

PICTURES = Path("/var/tmp/opsproof-show/pictures")  # looked at by whoever runs the show


def ui() -> Iterator[Item]:
    if CHROMIUM is None:
        yield Item("UI in headless Chromium", "Chromium is not installed", "installed", False)
        return
    PICTURES.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Path(folder)) as installation,
        browser() as made,
    ):
        seen = walk(made, installation, PICTURES)
        elsewhere, count = made.elsewhere, len(made.requests)
    listed = "、".join(seen.deployments)
    yield Item("deployments listed in Chinese", listed, "每日巡检 among them", "每日巡检" in listed)
    labels = [label for label in seen.labels if "只检查这些对象" in label or "备注" in label]
    yield Item("form filled, labels in Chinese", f"{len(labels)} labels", "2", len(labels) >= 2)
    finished = seen.state in ("全部正常", "有异常") and "已采集 2/2" in seen.log
    yield Item("run started from the form and finished", seen.state, "ends, progress in its log", finished)
    yield Item("artifact read", "summary and link", "实检 2/2", "实检 2/2" in seen.artifact)
    formed = "日巡检记录" in seen.form.replace(" ", "") and NOTE in seen.portal
    yield Item("record and written form behind the login", "both opened", "note and form there", formed)
    measured = f"{len(elsewhere)} of {count} requests {' '.join(elsewhere[:3])}".strip()
    yield Item("requests that leave the machine", measured, "0", not elsewhere and count > 20)
    yield Item("pictures kept", f"{len(seen.pictures)} in {PICTURES}", "6", len(seen.pictures) == 6)
