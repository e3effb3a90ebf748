"""From chapter to assignment to student's copy: nothing of a solution is left, and bytes repeat."""

import re
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from gan_tutor.classroom import assignment, chapters

ROOT = Path(__file__).resolve().parents[2]
SLUGS = [chapter.slug for chapter in chapters.with_exercises()]


def marks(grade_id, *, check=False, **more):
    base = {"grade": check, "grade_id": grade_id, "locked": check, "schema_version": 3, "solution": not check}
    return {"nbgrader": {**base, "task": False, **({"points": 1} if check else {}), **more}}


def own(answer="### BEGIN SOLUTION\nx = 1\n### END SOLUTION", check="assert x == 1"):
    """A teacher's own assignment."""
    return new_notebook(
        cells=[
            new_markdown_cell("# Mine"),
            new_code_cell(answer, metadata=marks("one")),
            new_code_cell(check, metadata=marks("one-check", check=True)),
        ]
    )


@pytest.mark.parametrize("slug", SLUGS)
def test_a_released_copy_is_valid_and_without_solutions(slug):
    nb = assignment.read(ROOT / "book" / f"{slug}.ipynb")
    copy = assignment.released(nb)
    nbformat.validate(copy)
    text = nbformat.writes(copy)
    assert "SOLUTION" not in text
    given = "".join(cell.source for cell in nb.cells if assignment.role(cell) != "answer")  # such as a bug to find
    for cell in nb.cells:
        if assignment.role(cell) == "answer":
            solution = re.search("BEGIN SOLUTION\n(.*?)\n *### END", cell.source, re.DOTALL)[1].splitlines()
            lines = {line.strip() for line in solution if len(line.strip()) > 12 and line.strip() not in given}
            assert not [line for one in copy.cells for line in lines if line in one.source]
    for cell in copy.cells:
        assert cell.cell_type == "markdown" or (cell.outputs, cell.execution_count) == ([], None)
    assert assignment.answer_ids(copy) == assignment.answer_ids(nb)
    assert len({cell.id for cell in copy.cells}) == len(copy.cells)


@pytest.mark.parametrize("slug", SLUGS)
def test_a_released_copy_reads_well_outside_the_book(slug):
    copy = assignment.released(assignment.read(ROOT / "book" / f"{slug}.ipynb"))
    for cell in copy.cells:
        assert not assignment.MYST.search(cell.source), cell.id
        assert not assignment.LINK.search(cell.source), cell.id


def test_releasing_twice_gives_the_same_bytes(tmp_path):
    once = assignment.write([ROOT / "book"], tmp_path / "a")
    twice = assignment.write([ROOT / "book"], tmp_path / "b")
    assert sorted(path.stem for path in once) == sorted(SLUGS)
    assert [path.read_bytes() for path in once] == [path.read_bytes() for path in twice]


def test_a_teacher_s_own_notebook_is_an_assignment(tmp_path):
    nb = own("# given\n### BEGIN SOLUTION\nx = 1\n### END SOLUTION\nprint(x)")
    nb.cells[2].source = "assert x\n### BEGIN HIDDEN TESTS\nassert x == 1\n### END HIDDEN TESTS\n"
    nbformat.write(nb, tmp_path / "mine.ipynb")
    (path,) = assignment.write([tmp_path], tmp_path / "out")
    copy = nbformat.read(path, as_version=4)
    assert copy.cells[1].source == f"# given\n{assignment.STUB}\nprint(x)"
    assert copy.cells[2].source == "assert x"
    assert (
        nbformat.read(assignment.write([tmp_path], tmp_path / "out", solutions=True)[0], as_version=4)
        .cells[2]
        .source.count("HIDDEN")
        == 2
    )


def test_a_cell_without_a_region_is_replaced_whole_and_indents_stay():
    assert assignment.starter("x = 1") == assignment.STUB
    inner = "def f():\n    ### BEGIN SOLUTION\n    return 1\n    ### END SOLUTION\n\n\ny = f()"
    assert assignment.starter(inner) == "def f():\n    # YOUR CODE HERE\n    raise NotImplementedError()\n\n\ny = f()"


def no_id(nb):
    nb.cells[1].metadata.nbgrader.grade_id = ""


def same_ids(nb):
    nb.cells[2].metadata.nbgrader.grade_id = "one"


def no_points(nb):
    del nb.cells[2].metadata.nbgrader["points"]


def negative_points(nb):
    nb.cells[2].metadata.nbgrader.points = -0.5


def points_in_words(nb):
    nb.cells[2].metadata.nbgrader.points = "two"


def true_points(nb):
    nb.cells[2].metadata.nbgrader.points = True


def endless_points(nb):
    nb.cells[2].metadata.nbgrader.points = float("inf")


def open_region(nb):
    nb.cells[1].source = "### BEGIN SOLUTION\nx = 1"


def no_answers(nb):
    nb.cells = nb.cells[:1]


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (no_id, "grade_id of its own"),
        (same_ids, "grade_id of its own"),
        (no_points, "needs points"),
        (negative_points, "0 or more; got -0.5"),
        (points_in_words, "0 or more; got 'two'"),
        (true_points, "0 or more; got True"),
        (endless_points, "0 or more; got inf"),
        (open_region, "does not end"),
        (no_answers, "no answer cells"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_is_wrong_with_an_assignment_is_said(tmp_path, spoil, why):
    nb = own()
    spoil(nb)
    nbformat.write(nb, tmp_path / "mine.ipynb")
    with pytest.raises(ValueError, match=why):
        assignment.read(tmp_path / "mine.ipynb")


def test_a_citation_in_an_exercise_s_text_is_refused(tmp_path):
    nb = nbformat.read(ROOT / "book" / "losses.ipynb", as_version=4)
    next(cell for cell in nb.cells if cell.id == "ex-losses-ragan").source += " {cite}`goodfellow2014gan`"
    nbformat.write(nb, tmp_path / "losses.ipynb")
    with pytest.raises(ValueError, match="only the book understands"):
        assignment.read(tmp_path / "losses.ipynb")


def test_a_folder_without_assignments_is_said(tmp_path):
    with pytest.raises(ValueError, match="notebooks with exercises"):
        assignment.write([tmp_path], tmp_path / "out")
