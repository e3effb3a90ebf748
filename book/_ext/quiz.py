"""Questions whose options explain themselves: the `question` directive of the revision page.

    :::{question}
    What is D's loss when it answers logit 0 to everything?

    [x] $2 \\log 2$
    : Yes: each of the two means is softplus(0) = log 2.

    [ ] $0$
    : That is a D that is always right and sure.
    :::

Each option is a `<details>`: its text is the summary, its explanation is what opens. That is the whole quiz without
JavaScript: a browser folds and unfolds it, by mouse, keyboard or screen reader. `quiz.js` adds a score.

With `:numeric:` the reader types a number; the options are then the right value and known mistakes, each
like `[x] 1.386 +- 0.01`, and `[ ] else`. Without JavaScript they are folded behind the one word "Answer".
"""

from __future__ import annotations

import re
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

MARK = re.compile(r"^\[(?P<mark>[x ])\] ?")
NUMBER = re.compile(r"(?P<value>[-+]?\d*\.?\d+(?:e[-+]?\d+)?)(?: \+- (?P<tolerance>\d*\.?\d+))?", re.IGNORECASE)

YES_NO = {True: "yes", False: "no"}
# Whether an option is right, its inline text, its explanation.
Option = tuple[bool, list[nodes.Node], list[nodes.Node]]


class html_element(nodes.General, nodes.Element):
    """An HTML element: its name is `tag`, its further attributes are `data`."""


def element(tag: str, *children: nodes.Node, **data: str) -> html_element:
    """Return an `html_element`; `data_right="yes"` becomes the attribute data-right."""
    return html_element("", *children, tag=tag, data={name.replace("_", "-"): value for name, value in data.items()})


class Question(SphinxDirective):
    """One question with its options, see the module's text."""

    has_content = True
    option_spec: ClassVar = {"numeric": directives.flag, "unit": directives.unchanged}

    def run(self) -> list[nodes.Node]:
        """Return the question as an item with a list of folding options."""
        parsed = nodes.container()
        self.state.nested_parse(self.content, self.content_offset, parsed)
        options = [node for node in parsed if isinstance(node, nodes.definition_list)]
        if len(options) != 1:
            raise self.error("a question needs its text and one list of options, each with an explanation")
        text = [node for node in parsed if node is not options[0]]
        read = [self.read(item) for item in options[0]]
        if [right for right, _, _ in read].count(True) != 1 or len(read) < 2:
            raise self.error("a question needs exactly one option [x], and at least one option [ ]")
        numeric = "numeric" in self.options
        body = self.numeric(read) if numeric else self.choice(read)
        name = f"Question {self.env.new_serialno('question') + 1}"
        heading = nodes.paragraph("", name, classes=["question-number"])
        classes, ids = ["question", "numeric" if numeric else "choice"], [nodes.make_id(name)]
        return [nodes.container("", heading, *text, body, classes=classes, ids=ids)]

    def read(self, item: Any) -> Option:
        """Return whether an option is right, its inline text and its explanation."""
        term, explanation = item[0], item[-1]
        first = term[0] if term.children else None
        mark = MARK.match(first.astext()) if isinstance(first, nodes.Text) else None
        if mark is None or not isinstance(explanation, nodes.definition):
            raise self.error(f"an option begins with [x] or [ ] and has an explanation: {term.astext()!r}")
        rest = [nodes.Text(first.astext()[mark.end() :]), *term.children[1:]]
        return mark["mark"] == "x", rest, list(explanation.children)

    def choice(self, read: list[Option]) -> nodes.Element:
        """Return a list whose items fold open."""
        items = nodes.enumerated_list(enumtype="upperalpha", prefix="", suffix=".", classes=["options"])
        for right, text, explanation in read:
            verdict = nodes.paragraph("", "", nodes.strong("", "Right." if right else "Not this one."))
            fold = element("details", element("summary", *text), verdict, *explanation, data_right=YES_NO[right])
            items += nodes.list_item("", fold)
        return items

    def numeric(self, read: list[Option]) -> nodes.Element:
        """Return one fold that lists the right value and the known mistakes."""
        unit = self.options.get("unit", "")
        fold = element("details", element("summary", nodes.Text("Answer")), data_unit=unit)
        for right, text, explanation in read:
            said = "".join(node.astext() for node in text).strip()
            number = NUMBER.fullmatch(said)
            if number is None and (right or said != "else"):
                raise self.error(f"a numeric option is a number, 'number +- tolerance' or 'else', not {said!r}")
            value, tolerance = number.groups("0") if number else ("Any other number", "")
            label = nodes.paragraph("", "", nodes.strong("", f"{value} {unit}" if number and unit else value))
            data = {"data_value": value, "data_within": tolerance} if number else {}
            fold += element("div", label, *explanation, data_right=YES_NO[right], **data)
        return fold


def opening(self: Any, node: html_element) -> None:
    """Write the opening tag."""
    self.body.append(self.starttag(node, node["tag"], "", **node["data"]))


def closing(self: Any, node: html_element) -> None:
    """Write the closing tag."""
    self.body.append(f"</{node['tag']}>\n")


def nothing(self: Any, node: html_element) -> None:
    """Writers other than HTML show what is inside."""


def keep_score(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Load the script on pages that ask questions, and only there."""
    if doctree is not None and any("question" in node["classes"] for node in doctree.findall(nodes.container)):
        app.add_js_file("quiz.js", loading_method="defer")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive, its node and the script."""
    plain = (nothing, nothing)
    app.add_node(html_element, html=(opening, closing), latex=plain, text=plain, texinfo=plain, man=plain)
    app.add_directive("question", Question)
    app.connect("html-page-context", keep_score)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
