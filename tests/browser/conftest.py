"""Shared by the browser tests: one Chromium, the built site on localhost, and visits that remember complaints."""

from __future__ import annotations

import http.server
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

SYSTEM_CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDTHS = {"desktop": (1280, 900), "phone": (360, 740)}
TYPESET = "() => !window.MathJax?.startup?.promise || MathJax.startup.promise.then(() => true)"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium: the system's if there is one, else Playwright's own."""
    missing = "playwright is not installed: pip install 'gan-tutor[test]'"
    api = pytest.importorskip("playwright.sync_api", reason=missing)
    system = next(filter(None, map(shutil.which, SYSTEM_CHROMIUM)), None)
    with api.sync_playwright() as playwright:
        if system is None and not Path(playwright.chromium.executable_path).exists():
            pytest.skip("no Chromium: install your system's chromium, or run `playwright install chromium`")
        chromium = playwright.chromium.launch(executable_path=system, args=FLAGS)
        if not shows_letters(chromium):
            chromium.close()
            pytest.skip("no fonts: Chromium shows no letter; install your system's fonts-dejavu or any other")
        yield chromium
        chromium.close()


def shows_letters(chromium: Any) -> bool:
    """Whether a letter has a width. Without any font pages are empty, and tests would blame the book."""
    page = chromium.new_page()
    page.set_content("<span>n</span>")
    wide = page.locator("span").evaluate("span => span.getBoundingClientRect().width > 0")
    page.close()
    return bool(wide)


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Keep the test's output readable."""


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve a folder on localhost, and give its address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="session")
def serve() -> Callable[[Path], Any]:
    """`with serve(folder) as address:`."""
    return serving


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """The built site on localhost."""
    with serving(site) as there:
        yield there


# The theme fades its colours in; what is measured half-way is on no screen.
SETTLED = """() => Promise.race([
  Promise.allSettled(document.getAnimations().map((animation) => animation.finished)),
  new Promise((resolve) => setTimeout(resolve, 1000)),
]).then(() => true)"""


class Visit:
    """One page opened in a context of its own, and everything it complained about."""

    def __init__(
        self, browser: Any, url: str, width: str = "desktop", scheme: str = "light", javascript: bool = True
    ) -> None:
        viewport = dict(zip(("width", "height"), WIDTHS[width], strict=True))
        self.context = browser.new_context(viewport=viewport, color_scheme=scheme, java_script_enabled=javascript)
        self.page = self.context.new_page()
        self.problems: list[str] = []
        self.foreign: list[str] = []
        own = ("data:", "blob:", "file:", "/".join(url.split("/")[:3]) + "/")
        self.page.on("console", self.on_console)
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("requestfailed", lambda request: self.problems.append(f"failed: {request.url}"))
        self.page.on("response", self.on_response)
        self.page.on("request", lambda r: None if r.url.startswith(own) else self.foreign.append(r.url))
        self.page.goto(url, wait_until="load")
        if javascript:
            self.page.wait_for_function(TYPESET)
            self.page.evaluate("() => document.fonts.ready.then(() => true)")
            self.page.evaluate(SETTLED)

    def turn(self, scheme: str) -> None:
        """Let the system ask for the light or the dark theme, and wait until the page has it."""
        self.page.emulate_media(color_scheme=scheme)
        self.page.wait_for_function("scheme => document.documentElement.dataset.theme === scheme", arg=scheme)
        self.page.evaluate(SETTLED)

    def on_console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(message.text)

    def on_response(self, response: Any) -> None:
        if response.status >= 400:
            self.problems.append(f"{response.status}: {response.url}")

    def __enter__(self) -> Visit:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()


@pytest.fixture(scope="session")
def axe() -> Any:
    """axe-core, which a page is given to find violations of WCAG."""
    missing = "axe-playwright-python is not installed: pip install 'gan-tutor[test]'"
    return pytest.importorskip("axe_playwright_python.sync_playwright", reason=missing).Axe()


@pytest.fixture(scope="module")
def visit(browser: Any) -> Callable[..., Visit]:
    """Open a page: `with visit(url, width, scheme) as v:`; v.page is Playwright's."""
    return partial(Visit, browser)
