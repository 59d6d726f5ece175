"""Headless Chromium from Debian, driven by Playwright; every request it makes is remembered."""

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Page, Response, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

# When one of its requests fails Prefect's UI says so, with advice to use its cloud, over the button that is
# to be clicked; a person closes it. What moves while somebody waits is painted by the processor here: five
# frames a second are enough.
STILL = """
const frame = window.requestAnimationFrame.bind(window);
window.requestAnimationFrame = (draw) => setTimeout(() => frame(draw), 200);
window.cancelAnimationFrame = clearTimeout;
document.addEventListener("DOMContentLoaded", () => {
  const style = document.createElement("style");
  style.textContent = ".p-toast-container { display: none !important }"
    + "*, *::before, *::after { animation: none !important; transition: none !important }";
  document.head.append(style);
});
"""


@dataclass
class Browser:
    page: Page
    requests: list[str] = field(default_factory=list)
    # What servers did not do.
    refused: list[str] = field(default_factory=list)

    @property
    def elsewhere(self) -> list[str]:
        """Requests to anything but this machine's loopback."""
        hosts = ("127.0.0.1", "localhost", "")
        return [url for url in self.requests if urlsplit(url).hostname not in (*hosts, None)]

    def note(self, response: Response) -> None:
        if response.status >= 400:
            self.refused.append(f"{response.status} {response.request.method} {response.url}")

    def picture(self, folder: Path, name: str) -> Path:
        path = folder / f"{name}.png"
        self.page.screenshot(path=path)
        return path


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        context = chromium.new_context(
            viewport={"width": 1280, "height": 860},
            locale="zh-CN",
            timezone_id="Asia/Shanghai",
            ignore_https_errors=True,
            reduced_motion="reduce",
        )
        context.add_init_script(STILL)
        made = Browser(context.new_page())
        context.on("request", lambda request: made.requests.append(request.url))
        context.on("response", made.note)
        try:
            yield made
        finally:
            chromium.close()
