"""Every page in a real Chromium: two widths, light and dark, no error, no foreign request."""

from __future__ import annotations

import http.server
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
CHAPTERS = [chapter["file"] for part in TOC["parts"] for chapter in part["chapters"]]
DOCUMENTS = [TOC["root"], *CHAPTERS]
NOTEBOOKS = [chapter for chapter in CHAPTERS if (ROOT / f"{chapter}.ipynb").exists()]
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
        yield chromium
        chromium.close()


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Keep the test's output readable."""


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """The built site on localhost."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(site)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


class Visit:
    """One page opened in a context of its own, and everything it complained about."""

    def __init__(self, browser: Any, url: str, width: str = "desktop", scheme: str = "light") -> None:
        self.context = browser.new_context(
            viewport=dict(zip(("width", "height"), WIDTHS[width], strict=True)), color_scheme=scheme
        )
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
        self.page.wait_for_function(TYPESET)
        self.page.evaluate("() => document.fonts.ready.then(() => true)")

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


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("document", DOCUMENTS)
def test_page(browser: Any, address: str, document: str, width: str, scheme: str) -> None:
    with Visit(browser, f"{address}/{document}.html", width, scheme) as visit:
        assert visit.problems == []
        assert visit.foreign == []
        assert visit.page.evaluate("document.documentElement.dataset.theme") == scheme
        scroll, inner = visit.page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        assert scroll <= inner, f"the page is {scroll} px wide in a window of {inner} px"
        assert visit.page.locator("mjx-merror").count() == 0
        for figure in visit.page.locator(".bd-article .cell_output img").all():
            if figure.is_visible():  # not inside a folded solution
                box = figure.bounding_box()
                assert box["width"] > 100
                assert 0 <= box["x"] <= inner - box["width"]
                assert figure.evaluate("image => image.decode().then(() => image.naturalWidth)") > 100


@pytest.mark.parametrize("document", NOTEBOOKS)
def test_chapter_shows_mathematics_and_figures(browser: Any, address: str, document: str) -> None:
    with Visit(browser, f"{address}/{document}.html") as visit:
        assert visit.page.locator("mjx-container:visible").count() > 0
        assert visit.page.locator(".bd-article .cell_output img").first.is_visible()
        assert visit.page.locator('.bd-article a[href^="https://colab.research.google.com/"]').is_visible()


def test_site_works_without_a_server(browser: Any, site: Path) -> None:
    with Visit(browser, (site / "book" / "notation.html").as_uri()) as visit:
        assert visit.problems == []
        assert visit.foreign == []
        assert visit.page.locator("mjx-container:visible").count() > 0
        loaded = "[...document.fonts].filter(font => font.status == 'loaded').map(font => font.family)"
        assert any(family.startswith("MJX") for family in visit.page.evaluate(loaded))


def test_front_page_says_where_to_begin(browser: Any, address: str) -> None:
    with Visit(browser, f"{address}/index.html") as visit:
        visit.page.locator(".start-first").click()
        visit.page.wait_for_url("**/objective.html")
        assert "The objective" in visit.page.locator("h1").first.inner_text()


def test_search_finds_a_page(browser: Any, address: str) -> None:
    with Visit(browser, f"{address}/search.html?q=Wasserstein") as visit:
        visit.page.locator("#search-results li a").first.wait_for()
        assert visit.problems == []
        assert visit.foreign == []
