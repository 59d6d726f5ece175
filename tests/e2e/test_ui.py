"""A person in a browser: deployments in Chinese, a form, a run, its artifact, its record, its form."""

from pathlib import Path

import pytest

from tests.e2e.browser import CHROMIUM, browser
from tests.e2e.walk import NOTE, walk
from tests.installation import Installation

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (Debian: chromium)")


def test_a_run_from_the_form_to_the_written_record(installation: Installation, tmp_path: Path) -> None:
    with browser() as made:
        try:
            seen = walk(made, installation, tmp_path)
        except Exception:
            made.picture(tmp_path, "where-it-ended")
            raise
        assert made.elsewhere == []
    assert "每日巡检" in seen.deployments
    assert any("只检查这些对象" in label for label in seen.labels)
    assert seen.state in ("全部正常", "有异常")
    assert "已采集 2/2" in seen.log
    assert "实检 2/2" in seen.artifact
    assert NOTE in seen.portal
    assert "日巡检记录" in seen.form.replace(" ", "")
    assert "localhost" in seen.form
