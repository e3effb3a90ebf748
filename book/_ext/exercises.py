"""Show solutions without the marks that nbgrader reads: `### BEGIN SOLUTION` and `### END SOLUTION`."""

from __future__ import annotations

import re

from docutils import nodes
from sphinx.application import Sphinx

MARK = re.compile(r"^[ \t]*### (BEGIN|END) SOLUTION[ \t]*\n?", re.MULTILINE)


def without_marks(app: Sphinx, doctree: nodes.document) -> None:
    """Take the marks out of every code block."""
    for block in doctree.findall(nodes.literal_block):
        if MARK.search(block.astext()):
            text = MARK.sub("", block.astext()).rstrip("\n")
            block.rawsource = text  # Sphinx highlights only a block whose source is its text
            block.children = [nodes.Text(text)]


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the change."""
    app.connect("doctree-read", without_marks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
