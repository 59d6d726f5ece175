"""The way a person takes through the UI: the same for the test, the show and the pictures of the README."""

from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.e2e.browser import Browser
from tests.installation import Installation

PATIENCE = 90_000  # ms; a run takes about 8 s on two idle cores, which other tests seldom leave idle
NOTE = "节前例行检查"


@dataclass(frozen=True)
class Seen:
    """What the walk saw, for whoever asked."""

    deployments: list[str]
    labels: list[str]
    state: str
    log: str
    artifact: str
    portal: str
    form: str
    pictures: list[Path]


def walk(made: Browser, installation: Installation, folder: Path) -> Seen:
    page, pictures = made.page, []
    page.set_default_timeout(PATIENCE)

    def picture(name: str) -> None:
        pictures.append(made.picture(folder, name))

    log_in(page, installation)
    deployments = list_deployments(page, installation)
    picture("deployments")
    labels = open_form(page)
    page.locator("textarea").first.fill("localhost platform-db")
    page.locator("textarea").nth(1).fill(NOTE)
    picture("form")
    state = wait_for_run(page, installation, submit(page))
    page.get_by_text("记录已写入记录簿").wait_for()
    log = page.locator("body").inner_text()
    picture("run")
    artifact = open_artifact(page)
    picture("artifact")
    portal = open_record(page, installation)
    picture("record")
    form = open_written_form(page)
    picture("written-form")
    return Seen(deployments, labels, state, log, artifact, portal, form, pictures)


def log_in(page: Page, installation: Installation) -> None:
    page.goto(installation.ui)
    page.locator("input[type=password]").fill(":".join(installation.login))
    page.keyboard.press("Enter")
    page.wait_for_url("**/dashboard")


def list_deployments(page: Page, installation: Installation) -> list[str]:
    """Of every contract: a page of the list holds ten unless it is asked for more."""
    page.goto(f"{installation.ui}/deployments?limit=100")
    page.get_by_text("每日巡检").first.wait_for()
    return page.locator("table tbody tr td:nth-child(2) a").all_inner_texts()


def open_form(page: Page, routine: str = "每日巡检") -> list[str]:
    ours = page.locator("tbody tr").filter(has_text="local")
    ours.get_by_role("link", name=routine, exact=True).click()
    page.wait_for_url("**/deployment/**")
    page.goto(page.url.split("?")[0] + "/run")
    page.locator("textarea").first.wait_for()
    return page.locator(".p-label__label, .p-label__description").all_inner_texts()


def submit(page: Page) -> str:
    """The id of the run that the form started."""
    button = page.get_by_role("button", name="Submit")
    expect(button).to_be_enabled()
    with page.expect_response("**/create_flow_run") as answer:
        button.click()
    assert answer.value.ok, (answer.value.status, answer.value.text())
    return str(answer.value.json()["id"])


def wait_for_run(page: Page, installation: Installation, run: str) -> str:
    """The run's own page until it has ended; its state as the badge says it."""
    page.goto(f"{installation.ui}/runs/flow-run/{run}")
    # Exactly so: a line of the log says it, too, and may be there before the badge.
    badge = page.get_by_text("全部正常", exact=True).or_(page.get_by_text("有异常", exact=True)).first
    badge.wait_for(timeout=240_000)
    return badge.inner_text()


def open_artifact(page: Page, code: str = "inspection") -> str:
    page.get_by_role("tab", name="Artifacts").or_(page.get_by_text("Artifacts")).first.click()
    page.get_by_text(f"{code}-local-record").click()
    page.get_by_role("link", name="打开记录与表单").wait_for()
    return page.locator("body").inner_text()


def open_record(page: Page, installation: Installation) -> str:
    """Over the link of the artifact, through the portal's login."""
    address = page.get_by_role("link", name="打开记录与表单").get_attribute("href") or ""
    page.goto(address)
    if page.locator("input[name=user]").count():
        user, password = installation.login
        page.fill("input[name=user]", user)
        page.fill("input[name=password]", password)
        page.keyboard.press("Enter")
    expect(page).to_have_url(address)
    return page.locator("body").inner_text()


def open_written_form(page: Page, title: str = "日巡检记录") -> str:
    page.locator("a", has_text=".html").first.click()
    page.get_by_role("heading", name=title).wait_for()
    return page.locator("body").inner_text()
