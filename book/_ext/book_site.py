"""The book's Sphinx extension: pages ask no other host for anything, and read well aloud.

Three small repairs of the theme's output:

* no Thebe: live code from a third-party host is not part of this book;
* each script once: the theme adds some of them twice;
* list roles in the bibliography that screen readers understand.

It also loads the book's other extensions: `terms` (glossary and index), `quiz` (the revision page), `page_lab` (labs
that train in the page) and `explorer` (trained generators that run in the page).
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

# docutils writes roles that WAI-ARIA deprecated: entries of a list must be list items.
ROLES = {
    'role="doc-biblioentry"': 'role="listitem"',
    'role="doc-backlink"': "",
}


def is_thebe(asset: Any) -> bool:
    """Whether a script or style sheet belongs to Thebe."""
    return "thebe" in f"{getattr(asset, 'filename', asset)} {getattr(asset, 'attributes', None)}".lower()


def without_repeats(assets: list[Any]) -> list[Any]:
    """The assets in order, each file or inline body once."""
    first: dict[tuple[str, str], Any] = {}
    for asset in assets:
        attributes = getattr(asset, "attributes", None) or {}
        key = (
            str(getattr(asset, "filename", asset) or ""),
            str(attributes.get("body", "")),
        )
        first.setdefault(key, asset)
    return list(first.values())


def without_thebe(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Remove the configuration that sphinx-thebe appends to every page."""
    for node in list(doctree.findall(nodes.raw)):
        if "x-thebe-config" in node.astext() or "kernelName =" in node.astext():
            node.parent.remove(node)


def mend_page(
    app: Sphinx,
    pagename: str,
    templatename: str,
    context: dict[str, Any],
    doctree: Any,
) -> None:
    """Repair one page's context before it is written."""
    for kind in ("script_files", "css_files"):
        assets = context.get(kind, [])
        assets[:] = without_repeats([a for a in assets if not is_thebe(a)])  # in place: Sphinx keeps the list
    for old, new in ROLES.items():
        if "body" in context:
            context["body"] = context["body"].replace(old, new)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the repairs after the handlers of the theme and of sphinx-thebe."""
    app.connect("doctree-resolved", without_thebe, priority=900)
    app.connect("html-page-context", mend_page, priority=900)
    for extension in ("terms", "quiz", "page_lab", "explorer", "exercises"):
        app.setup_extension(extension)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
