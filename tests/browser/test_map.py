"""The map in Chromium: a click and the arrow keys, beside a lab on the built page, and as a notebook's widget."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gan_tutor.recipes import Recipe

pytest.importorskip("anywidget", reason="anywidget is not installed: pip install 'gan-tutor[lab]'")

from gan_tutor import lab, recipes

RATES = (1e-3, 1e-2, 1e-1)
ROWS = [{"lr_d": d, "lr_g": g, "overlap": g + d} for d in RATES for g in RATES]
HINGE = Recipe(loss="hinge")
PIXEL = ".gan-map a"
PAGE = '<!doctype html><html lang="en"><meta charset="utf-8"><title>Map</title><body>{}</body></html>'
FOCUS = "() => document.activeElement.dataset.at"
# A notebook's model: it writes down what is sent, and answers "ready" as the kernel does.
WIDGET = """async ([code, html]) => {
  const { default: widget } = await import(`data:text/javascript;base64,${code}`);
  window.sent = [];
  let hear = null;
  const model = {
    on: (_, callback) => { hear = callback; },
    send: (message) => message.ready ? hear({ html }) : window.sent.push(message),
  };
  const el = document.body.appendChild(document.createElement("div"));
  widget.render({ model, el });
}"""


@pytest.fixture(scope="module")
def drawn() -> Any:
    return lab.phase_map({"hinge": lab.pixels(ROWS, HINGE, "lr_g", "lr_d")}, "lr_g", "lr_d")


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    opened = browser.new_page(viewport={"width": 900, "height": 700})
    yield opened
    opened.close()


def test_arrow_keys_walk_and_enter_follows_the_link(page: Any, drawn: Any, tmp_path: Path) -> None:
    (tmp_path / "map.html").write_text(PAGE.format(drawn.html()), encoding="utf-8")
    page.goto((tmp_path / "map.html").as_uri())
    page.keyboard.press("Tab")
    assert page.evaluate(FOCUS) == "0,0"
    for key, place in (("ArrowRight", "1,0"), ("ArrowUp", "1,1"), ("ArrowLeft", "0,1"), ("ArrowLeft", "0,1")):
        page.keyboard.press(key)
        assert page.evaluate(FOCUS) == place
    page.keyboard.press("Enter")
    assert page.evaluate("() => location.hash") == page.evaluate("() => document.activeElement.getAttribute('href')")
    assert page.locator(f"{PIXEL}[aria-current]").get_attribute("data-at") == "0,1"
    page.keyboard.press("Tab")  # a panel is one stop
    assert page.evaluate("() => document.activeElement === document.body")


def test_in_a_notebook_a_click_is_told_to_the_kernel(page: Any, drawn: Any) -> None:
    page.set_content(PAGE.format(""))
    page.evaluate(WIDGET, [base64.b64encode(drawn._esm.encode()).decode(), drawn.picture])
    page.locator(PIXEL).nth(5).click()
    (message,) = page.evaluate("() => window.sent")
    link, at = message["open"].split("&")
    assert recipes.from_link(link) == Recipe(loss="hinge", lr_d=1e-2, lr_g=1e-1)
    assert at == "at=0"
    assert page.evaluate("() => location.hash") == ""
    page.locator(PIXEL).nth(5).press("ArrowDown")
    assert page.evaluate(FOCUS) == "2,0"


def test_without_javascript_the_map_is_a_picture_with_words(browser: Any, drawn: Any) -> None:
    context = browser.new_context(java_script_enabled=False)
    plain = context.new_page()
    plain.set_content(PAGE.format(drawn.html()))
    assert plain.locator(PIXEL).count() == 9
    assert plain.locator(PIXEL).nth(5).get_attribute("aria-label").startswith("lr_d 0.01, lr_g 0.1: 0.11")
    assert plain.locator(f"{PIXEL} rect").nth(5).bounding_box()["width"] > 10
    context.close()


def test_on_the_site_a_click_opens_the_pixels_recipe_in_the_pages_lab(page: Any, address: str) -> None:
    page.goto(f"{address}/book/map.html")
    page.wait_for_function("() => document.querySelector('gan-lab')?.shadowRoot?.querySelector('select')")
    pixel = page.locator("figure:has(figcaption:text-is('hinge')) a").nth(40)
    link = pixel.get_attribute("href")
    assert recipes.from_link(link.split("&")[0]).loss == "hinge"
    pixel.click()
    found = page.locator("gan-lab")
    found.locator("[data-field=loss] option:checked", has_text="hinge").wait_for(state="attached")
    assert pixel.get_attribute("aria-current") == "true"
    assert found.locator("[data-field=loss] select").input_value() == "hinge"
