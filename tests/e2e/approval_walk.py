"""Services stopped from the form by two people's codes, and a run aborted: what people see."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Page

from tests.e2e.browser import Browser
from tests.e2e.walk import (
    list_deployments,
    log_in,
    open_artifact,
    open_form,
    open_record,
    open_written_form,
    submit,
    wait_for_run,
)
from tests.lab.approvers import FIRST, OPERATOR, SECOND, Approvers

PATIENCE = 180_000  # ms; a run's process loads for half a minute on a busy machine
NOTE = "国庆节前停机通知"


@dataclass
class Seen:
    labels: list[str] = field(default_factory=list)
    # What was asked, each time.
    asked: list[str] = field(default_factory=list)
    state: str = ""
    # What the services were.
    told: list[str] = field(default_factory=list)
    artifact: str = ""
    portal: str = ""
    form: str = ""
    aborted: str = ""
    abort_state: str = ""
    pictures: list[Path] = field(default_factory=list)


@dataclass
class Walk:
    made: Browser
    people: Approvers
    folder: Path
    seen: Seen = field(default_factory=Seen)

    @property
    def page(self) -> Page:
        return self.made.page

    def picture(self, name: str) -> None:
        self.seen.pictures.append(self.made.picture(self.folder, f"playbook-{name}"))

    def all(self) -> Seen:
        self.page.set_default_timeout(PATIENCE)
        log_in(self.page, self.people.installation)
        self.approved()
        self.aborted()
        return self.seen

    def begun(self, playbook: str) -> str:
        """From the form 服务启停."""
        list_deployments(self.page, self.people.installation)
        self.seen.labels = open_form(self.page, "服务启停")
        fill(self.page, "作业手册", playbook)
        fill(self.page, "依据", NOTE)
        self.picture(f"form-{playbook}")
        return submit(self.page)

    def approved(self) -> None:
        """A wrong code, then the right ones of two people."""
        installation = self.people.installation
        run = self.begun("two-stop")
        self.page.goto(f"{installation.ui}/runs/flow-run/{run}")
        self.answered(FIRST, self.people.wrong(FIRST, 1), "wrong")
        self.answered(FIRST, self.people.code(FIRST), "first")
        self.answered(SECOND, self.people.code(SECOND), "second")
        self.seen.state = wait_for_run(self.page, installation, run)
        self.seen.told = self.people.touched()
        self.picture("run")
        self.seen.artifact = open_artifact(self.page, "service")
        self.picture("artifact")
        self.seen.portal = open_record(self.page, installation)
        self.picture("record")
        self.seen.form = open_written_form(self.page, "服务启停记录")
        self.picture("written")

    def answered(self, by: str, code: str, name: str) -> None:
        """The run has paused and asks."""
        button = self.page.get_by_role("button", name="Resume")
        button.wait_for()
        button.click()
        dialog = self.page.locator(".p-modal").filter(has_text="请审批")
        dialog.get_by_text("计划摘要").wait_for()
        self.seen.asked.append(dialog.inner_text())
        fill(self.page, "操作员", by)
        fill(self.page, "一次性验证码", code)
        self.picture(f"asked-{name}")
        dialog.get_by_role("button", name="Submit").click()
        dialog.wait_for(state="hidden")
        button.wait_for(state="hidden")

    def aborted(self) -> None:
        """While it waits for the application to drain."""
        installation, page = self.people.installation, self.page
        self.people.begin_anew()
        run = self.begun("slow-stop")
        own = self.under_way()
        list_deployments(page, installation)
        open_form(page, "中止")
        fill(page, "执行编号", own)
        fill(page, "操作员", OPERATOR)
        fill(page, "原因", "甲方来电")
        self.picture("abort-form")
        asked = submit(page)
        page.goto(f"{installation.ui}/runs/flow-run/{asked}")
        page.get_by_text("已要求中止").first.wait_for()
        self.seen.abort_state = "已要求中止"
        self.people.let_go()
        self.seen.aborted = wait_for_run(page, installation, run)
        self.picture("aborted")

    def under_way(self) -> str:
        """Its own number, as the command tells it."""
        while True:
            said = self.people.installation.command("playbook", "runs", "--json")
            if rows := json.loads(said.stdout or "[]"):
                return str(rows[0]["run"])


def fill(page: Page, label: str, text: str) -> None:
    page.locator(".p-label", has_text=label).locator("textarea, input").first.fill(text)
