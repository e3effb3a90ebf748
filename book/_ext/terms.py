"""The glossary's reach: Chinese terms with their language, links from chapters, and the index of terms.

* the role {zh}`simplified|traditional` marks the language of its two halves, so that screen readers and fonts know it;
* the first mention of a glossary term becomes a link to its entry: in bold anywhere, in a chapter also in plain text;
* the index lists, below each term, the pages that name it.
"""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

LABELS = (("简", "zh-Hans"), ("繁", "zh-Hant"))
NOT_LINKED = (nodes.reference, nodes.title, nodes.literal, nodes.math, nodes.caption, nodes.strong)
# Terms that are also ordinary words, or on every page: they become links only in bold or by a {term} role.
EVERYDAY = {
    "batch", "checkpoint", "condition", "coverage", "density", "expectation", "gan", "generative adversarial network",
    "initialisation", "learning rate", "likelihood", "mode", "packing", "penalty", "recipe", "seed", "support",
}  # fmt: skip


def chinese(
    name: str, rawtext: str, text: str, lineno: int, inliner: Any, options: Any = None, content: Any = ()
) -> Any:
    """The role {zh}`simplified|traditional`; one half serves for both if the characters are the same."""
    halves = text.split("|")
    shown = list(zip(LABELS, halves, strict=True)) if len(halves) == 2 else [(("简繁", "zh"), text)]
    parts: list[nodes.Node] = []
    for (label, language), words in shown:
        inside = [nodes.inline("", label, classes=["zh-label"]), nodes.Text(f" {words}")]
        parts += [nodes.inline("", "", *inside, classes=[f"language-{language}"]), nodes.Text(" · ")]
    return [nodes.inline("", "", *parts[:-1], classes=["zh"])], []


def glossary_terms(env: BuildEnvironment) -> dict[str, tuple[str, str, str]]:
    """The terms in lower case, each with its own spelling, document and anchor."""
    objects = env.get_domain("std").objects
    return {name.lower(): (name, *place) for (kind, name), place in objects.items() if kind == "term"}


def link_terms(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Link the first mention of each term on a page to the glossary: in bold anywhere, in a chapter's prose too."""
    terms = glossary_terms(app.env)
    here = {name for name, (_, document, _) in terms.items() if document == docname}
    left = {name: f"{app.builder.get_relative_uri(docname, at[1])}#{at[2]}" for name, at in terms.items()}

    def link(name: str, *shown: nodes.Node) -> nodes.reference:
        return nodes.reference("", "", *shown, internal=True, refuri=left.pop(name), classes=["term"])

    if here or not left:
        return
    for bold in list(doctree.findall(nodes.strong)):
        name = bold.astext().lower()
        if name in left and not inside(bold, NOT_LINKED):
            bold[:] = [link(name, *bold.children)]
    if app.env.doc2path(docname).endswith(".ipynb"):
        words = sorted((name for name in left if name not in EVERYDAY), key=len, reverse=True)
        pattern = re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, words))})s?(?![\w-])", re.IGNORECASE)
        for text in list(doctree.findall(nodes.Text)):
            if inside(text, (nodes.paragraph,)) and not inside(text, NOT_LINKED):
                parts, end = [], 0
                for found in pattern.finditer(text):
                    if found[1].lower() in left:
                        parts += [nodes.Text(text[end : found.start()]), link(found[1].lower(), nodes.Text(found[0]))]
                        end = found.end()
                if parts:
                    text.parent.replace(text, [*parts, nodes.Text(text[end:])])


def inside(node: nodes.Node, kinds: tuple[type[nodes.Node], ...]) -> bool:
    """Whether a node is below a node of one of these kinds."""
    while node.parent is not None:
        node = node.parent
        if isinstance(node, kinds):
            return True
    return False


def named_by(node: nodes.Node, terms: dict[str, Any]) -> set[str]:
    """The terms, in lower case, that one node of a page names: single words in a title, bold or linked only."""
    if isinstance(node, nodes.strong):
        named = {node.astext().lower()}
    elif isinstance(node, pending_xref) and node["reftype"] == "term":
        named = {node["reftarget"].lower()}
    elif isinstance(node, (nodes.title, nodes.paragraph)):
        words, only_long = node.astext().lower(), isinstance(node, nodes.paragraph)
        candidates = {term for term in terms if term in words and not (only_long and re.fullmatch(r"\w+", term))}
        named = {term for term in candidates if re.search(rf"\b{re.escape(term)}\b", words)}
    else:
        named = set()
    return named & terms.keys()


def section_of(node: nodes.Node) -> str:
    """The id of the innermost section around a node, or an empty one: the top of the page."""
    while node.parent is not None:
        node = node.parent
        if isinstance(node, nodes.section):
            return str(node["ids"][0])
    return ""


def fill_index(app: Sphinx, env: BuildEnvironment) -> None:
    """Add to the index, for every term and page, the first section that names the term there."""
    terms, index = glossary_terms(env), env.get_domain("index").entries
    for document in env.all_docs.keys() - {document for _, document, _ in terms.values()}:
        seen: set[str] = set()
        for node in env.get_doctree(document).findall():
            for term in sorted(named_by(node, terms) - seen):
                seen.add(term)
                name = f"{terms[term][0]}; {env.titles[document].astext()}"
                entry = ("single", name, section_of(node), "", None)
                if entry not in index.setdefault(document, []):
                    index[document].append(entry)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the role and the two passes."""
    app.add_role("zh", chinese)
    app.connect("doctree-resolved", link_terms)
    app.connect("env-updated", fill_index)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
