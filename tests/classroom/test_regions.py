"""What students must not get: regions are read as nbgrader reads them, and what is doubtful is refused."""

import copy

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from gan_tutor.classroom import assignment, regions

NO_NBGRADER = "nbgrader is not installed: pip install 'gan-tutor[test]'"

MARKS = {"schema_version": 3, "locked": False, "grade": False, "solution": False, "task": False}
SOLUTION = {**MARKS, "solution": True, "grade_id": "q"}
CHECK = {**MARKS, "grade": True, "locked": True, "grade_id": "q-check", "points": 1}
ESSAY = {**MARKS, "grade": True, "solution": True, "grade_id": "essay", "points": 3}
TASK = {**MARKS, "task": True, "locked": True, "grade_id": "task", "points": 4}
ANSWER = "def f(x):\n    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION"
TEST = "assert f(1) == 2\n### BEGIN HIDDEN TESTS\nassert f(21) == 42\n### END HIDDEN TESTS"


def nb_of(*cells):
    """A notebook of (source, marks), Markdown where the source begins with a heading or the marks are a text's."""
    made = []
    for source, marks in cells:
        new = new_markdown_cell if marks in (ESSAY, TASK) or source.startswith("#  ") else new_code_cell
        made.append(new(source, metadata={"nbgrader": marks} if marks else {}))
    return new_notebook(cells=made)


def theirs(nb):
    """What nbgrader hands out."""
    pre = pytest.importorskip("nbgrader.preprocessors", reason=NO_NBGRADER)
    nb, resources = copy.deepcopy(nb), {}
    for step in (pre.ClearSolutions, pre.CheckCellMetadata, pre.ClearHiddenTests, pre.ClearMarkScheme):
        nb, resources = step().preprocess(nb, resources)
    return [cell.source.rstrip() for cell in nb.cells]


def ours(nb):
    return [cell.source.rstrip() for cell in assignment.released(assignment.checked(nb, "mine")).cells]


SAME = {
    "plain": [(ANSWER, SOLUTION), (TEST, CHECK)],
    "one hash": [(ANSWER.replace("###", "#"), SOLUTION), (TEST.replace("###", "#"), CHECK)],
    "words behind": [(ANSWER, SOLUTION), (TEST.replace("TESTS", "TESTS (teacher)"), CHECK)],
    "words before": [(ANSWER.replace("### ", "# my: "), SOLUTION), (TEST.replace("### ", "x = 1  # "), CHECK)],
    "no comment": [(ANSWER.replace("### ", ""), SOLUTION), (TEST.replace("### ", ""), CHECK)],
    "two regions": [(ANSWER + "\ny = 1\n" + ANSWER, SOLUTION), (TEST + "\nassert f\n" + TEST, CHECK)],
    "indented": [(ANSWER, SOLUTION), ("if f:\n    # BEGIN HIDDEN TESTS\n    g(42)\n    # END HIDDEN TESTS", CHECK)],
    "whole cell": [("def f(x): return 2 * x", SOLUTION), (TEST, CHECK)],
    "essay": [(ANSWER, SOLUTION), (TEST, CHECK), ("It is 42, because ...", ESSAY)],
    "essay with a region": [(ANSWER, SOLUTION), ("Why?\n<!-- BEGIN SOLUTION -->\n42\n<!-- END SOLUTION -->", ESSAY)],
    "task": [(ANSWER, SOLUTION), ("Draw.\n\n### BEGIN MARK SCHEME\n2 for 42\n### END MARK SCHEME\nWell.", TASK)],
    "hidden in an answer": [(ANSWER + "\n" + TEST, ESSAY | {"grade_id": "code"}), (ANSWER, SOLUTION)],
    "tabs, CR": [(ANSWER.replace("    ", "\t"), SOLUTION), (TEST.replace("\n", "\r\n"), CHECK)],
}  # fmt: skip


@pytest.mark.parametrize("name", SAME)
def test_students_get_what_nbgrader_gives_them(name):
    nb = nb_of(*SAME[name])
    given = ours(nb)
    assert [one.replace("\r", "") for one in given] == [one.replace("\r", "") for one in theirs(nb)]
    text = "\n".join(given)
    assert "42" not in text
    assert "2 * x" not in text
    assert not [mark for mark in ("SOLUTION", "HIDDEN", "SCHEME", "teacher") if mark in text]


REFUSED = {
    "hidden, no end": [(ANSWER, SOLUTION), (TEST.rpartition("\n")[0], CHECK)],
    "solution, no end": [(ANSWER.rpartition("\n")[0], SOLUTION)],
    "scheme, no end": [(ANSWER, SOLUTION), ("BEGIN MARK SCHEME\n42", TASK)],
    "nested": [(ANSWER, SOLUTION), ("# BEGIN HIDDEN TESTS\n" + TEST, CHECK)],
    "solution in a plain cell": [(ANSWER, SOLUTION), (ANSWER, None)],
    "solution in a check": [(ANSWER, SOLUTION), (ANSWER, CHECK)],
    "solution in a text": [(ANSWER, SOLUTION), ("#  Hint\nBEGIN SOLUTION\n42\nEND SOLUTION", None)],
    "hidden in a plain cell": [(ANSWER, SOLUTION), (TEST, None)],
    "hidden in an answer without marks": [(ANSWER + "\n" + TEST, SOLUTION)],
    "scheme in a check": [(ANSWER, SOLUTION), ("# BEGIN MARK SCHEME\n42\n# END MARK SCHEME", CHECK)],
    "both in one line": [(ANSWER, SOLUTION), ("# BEGIN HIDDEN TESTS END HIDDEN TESTS\nassert f(21) == 42", CHECK)],
    "a check in Markdown": [(ANSWER, SOLUTION), ("#  42", CHECK)],
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_nbgrader_refuses_is_refused(name, tmp_path):
    nb = nb_of(*REFUSED[name])
    pytest.importorskip("nbgrader", reason=NO_NBGRADER)
    with pytest.raises(Exception, match=r"(?i)region|statement|valid|cell"):
        theirs(nb)
    nbformat.write(nb, tmp_path / "mine.ipynb")
    with pytest.raises(ValueError, match=r"mine\.ipynb: (cell|the check) \S+"):
        assignment.write([tmp_path / "mine.ipynb"], tmp_path / "out")
    assert not (tmp_path / "out").exists(), "nothing is written"


@pytest.mark.parametrize(
    "line",
    [
        "### begin hidden tests",
        "#BEGIN HIDDEN TEST",
        "# BEGIN  HIDDEN  TESTS",
        "# BEGIN_HIDDEN_TESTS",
        "### Begin Solution",
        "# END OF SOLUTION",
        "# START SOLUTION",
        "### AUTOTEST f(3)",
        "### HASHED AUTOTEST f(3)",
        "# BEGIN MARKING SCHEME",
    ],
)
def test_what_only_looks_like_a_mark_is_refused(line):
    assert regions.doubtful(f"x = 1\n    {line}\ny = 2") == line
    nb = nb_of((ANSWER, SOLUTION), (f"assert f(1) == 2\n{line}\nassert f(21) == 42", CHECK))
    with pytest.raises(ValueError, match="looks like a mark of nbgrader"):
        assignment.checked(nb, "mine")


@pytest.mark.parametrize(
    "line",
    [
        "# begin with x = 1",
        "# the solution begins here",
        "# end of the loop",
        "print('begin solution')",
        "# Solutions",
        "",
    ],
)
def test_other_comments_are_no_marks(line):
    assert regions.doubtful(line) == ""


@pytest.mark.parametrize(("kind", "why"), [("BEGIN", "does not end"), ("END", "does not begin")])
def test_half_a_region_is_said(kind, why):
    for word in regions.KINDS:
        with pytest.raises(ValueError, match=why):
            regions.without(f"a\n# {kind} {word}\nb", word)


def test_pictures_of_a_solution_and_what_widgets_showed_do_not_travel():
    nb = nb_of((ANSWER, SOLUTION), ("![proof](attachment:proof.png)", ESSAY))
    nb.cells[1].attachments = {"proof.png": {"image/png": "NDI="}}
    nb.metadata.widgets = {"application/vnd.jupyter.widget-state+json": {"state": {"a": "42"}}}
    nb.cells.append(new_markdown_cell("![given](attachment:g.png)"))
    nb.cells[2].attachments = {"g.png": {"image/png": "AAAA"}}
    copied = assignment.released(assignment.checked(nb, "mine"))
    assert copied.cells[1].attachments == {}
    assert "widgets" not in copied.metadata
    assert list(copied.cells[2].attachments) == ["g.png"], "what is given stays"
    assert nb.cells[1].attachments, "the assignment itself is as it was"
