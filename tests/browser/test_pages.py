"""Every page in a real Chromium, in two widths, light and dark: no error, no foreign request, nothing for axe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from seeing import COLOURS, RULES, misplaced, violations

ROOT = Path(__file__).resolve().parents[2]
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
CHAPTERS = [chapter["file"] for part in TOC["parts"] for chapter in part["chapters"]]
DOCUMENTS = [TOC["root"], *CHAPTERS, "genindex", "search"]
NOTEBOOKS = [chapter for chapter in CHAPTERS if (ROOT / f"{chapter}.ipynb").exists()]
Open = Callable[..., Any]


@pytest.mark.parametrize(("width", "schemes"), [("desktop", ["light", "dark"]), ("phone", ["dark", "light"])])
@pytest.mark.parametrize("document", DOCUMENTS)
def test_page(visit: Open, address: str, axe: Any, document: str, width: str, schemes: list[str]) -> None:
    """One visit for each width, since opening is dear: begun in one theme, and gone on with in the other."""
    found = {}
    with visit(f"{address}/{document}.html", width, schemes[0]) as opened:
        for scheme in schemes:
            opened.turn(scheme)
            found[scheme] = misplaced(opened.page, scheme)
            # In the dark the page has the same parts in other colours, so one width is enough there.
            rules = {("light", "desktop"): RULES, ("light", "phone"): RULES, ("dark", "desktop"): COLOURS}
            if (scheme, width) in rules:
                found[scheme] += violations(axe, opened.page, rules[scheme, width])
        assert found == {"light": [], "dark": []}
        if document in NOTEBOOKS:
            assert opened.page.locator("mjx-container:visible").count() > 0
            assert opened.page.locator(".bd-article .cell_output img").first.is_visible()
            assert opened.page.locator('.bd-article a[href^="https://colab.research.google.com/"]').is_visible()
        assert opened.problems == []
        assert opened.foreign == []


# Faults for axe, planted together. In code a class tells them: a word with another attribute is always checked.
PLANT = """() => {
  const visible = { opacityProperty: true, visibilityProperty: true };
  const shown = (selector) => [...document.querySelectorAll(selector)].filter((one) => one.checkVisibility(visible));
  const cells = shown(".bd-article .highlight:has(.n)");
  const words = shown(".bd-article .highlight pre .n").filter((word) => word.textContent.length > 1);
  document.head.insertAdjacentHTML("beforeend", `<style>
    * { transition: none !important }
    p.planted, .highlight pre .planted-word, .highlight pre .kn { color: #bbb !important }
    .planted-cell, .planted-cell * { background: #7a7a7a !important }
    .planted-faint { opacity: 0.4 }
  </style>`);
  document.querySelector(".bd-article img").removeAttribute("alt");
  document.querySelector(".bd-article p").className = "planted";
  words[words.length >> 1].classList.add("planted-word");
  words[words.length >> 2].setAttribute("role", "planted");
  for (const [cell, fault] of [[cells.at(-1), "planted-cell"], [cells.at(-2), "planted-faint"]]) {
    cell.classList.add(fault);
    cell.querySelectorAll("span").forEach((word) => word.classList.add(`in-${fault}`));
  }
}"""
FOUND = [
    "image-alt: <img",
    'color-contrast: <p class="planted"',
    'color-contrast: <span class="n planted-word"',
    'color-contrast: <span class="kn"',
    "in-planted-cell",
    "in-planted-faint",
    'aria-roles: <span class="n" role="planted"',
]


def test_axe_would_find_something(visit: Open, address: str, axe: Any) -> None:
    """A picture, a paragraph, and in code: one word, a kind of word, a cell's background, its opacity and a role."""
    with visit(f"{address}/book/training_loop.html") as opened:
        opened.page.evaluate(PLANT)
        found = violations(axe, opened.page)
        assert [fault for fault in FOUND if not any(fault in one for one in found)] == [], found


def test_what_is_misplaced_would_be_found(visit: Open, address: str) -> None:
    figure = "document.querySelector('.bd-article .cell_output img')"
    with visit(f"{address}/book/training_loop.html") as opened:
        for fault, undo, said in (
            ("document.body.style.paddingRight = '3000px'", "document.body.style = ''", "px wide in a window of"),
            (f"{figure}.style.width = '50px'", f"{figure}.style.width = ''", "is 50 px wide at"),
            (f"{figure}.style.marginLeft = '-600px'", f"{figure}.style.marginLeft = ''", "px wide at -"),
            ("document.documentElement.dataset.theme = 'dark'", "0", "the theme is dark, not light"),
        ):
            assert misplaced(opened.page, "light") == []
            opened.page.evaluate(fault)
            assert said in str(misplaced(opened.page, "light"))
            opened.page.evaluate(undo)
        opened.page.evaluate("document.body.append(document.createElement('mjx-merror'))")
        assert misplaced(opened.page, "dark") == ["a formula is an error"]


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
