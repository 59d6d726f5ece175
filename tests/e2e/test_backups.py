"""A person backs one thing up and proves it, from the forms of the UI to the written records."""

from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.e2e.browser import CHROMIUM, browser
from tests.e2e.walk import (
    PATIENCE,
    list_deployments,
    log_in,
    open_artifact,
    open_form,
    open_record,
    open_written_form,
    submit,
    wait_for_run,
)
from tests.installation import Installation

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (Debian: chromium)")


def fill(page: Page, label: str, text: str) -> None:
    page.locator(".p-label", has_text=label).locator("textarea, input").first.fill(text)


def test_back_up_and_prove_from_the_ui(installation: Installation, tmp_path: Path) -> None:
    with browser() as made:
        page = made.page
        page.set_default_timeout(PATIENCE)
        try:
            log_in(page, installation)
            assert {"备份", "备份有效性验证", "备份检查"} <= set(list_deployments(page, installation))
            labels = open_form(page, "备份")
            assert any("备份类型" in one for one in labels) and any("可填：platform" in one for one in labels)
            fill(page, "只对这些", "platform")
            fill(page, "备份类型", "全量")
            made.picture(tmp_path, "backup-form")
            assert wait_for_run(page, installation, submit(page)) == "全部正常"
            made.picture(tmp_path, "backup-run")
            assert "完成 1 项" in open_artifact(page, "backup")
            open_record(page, installation)
            assert "L0" in open_written_form(page, "备份记录")
            made.picture(tmp_path, "backup-written")
            list_deployments(page, installation)
            labels = open_form(page, "备份有效性验证")
            assert any("要验证的备份名称" in one for one in labels)
            made.picture(tmp_path, "proof-form")
            assert wait_for_run(page, installation, submit(page)) == "全部正常"
            assert "达到要求级别 1 项" in open_artifact(page, "backup-proof")
            made.picture(tmp_path, "proof-artifact")
            open_record(page, installation)
            made.picture(tmp_path, "proof-record")
            assert "已达到 L3" in open_written_form(page, "备份数据有效性测试记录")
            made.picture(tmp_path, "proof-written")
        except Exception:
            made.picture(tmp_path, "where-it-ended")
            raise
        assert made.elsewhere == []
