"""Answers are found by what they define where an editor lost their marks, and what is not certain is told."""

import copy
import json
from pathlib import Path

import nbformat
import pytest

from gan_tutor.classroom import assignment, chapters, finding, submissions

ROOT = Path(__file__).resolve().parents[2]
NB = assignment.read(ROOT / "book" / "losses.ipynb")
ONE = "losses-ragan"
SOLUTIONS = {assignment.grade_id(cell): cell.source for cell in NB.cells if assignment.role(cell) == "answer"}
NAMES = {
    "losses-too-convincing": "slopes",
    ONE: "ragan_d",
    "losses-two-sided": "best_probability",
    "losses-scale": "limits",
    "losses-published-wgan": "critic_loss",
}


def solved(nb=NB, bare=True):
    """A student's cells with right answers, as a plain list; bare as an editor leaves them that knows no marks."""
    mine, solutions = assignment.released(nb), {assignment.grade_id(c): c.source for c in nb.cells}
    cells = []
    for cell in mine.cells:
        if cell.cell_type == "code":
            name = assignment.grade_id(cell)
            source = solutions[name] if assignment.role(cell) == "answer" else cell.source
            cells.append({"id": "" if bare else cell.id, "marks": "" if bare else name, "source": source})
    return cells


def at(cells, name):
    """Where an answer is."""
    return next(k for k, cell in enumerate(cells) if cell["source"] == SOLUTIONS[name])


def cell(source, **more):
    return {"id": "", "marks": "", "source": source, **more}


@pytest.mark.parametrize("chapter", chapters.with_exercises(), ids=lambda chapter: chapter.slug)
def test_every_answer_of_every_chapter_has_names_and_is_found_by_them(chapter):
    nb = assignment.read(ROOT / "book" / f"{chapter.slug}.ipynb")
    assert all(one.names for one in finding.wanted(nb))
    wanted = {assignment.grade_id(c): c.source for c in nb.cells if assignment.role(c) == "answer"}
    for bare in (False, True):
        found, notes = finding.answers(solved(nb, bare), nb)
        assert found == wanted
        assert len(notes) == bare
    cells = [
        one for one in solved(nb) if not any(one["source"] == c.source for c in nb.cells if assignment.role(c) == "")
    ]
    assert finding.answers(cells, nb)[0] == wanted, "also without the given cells"


def test_the_names_are_those_that_the_check_reads():
    assert {one.name: set(one.names) for one in finding.wanted(NB)} == {k: {v} for k, v in NAMES.items()}


@pytest.mark.parametrize(
    "between",
    [
        ['classroom.hint("losses-ragan")'],
        ["print(ragan_d(torch.ones(2), torch.zeros(2)))", "", "x = 3", "import numpy as np"],
        ["%timeit ragan_d(torch.ones(2), torch.zeros(2))", "!pip list"],
        ["classroom.progress()", "def draw(y):\n    plt.plot(y)"],
    ],
)
@pytest.mark.parametrize("bare", [False, True])
def test_hints_and_scratch_between_an_answer_and_its_check_are_no_answer(between, bare):
    cells = solved(bare=bare)
    k = at(cells, ONE)
    cells[k + 1 : k + 1] = [cell(source) for source in between]
    assert finding.answers(cells, NB)[0] == SOLUTIONS


def test_checks_merged_into_the_answers_shift_nothing():
    cells, merged = solved(), []
    for one in cells:
        if finding.CHECK.search(one["source"]):
            merged[-1] = cell(merged[-1]["source"] + "\n" + one["source"])
        else:
            merged.append(one)
    found, _ = finding.answers(merged, NB)
    assert list(found) == list(SOLUTIONS)
    for name, source in found.items():
        assert source.startswith(SOLUTIONS[name])


def test_the_last_try_counts_and_is_told():
    for where in ("before its check", "after a first check"):
        cells = solved()
        k = at(cells, ONE)
        first = [cell("def ragan_d(real, fake):\n    return 0")]
        first += [cells[k + 1]] if where.startswith("after") else []
        cells[k:k] = first
        found, notes = finding.answers(cells, NB)
        assert found == SOLUTIONS
        assert any("losses-ragan: several cells define ragan_d; the last one counts" in note for note in notes)


@pytest.mark.parametrize("bare", [False, True])
def test_an_answer_split_in_two_is_joined_and_told(bare):
    cells = solved(bare=bare)
    k = at(cells, ONE)
    lines = SOLUTIONS[ONE].splitlines()
    cut = next(number for number, line in enumerate(lines) if line.startswith("def ")) + 1
    cells[k]["source"] = "\n".join(lines[:cut])
    cells.insert(k + 1, cell("\n".join(lines[cut:])))
    found, notes = finding.answers(cells, NB)
    assert found[ONE] == "\n".join(lines)
    assert found == SOLUTIONS
    assert any("losses-ragan is split over 2 cells, which were joined" in note for note in notes)


@pytest.mark.parametrize("bare", [False, True])
@pytest.mark.parametrize("above", [False, True])
def test_a_copy_of_the_starter_is_left_out(bare, above):
    cells = solved(bare=bare)
    k = at(cells, ONE)
    starter = next(one.starter for one in finding.wanted(NB) if one.name == ONE)
    cells.insert(k if above else k + 1, {**cells[k], "source": starter})
    found, notes = finding.answers(cells, NB)
    assert found == SOLUTIONS
    if not bare:
        assert "losses-ragan: a copy of its starter is left out" in notes


def test_of_two_cells_with_one_mark_a_broken_one_is_left_out():
    cells = solved(bare=False)
    k = at(cells, ONE)
    cells.insert(k, {**cells[k], "source": "def ragan_d(real, fake) return"})
    found, notes = finding.answers(cells, NB)
    assert found == SOLUTIONS
    assert "losses-ragan: of 2 cells the last one that is whole counts" in notes


def test_an_answer_that_cannot_be_parsed_or_has_another_name_is_still_shown_to_its_student():
    for source in ("def ragan_d(real, fake) return 1", "def ragan(real, fake):\n    return 1"):
        cells = solved()
        cells[at(cells, ONE)] = cell(source)
        assert finding.answers(cells, NB)[0] == {**SOLUTIONS, ONE: source}


def test_a_missing_answer_takes_no_other_s():
    cells = solved()
    del cells[at(cells, ONE)]
    found, _ = finding.answers(cells, NB)
    assert found == {name: source for name, source in SOLUTIONS.items() if name != ONE}


def test_a_notebook_that_only_uses_the_same_names_is_another_one():
    cells = [cell("ragan_d = 1"), cell("limits = {}"), cell("plt.plot(limits)")]
    assert finding.answers(cells, NB) == ({}, [])


def test_a_notebook_of_very_many_cells_is_read():
    cells = solved()
    k = at(cells, ONE)
    cells[k]["source"] = "def ragan_d(real, fake"
    cells[k + 1 : k + 1] = [cell(f"x{number} = ragan_d") for number in range(3000)]
    assert finding.answers(cells, NB)[0] == {**SOLUTIONS, ONE: "def ragan_d(real, fake"}


def test_two_answers_that_one_check_reads_may_stand_in_two_cells():
    nb = assignment.read(ROOT / "book" / "training_loop.ipynb")
    cells = solved(nb)
    source = next(c.source for c in nb.cells if assignment.grade_id(c) == "training-loop-resume")
    k = next(k for k, one in enumerate(cells) if one["source"] == source)
    cells[k : k + 1] = [cell("def save(*rest):\n    return 1"), cell("y = 2"), cell("def load(*rest):\n    return 2")]
    found, notes = finding.answers(cells, nb)
    assert found["training-loop-resume"] == "def save(*rest):\n    return 1\ndef load(*rest):\n    return 2"
    assert any("training-loop-resume is split over 2 cells" in note for note in notes)


def test_an_assignment_without_the_library_is_found_by_its_own_checks():
    def one(source, name, **marks):
        marks = {"grade": False, "solution": False, "locked": False, "schema_version": 3, "task": False, **marks}
        return nbformat.v4.new_code_cell(source, metadata={"nbgrader": {"grade_id": name, **marks}})

    nb = nbformat.v4.new_notebook(
        cells=[
            one("### BEGIN SOLUTION\ndef twice(x):\n    return 2 * x\n### END SOLUTION", "twice", solution=True),
            one("assert twice(2) == 4", "twice-check", grade=True, points=1),
        ]
    )
    mine = [cell("def twice(x):\n    return x + x"), cell("twice(3)"), cell("assert twice(2) == 4")]
    assert finding.answers(mine, nb)[0] == {"twice": mine[0]["source"]}


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("def f():\n    x = 1", "f"),
        ("class A(B):\n    y = 1", "A"),
        ("a, (b, *c) = z; d: int = 1; e += 1", "a b c d e"),
        ("import numpy as np, os.path\nfrom m import g as h", "np os h"),
        ("if x:\n    y = 1\nfor i in z:\n    pass\nwith o as p:\n    q = [r for r in s]", "y i p q"),
        ("f = lambda x: (t := x)", "f"),
        ("%matplotlib inline\n!ls\nx = 1", "x"),
        ("def f(x) return", "f"),
        ("limits: dict = {\nslopes = 3 ==", "limits slopes"),
        ("x = 1\0", "x"),
        ("x == 1", ""),
        ("(" * 5000, ""),
        ("x = " + "-" * 50_000 + "1", "x"),
        ("ｒagan = 1", "ragan"),
    ],
)
def test_what_a_cell_defines(source, names):
    assert set(finding.bound(source)) == set(names.split())


@pytest.mark.parametrize("form", ["JupyterLab", "Notebook 7", "VS Code", "Colab", "nbconvert"])
def test_notebooks_as_editors_save_them(tmp_path, form):
    raw = json.loads(nbformat.writes(assignment.released(NB)))
    for k, one in enumerate(raw["cells"]):
        name = one["metadata"].get("nbgrader", {}).get("grade_id")
        one["source"] = SOLUTIONS.get(name, "".join(one["source"])).splitlines(keepends=True)
        if form == "VS Code":
            one["metadata"] = {"vscode": {"languageId": "python"}}
            one["id"] = f"W{k}sZmlsZQ=="
        elif form == "Colab":
            one["source"] = "".join(one["source"])
            one["metadata"] = {"id": f"{k}xYz"}
            one.pop("id")
        elif form == "nbconvert":
            one["metadata"] = {}
            one["id"] = f"{k:08x}"
        elif form == "Notebook 7":
            one["metadata"]["editable"] = True
    if form in ("VS Code", "Colab"):
        raw["metadata"], raw["nbformat_minor"] = {"language_info": {"name": "python"}}, 0
    (tmp_path / "anna.ipynb").write_text(json.dumps(copy.deepcopy(raw)))
    (one,) = submissions.collect(tmp_path, {"losses": NB}).submissions
    assert one.answers == SOLUTIONS
