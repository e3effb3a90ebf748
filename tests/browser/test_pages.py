"""Every page in a real Chromium: two widths, light and dark, no error, no foreign request."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
CHAPTERS = [chapter["file"] for part in TOC["parts"] for chapter in part["chapters"]]
DOCUMENTS = [TOC["root"], *CHAPTERS]
NOTEBOOKS = [chapter for chapter in CHAPTERS if (ROOT / f"{chapter}.ipynb").exists()]
Open = Callable[..., Any]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", ["desktop", "phone"])
@pytest.mark.parametrize("document", DOCUMENTS)
def test_page(visit: Open, address: str, document: str, width: str, scheme: str) -> None:
    with visit(f"{address}/{document}.html", width, scheme) as opened:
        assert opened.problems == []
        assert opened.foreign == []
        assert opened.page.evaluate("document.documentElement.dataset.theme") == scheme
        scroll, inner = opened.page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
        assert scroll <= inner, f"the page is {scroll} px wide in a window of {inner} px"
        assert opened.page.locator("mjx-merror").count() == 0
        for figure in opened.page.locator(".bd-article .cell_output img").all():
            if figure.is_visible():  # not inside a folded solution
                box = figure.bounding_box()
                assert box["width"] > 100
                assert 0 <= box["x"] <= inner - box["width"]
                assert figure.evaluate("image => image.decode().then(() => image.naturalWidth)") > 100


@pytest.mark.parametrize("document", NOTEBOOKS)
def test_chapter_shows_mathematics_and_figures(visit: Open, address: str, document: str) -> None:
    with visit(f"{address}/{document}.html") as opened:
        assert opened.page.locator("mjx-container:visible").count() > 0
        assert opened.page.locator(".bd-article .cell_output img").first.is_visible()
        assert opened.page.locator('.bd-article a[href^="https://colab.research.google.com/"]').is_visible()


def test_site_works_without_a_server(visit: Open, site: Path) -> None:
    with visit((site / "book" / "notation.html").as_uri()) as opened:
        assert opened.problems == []
        assert opened.foreign == []
        assert opened.page.locator("mjx-container:visible").count() > 0
        loaded = "[...document.fonts].filter(font => font.status == 'loaded').map(font => font.family)"
        assert any(family.startswith("MJX") for family in opened.page.evaluate(loaded))


def test_front_page_says_where_to_begin(visit: Open, address: str) -> None:
    with visit(f"{address}/index.html") as opened:
        opened.page.locator(".start-first").click()
        opened.page.wait_for_url("**/what_is_a_gan.html")
        assert opened.page.locator("h1").first.inner_text().startswith("1 · ")


def test_index_of_terms_is_one_click_away(visit: Open, address: str) -> None:
    with visit(f"{address}/book/notation.html") as opened:
        opened.page.get_by_role("navigation", name="Index").get_by_role("link").click()
        opened.page.wait_for_url("**/genindex.html")
        entry = opened.page.get_by_role("link", name="mode collapse", exact=True)
        entry.click()
        opened.page.wait_for_url("**/glossary.html#term-mode-collapse")


def test_chinese_terms_carry_their_language_and_are_found(visit: Open, address: str) -> None:
    with visit(f"{address}/book/glossary.html") as opened:
        assert "判别器" in opened.page.locator(":lang(zh-Hans)", has_text="判别器").first.inner_text()
        assert "判別器" in opened.page.locator(":lang(zh-Hant)", has_text="判別器").first.inner_text()
    with visit(f"{address}/search.html?q=判别器") as opened:
        opened.page.locator("#search-results li a", has_text="Glossary").first.wait_for()


def test_search_finds_a_page(visit: Open, address: str) -> None:
    with visit(f"{address}/search.html?q=Wasserstein") as opened:
        opened.page.locator("#search-results li a").first.wait_for()
        assert opened.problems == []
        assert opened.foreign == []
