"""nbgrader takes the same source: its student copy has the same cells, and its scores are ours."""

import copy
import csv
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from gan_tutor.classroom import assignment, course, sandbox

pytest.importorskip("nbgrader", reason="nbgrader is not installed: pip install 'gan-tutor[test]'")
pytestmark = pytest.mark.xdist_group("nbgrader")
ROOT = Path(__file__).resolve().parents[2]
NB = assignment.read(ROOT / "book" / "losses.ipynb")
SOLUTION = {assignment.grade_id(cell): cell.source for cell in NB.cells if assignment.role(cell) == "answer"}
STUDENTS = {
    "anna": SOLUTION,
    "ben": {},
    "carla": {
        **SOLUTION,
        "losses-ragan": SOLUTION["losses-ragan"].replace(".mean()\n", ".sum()\n"),
        "losses-scale": "limits = {}",
        "losses-two-sided": "def best_probability(p, q, a, b)\n    return 1",
    },
    "dora": {"losses-ragan": "print('hello')\n" + SOLUTION["losses-ragan"]},
}


# Without what jsonschema would load for two seconds of each command and no notebook's schema asks for.
NBGRADER = "import sys; sys.modules['rfc3987_syntax'] = None; from nbgrader.apps.nbgraderapp import main; main()"


def nbgrader(place, *words):
    home, tools = str(place / "home"), Path(sys.executable).parent  # nbgrader calls alembic by its name
    env = {**os.environ, "OMP_NUM_THREADS": "1", "GAN_TUTOR_HOME": home, "HOME": home}
    env["PATH"] = f"{tools}{os.pathsep}{env.get('PATH', '')}"
    command = [sys.executable, "-c", NBGRADER, *words]
    done = subprocess.run(command, cwd=place, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def school(tmp_path_factory):
    """A course in which nbgrader has released, autograded and given feedback."""
    place = tmp_path_factory.mktemp("course")
    (place / "home").mkdir()
    assignment.write([ROOT / "book" / "losses.ipynb"], place / "source", solutions=True)
    nbgrader(place, "generate_assignment", "losses")
    for student, answers in STUDENTS.items():
        mine = nbformat.read(place / "release" / "losses" / "losses.ipynb", as_version=4)
        for cell in mine.cells:
            if assignment.role(cell) == "answer":
                cell.source = answers.get(assignment.grade_id(cell), cell.source)
        folder = place / "submitted" / student / "losses"
        folder.mkdir(parents=True)
        nbformat.write(mine, folder / "losses.ipynb")
    nbgrader(place, "autograde", "losses")
    nbgrader(place, "generate_feedback", "losses")
    nbgrader(place, "export")
    return place


def test_its_student_copy_has_our_cells(school):
    theirs = nbformat.read(school / "release" / "losses" / "losses.ipynb", as_version=4)
    ours = assignment.released(NB)
    assert [(cell.cell_type, cell.source) for cell in theirs.cells] == [
        (cell.cell_type, cell.source) for cell in ours.cells
    ]
    for a, b in zip(theirs.cells, ours.cells, strict=True):
        kept = copy.deepcopy(a.metadata)
        kept.get("nbgrader", {}).pop("checksum", None)
        kept.get("nbgrader", {}).pop("cell_type", None)
        assert {name: value for name, value in kept.items() if name == "nbgrader"} == dict(b.metadata)


def test_its_scores_are_ours(school):
    with open(school / "grades.csv", newline="") as file:
        theirs = {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}
    list(
        course.grade(
            school / "submitted",
            school / "ours",
            (ROOT / "book" / "losses.ipynb",),
            jobs=2,
            limits=sandbox.Limits(wall=300),
            required=False,
        )
    )
    with open(school / "ours" / "grades.csv", newline="", encoding="utf-8-sig") as file:
        ours = {row["student"]: float(row["points"]) for row in csv.DictReader(file)}
    assert ours == theirs == {"anna": 5, "ben": 0, "carla": 2, "dora": 1}


def test_its_feedback_is_written_for_each_student(school):
    for student in STUDENTS:
        page = (school / "feedback" / student / "losses" / "losses.html").read_text(encoding="utf-8")
        assert "losses-ragan" in page
    page = (school / "feedback" / "carla" / "losses" / "losses.html").read_text(encoding="utf-8")
    assert "A sum over the batch stands where a mean should" in page
