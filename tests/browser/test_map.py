"""The map of the book in Chromium: a click and the arrow keys on the built page open recipes in the page's lab."""

from __future__ import annotations

from typing import Any

import pytest

PIXEL = ".gan-map a"
RECIPE = "() => document.querySelector('gan-lab').shadowRoot !== null"


@pytest.fixture
def page(browser: Any, address: str) -> Any:
    opened = browser.new_page(viewport={"width": 1200, "height": 900})
    opened.goto(f"{address}/book/map.html")
    opened.wait_for_function(RECIPE)
    yield opened
    opened.close()


def test_a_click_opens_the_pixels_recipe_in_the_lab(page: Any) -> None:
    pixel = page.locator(PIXEL).nth(40)
    link = pixel.get_attribute("href")
    pixel.click()
    page.wait_for_function("link => location.hash === link", arg=link)
    assert pixel.get_attribute("aria-current") == "true"
    words = pixel.get_attribute("aria-label")
    rate = float(words.split("lr_g ")[1].split(":")[0])
    note = "rate => [...document.querySelector('gan-lab').shadowRoot.querySelectorAll('input, output')].some("
    note += "(element) => Math.abs(Number.parseFloat(element.value) / rate - 1) < .02)"
    page.wait_for_function(note, arg=rate)


def test_arrow_keys_walk_and_enter_opens(page: Any) -> None:
    first = page.locator(PIXEL).first
    first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowUp")
    place = page.evaluate("() => document.activeElement.dataset.at")
    assert place == "1,1"
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")  # at the edge nothing moves
    assert page.evaluate("() => document.activeElement.dataset.at") == "0,1"
    page.keyboard.press("Enter")
    page.wait_for_function("() => location.hash === document.activeElement.getAttribute('href')")


def test_without_javascript_the_map_is_a_picture_with_words(browser: Any, address: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    plain = context.new_page()
    plain.goto(f"{address}/book/map.html")
    assert plain.locator(PIXEL).count() >= 81
    assert "lr_d" in plain.locator(PIXEL).first.get_attribute("aria-label")
    context.close()
