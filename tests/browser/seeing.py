"""What a machine can see of a page's looks: widths and figures, and the violations that axe-core finds."""

from __future__ import annotations

from typing import Any

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
COLOURS = ["cat.color"]  # axe's tag of the rules on contrast, and on links told by colour alone
CONTRAST = ["color-contrast", "color-contrast-enhanced"]

# A chapter's code has thousands of words in a dozen colours, and axe takes milliseconds for each. This leaves axe two
# of each look: colour, size, weight, and every background and opacity behind it. A word with an attribute of its own,
# a style or a role, is no plain word and is never set aside. One of one letter always is: axe judges none of those.
SET_ASIDE = """() => {
  const behind = new Map();
  const look = (element) => {
    if (!element) return "";
    if (!behind.has(element)) {
      const { backgroundColor, backgroundImage, opacity, filter, mixBlendMode } = getComputedStyle(element);
      const own = [backgroundColor, backgroundImage, opacity, filter, mixBlendMode].join();
      behind.set(element, look(element.parentElement) + "|" + own);
    }
    return behind.get(element);
  };
  document.querySelectorAll("[data-like-others]").forEach((word) => word.removeAttribute("data-like-others"));
  const seen = new Map(), aside = [];
  for (const word of document.querySelectorAll(".highlight pre span")) {
    if (word.children.length || word.getAttributeNames().some((name) => name !== "class")) continue;
    if (!word.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
    if (word.textContent.trim().length < 2) { aside.push(word); continue; }
    const { color, fontSize, fontWeight, textShadow, webkitTextStroke } = getComputedStyle(word);
    const key = [color, fontSize, fontWeight, textShadow, webkitTextStroke, look(word)].join(";");
    seen.set(key, (seen.get(key) ?? 0) + 1);
    if (seen.get(key) > 2) aside.push(word);
  }
  for (const word of aside) word.setAttribute("data-like-others", ""); // not before: each change costs a new layout
  return seen.size;
}"""

# Every picture of a cell's output that is not inside a folded solution: left edge, width, and width of the file.
FIGURES = """() => Promise.all([...document.querySelectorAll(".bd-article .cell_output img")]
  .filter((image) => image.checkVisibility())
  .map(async (image) => {
    await image.decode();
    const { x, width } = image.getBoundingClientRect();
    return [image.getAttribute("src"), x, width, image.naturalWidth];
  }))"""


# An axe context that excludes thousands of elements is slower than one that has them all; a rule's selector is not.
RUN = """([rules, options]) => {
  axe.configure({ rules: rules.map((id) => ({ id, selector: "*:not([data-like-others])" })) });
  return axe.run(document, options);
}"""


def violations(axe: Any, page: Any, rules: list[str] = RULES) -> list[str]:
    """What axe-core finds on a page: rule, element and reason."""
    page.evaluate(SET_ASIDE)
    page.evaluate(axe.axe_script)
    options = {"runOnly": rules, "resultTypes": ["violations"], "preload": False, "elementRef": False}
    found = page.evaluate(RUN, [CONTRAST, options])["violations"]
    return [f"{rule['id']}: {node['html'][:120]} {node['failureSummary']}" for rule in found for node in rule["nodes"]]


def misplaced(page: Any, scheme: str) -> list[str]:
    """What is wrong with a page at sight: another theme, too wide, a formula or a figure that is not shown."""
    found = []
    theme = page.evaluate("document.documentElement.dataset.theme")
    if theme != scheme:
        found.append(f"the theme is {theme}, not {scheme}")
    scroll, inner = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    if scroll > inner:
        found.append(f"the page is {scroll} px wide in a window of {inner} px")
    if page.locator("mjx-merror").count():
        found.append("a formula is an error")
    for name, x, width, pixels in page.evaluate(FIGURES):
        if not (width > 100 and pixels > 100 and 0 <= x <= inner - width):
            found.append(f"{name} is {width} px wide at {x}, of {pixels} pixels")
    return found
