"""Points of own assignments: fractions and zeros count as nbgrader counts them, and pages show them as they are."""

import csv
import re
from decimal import Decimal
from fractions import Fraction

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from gan_tutor.classroom import assignment, course, gradebook, grading, points
from gan_tutor.classroom.grading import Mark, Result

NO_NBGRADER = "nbgrader is not installed: pip install 'gan-tutor[test]'"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.0, "0"), (1, "1"), (2.0, "2"), (0.5, "0.5"), (12.5, "12.5"), (100, "100"), (1e-7, "0.0000001")],
)
def test_points_are_shown_without_needless_zeros(value, text):
    assert points.shown(value) == text
    assert points.shown(points.exact(value)) == text
    assert Decimal(text) == Decimal(str(value))


def test_sums_are_exact():
    assert sum([0.1] * 10) != 1, "floats are not"
    assert points.total([0.1] * 10) == 1
    assert points.shown(points.total([12.5] * 7)) == "87.5"
    assert points.total([0.1, 0.2, 1]) == Fraction(13, 10)
    assert points.shown(points.total([])) == "0"


@pytest.mark.parametrize("value", [0, 1, 0.5, 2.5, 1e6])
def test_what_nbgrader_allows_as_points_is_allowed(value):
    validator = pytest.importorskip("nbgrader.nbgraderformat", reason=NO_NBGRADER).MetadataValidator()
    nb = own([value])
    validator.validate_nb(nb)
    assert assignment.check_points(assignment.checked(nb, "mine")) == {"q0-check": value}


@pytest.mark.parametrize("value", [-1, -0.5, "2", True, None, [1], float("nan"), float("inf")])
def test_other_points_are_refused(value):
    nb = own([value])
    with pytest.raises(ValueError, match=r"q0-check needs points .* 0 or more; got"):
        assignment.checked(nb, "mine")


def own(values, checks=()):
    """An assignment with a question for each number of points: f0(x), f1(x) ... must return 2 x."""
    marks = {"schema_version": 3, "locked": False, "grade": False, "solution": False, "task": False}
    cells = []
    for number, value in enumerate(values):
        code = f"def f{number}(x):\n    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION"
        check = dict(enumerate(checks)).get(number) or f"assert f{number}(3) == 6"
        answer = {"nbgrader": {**marks, "solution": True, "grade_id": f"q{number}"}}
        graded = {"nbgrader": {**marks, "grade": True, "locked": True, "grade_id": f"q{number}-check", "points": value}}
        cells += [new_code_cell(code, metadata=answer), new_code_cell(check, metadata=graded)]
    return new_notebook(cells=cells)


def graded(values, wrong=(), zero_of=None):
    """The result of a submission whose questions in `wrong` failed."""
    marks = []
    for number, value in enumerate(values):
        told = ("failed", "The check failed: AssertionError") if number in wrong else ("", "")
        marks.append(Mark(f"q{number}-check", f"q{number}", 0 if number in wrong else value, value, *told, "x = 1"))
    return Result(f"student{len(wrong)}", "mine", "x.ipynb", marks, [], 1.0, 1)


def test_books_and_pages_show_fractions(tmp_path):
    values = [0.5, 2.5, 1, 2]
    gradebook.write(tmp_path, [graded(values), graded(values, {0}), graded(values, {0, 3})], [], whole=True)
    with open(tmp_path / "grades.csv", newline="", encoding="utf-8-sig") as file:
        assert [(row["points"], row["of"]) for row in csv.DictReader(file)] == [("6", "6"), ("5.5", "6"), ("3.5", "6")]
    with open(tmp_path / "checks-mine.csv", newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert [row["q0"] for row in rows] == ["0.5", "0", "0"]
    assert [row["q1"] for row in rows] == ["2.5"] * 3
    overview = plain(tmp_path / "overview.html")
    assert "median 5.5 of 6 points" in overview
    assert "Points Students Share 0 0 3.5 1 5.5 1 6 1" in overview
    assert "5.5 of 6" in overview
    page = plain(tmp_path / "feedback" / "student1.html")
    assert "mine: 5.5 of 6 points" in page
    assert "Not yet, 0 of 0.5 points" in page
    assert "Right, 2.5 of 2.5 points" in page


def test_a_wrong_answer_to_a_question_of_no_points_is_not_right(tmp_path):
    gradebook.write(tmp_path, [graded([0, 0], {0})], [], whole=True)
    page = plain(tmp_path / "feedback" / "student1.html")
    assert "q0 Not yet, 0 of 0 points. The check failed: AssertionError" in page
    assert "q1 Right, 0 of 0 points" in page
    overview = plain(tmp_path / "overview.html")
    assert "q0 0 of 1 failed (1)" in overview
    assert "q1 1 of 1" in overview


def test_a_hundred_thousand_points_do_not_make_as_many_bars(tmp_path):
    gradebook.write(tmp_path, [graded([99_999, 1], {1})], [], whole=True)
    assert len((tmp_path / "overview.html").read_bytes()) < 20_000


def plain(path):
    return re.sub(r"\s+([,.])", r"\1", re.sub(r"(<[^>]+>|\s)+", " ", path.read_text(encoding="utf-8")))


def test_a_class_is_graded_with_fractions(tmp_path):
    """The sandbox runs it: 0.5, 2.5, 0 and 2 points, the first answer wrong and the third as well."""
    nb = own([0.5, 2.5, 0, 2])
    nbformat.write(nb, tmp_path / "mine.ipynb")
    mine = assignment.released(nb)
    for number, factor in enumerate([3, 2, 3, 2]):
        mine.cells[2 * number].source = f"def f{number}(x):\n    return {factor} * x"
    (tmp_path / "in").mkdir()
    nbformat.write(mine, tmp_path / "in" / "anna.ipynb")
    settings = {"jobs": 1, "limits": grading.Limits(), "required": False}
    told = list(course.grade(tmp_path / "in", tmp_path / "out", (tmp_path / "mine.ipynb",), **settings))
    assert any(line.startswith("[1/1] anna, mine: 4.5 of 5, ") for line in told), told
    page = plain(tmp_path / "out" / "feedback" / "anna.html")
    assert page.count("Not yet, 0 of 0.5 points") == page.count("Not yet, 0 of 0 points") == 1
    assert page.count("Right,") == 2
