"""Files that students hand in: found, recognised by their cells, and every bad one named with what to do."""

import json
import os
import random
from pathlib import Path

import nbformat
import pytest

from gan_tutor.classroom import assignment, submissions

ROOT = Path(__file__).resolve().parents[2]
NB = assignment.read(ROOT / "book" / "losses.ipynb")
ONE = "losses-ragan"


def student_copy(answer="def ragan_d(real, fake):\n    return 1\n"):
    mine = assignment.released(NB)
    for cell in mine.cells:
        if assignment.grade_id(cell) == ONE:
            cell.source = answer
    return mine


def other_assignment():
    marks = {"grade": False, "grade_id": "other", "locked": False, "schema_version": 3, "solution": True, "task": False}
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1", metadata={"nbgrader": marks})])


def collect(folder):
    return submissions.collect(folder, {"losses": NB})


def write(path, nb):
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(nb, path)
    return path


@pytest.mark.parametrize(
    ("name", "student"),
    [
        ("anna.ipynb", "anna"),
        ("anna_losses.ipynb", "anna"),
        ("losses-Anna Li.ipynb", "Anna Li"),
        ("anna (1).ipynb", "anna"),
        ("李安娜/losses.ipynb", "李安娜"),
        ("anna/losses/losses.ipynb", "anna"),
        ("Anna Li_123_assignsubmission_file_/losses.ipynb", "Anna Li_123_assignsubmission_file_"),
    ],
)
def test_whose_it_is(tmp_path, name, student):
    write(tmp_path / name, student_copy())
    found = collect(tmp_path)
    assert found.problems == []
    (one,) = found.submissions
    assert (one.student, one.assignment, one.notes) == (student, "losses", [])
    assert one.answers[ONE].endswith("return 1\n")
    assert list(one.answers) == assignment.answer_ids(NB)


def test_an_assignment_s_name_may_hold_any_character(tmp_path):
    write(tmp_path / "anna_my (1st) [work.ipynb", student_copy())
    (one,) = submissions.collect(tmp_path, {"my (1st) [work": NB}).submissions
    assert (one.student, one.assignment) == ("anna", "my (1st) [work")


def test_a_renamed_notebook_is_recognised_and_said(tmp_path):
    write(tmp_path / "anna" / "Untitled7.ipynb", student_copy())
    (one,) = collect(tmp_path).submissions
    assert one.assignment == "losses"
    assert one.notes == ["renamed to Untitled7.ipynb; recognised as losses by its cells"]


def bad_files():
    text = nbformat.writes(student_copy())
    yield "empty.ipynb", b"", "empty file", "save"
    yield "blank.ipynb", b" \n\n", "empty file", "save"
    yield "half.ipynb", text[: len(text) // 2].encode(), "half-saved", "save it again"
    yield "zeros.ipynb", b"\0" * 500, "empty file", "save"
    yield "noise.ipynb", random.Random(0).randbytes(3000), "unreadable", "Jupyter"
    yield "page.ipynb", b"<!doctype html><html></html>", "unreadable", "Jupyter"
    yield "list.ipynb", b"[1, 2]", "no cells", "Jupyter"
    yield "deep.ipynb", b"[" * 200_000 + b"]" * 200_000, "unreadable", "Jupyter"
    yield "old.ipynb", b'{"worksheets": [], "nbformat": 3}', "old format", "JupyterLab"
    yield "nothing.ipynb", json.dumps({"cells": [], "nbformat": 4}).encode(), "empty notebook", "worked in"
    odd = {"cells": [7, {"cell_type": "code"}, {"cell_type": "code", "source": 3, "metadata": []}]}
    yield "odd.ipynb", json.dumps(odd).encode(), "empty notebook", "worked in"
    yield "other.ipynb", nbformat.writes(other_assignment()).encode(), "wrong assignment", "right notebook"
    yield "work.zip", b"PK\3\4", ".zip", "unpack"
    yield "work.py", b"print(1)", ".py", "unpack"


@pytest.mark.parametrize(("name", "content", "why", "cure"), list(bad_files()), ids=lambda value: str(value)[:12])
def test_a_bad_file_is_named_with_what_to_do(tmp_path, name, content, why, cure):
    (tmp_path / name).write_bytes(content)
    write(tmp_path / "good.ipynb", student_copy())
    found = collect(tmp_path)
    assert [one.student for one in found.submissions] == ["good"]
    (problem,) = found.problems
    assert problem.path.name == name
    assert why in problem.why
    assert cure in problem.cure


def test_what_lies_beside_a_notebook_is_no_problem(tmp_path):
    write(tmp_path / "anna" / "losses" / "losses.ipynb", student_copy())
    (tmp_path / "anna" / "losses" / "timestamp.txt").write_text("2026-11-21")
    (tmp_path / "anna" / "picture.png").write_bytes(b"")
    (tmp_path / "ben").mkdir()
    (tmp_path / "ben" / "losses.pdf").write_bytes(b"%PDF")
    found = collect(tmp_path)
    assert [one.student for one in found.submissions] == ["anna"]
    assert [problem.path.name for problem in found.problems] == ["losses.pdf"]


def test_a_large_file_is_not_read(tmp_path):
    with open(tmp_path / "huge.ipynb", "wb") as file:
        file.truncate(submissions.LARGEST + 1)
    (problem,) = collect(tmp_path).problems
    assert "30 MB" in problem.why
    assert "clear all outputs" in problem.cure


def test_links_and_pipes_are_not_followed(tmp_path):
    secret = write(tmp_path / "elsewhere" / "secret.ipynb", student_copy())
    folder = tmp_path / "handed-in"
    folder.mkdir()
    (folder / "anna.ipynb").symlink_to(secret)
    (folder / "ben").symlink_to(secret.parent)
    (folder / "carla.ipynb").symlink_to(folder / "carla.ipynb")
    os.mkfifo(folder / "dora.ipynb")
    found = collect(folder)
    assert found.submissions == []
    assert [problem.student for problem in found.problems] == ["anna", "ben", "carla", "dora"]
    assert all("ask for the notebook itself" in problem.cure for problem in found.problems)


def test_duplicates_with_other_answers_are_not_graded_and_equal_ones_once(tmp_path):
    write(tmp_path / "anna.ipynb", student_copy())
    write(tmp_path / "anna (1).ipynb", student_copy("def ragan_d(real, fake):\n    return 2\n"))
    write(tmp_path / "ben.ipynb", student_copy())
    write(tmp_path / "ben" / "losses.ipynb", student_copy())
    found = collect(tmp_path)
    assert [one.student for one in found.submissions] == ["ben"]
    assert "the same answers are in" in found.submissions[0].notes[0]
    assert {problem.path.name for problem in found.problems} == {"anna.ipynb", "anna (1).ipynb"}
    assert all(
        "anna (1).ipynb" in problem.why and "keep the one that counts" in problem.cure for problem in found.problems
    )


@pytest.mark.parametrize("loss", ["metadata", "metadata and ids"])
def test_a_notebook_that_lost_its_marks_is_recognised(tmp_path, loss):
    raw = json.loads(nbformat.writes(student_copy()))
    for number, cell in enumerate(raw["cells"]):
        cell["metadata"] = {"id": f"{number:x}", "colab": {}}
        if loss == "metadata and ids":
            cell.pop("id")
    raw["metadata"] = {"colab": {"provenance": []}, "kernelspec": {"name": "python3"}}
    (tmp_path / "anna.ipynb").write_text(json.dumps(raw))
    (one,) = collect(tmp_path).submissions
    assert one.answers[ONE].endswith("return 1\n")
    assert list(one.answers) == assignment.answer_ids(NB)
    assert any("lost their grade ids" in note for note in one.notes)


def test_colab_saves_sources_as_one_string_and_adds_metadata(tmp_path):
    raw = json.loads(nbformat.writes(student_copy()))
    for cell in raw["cells"]:
        cell["source"] = "".join(cell["source"])
        cell["metadata"]["id"] = "Xy"
        cell.pop("id")
    (tmp_path / "anna.ipynb").write_text(json.dumps(raw))
    (one,) = collect(tmp_path).submissions
    assert one.notes == []
    assert one.answers[ONE].endswith("return 1\n")


def test_a_split_cell_is_joined_a_missing_one_said_a_long_one_cut(tmp_path):
    nb = student_copy("def ragan_d(real, fake):\n")
    at = next(k for k, cell in enumerate(nb.cells) if assignment.grade_id(cell) == ONE)
    rest = nbformat.from_dict({**nb.cells[at], "source": "    return 3", "id": "split"})
    nb.cells.insert(at + 1, rest)
    nb.cells = [cell for cell in nb.cells if not assignment.grade_id(cell).startswith("losses-scale")]
    next(c for c in nb.cells if assignment.grade_id(c) == "losses-two-sided").source = "#" * 200_000
    write(tmp_path / "anna.ipynb", nb)
    (one,) = collect(tmp_path).submissions
    assert one.answers[ONE] == "def ragan_d(real, fake):\n\n    return 3"
    assert "losses-ragan is split over 2 cells, which were joined" in one.notes
    assert "answer cells that are missing: losses-scale" in one.notes
    assert "losses-two-sided is cut after 100000 characters" in one.notes
    merged = submissions.merged(NB, one.answers)
    assert [cell.source for cell in merged.cells if assignment.grade_id(cell) == "losses-scale"] == [assignment.STUB]


def test_only_answers_are_merged():
    mine = {ONE: "mine"}
    merged = submissions.merged(NB, mine)
    for ours, theirs in zip(NB.cells, merged.cells, strict=True):
        assert ours.metadata == theirs.metadata
        if assignment.role(ours) != "answer":
            assert ours.source == theirs.source
        elif assignment.grade_id(ours) == ONE:
            assert theirs.source == "mine"
        else:
            assert "YOUR CODE HERE" in theirs.source


def test_a_lone_surrogate_does_not_break_the_merge(tmp_path):
    (tmp_path / "anna.ipynb").write_text(nbformat.writes(student_copy("SURROGATE")).replace("SURROGATE", "\\ud800"))
    (one,) = collect(tmp_path).submissions
    write(tmp_path / "out" / "merged.ipynb", submissions.merged(NB, one.answers))


def test_an_empty_folder_says_what_is_expected(tmp_path):
    with pytest.raises(ValueError, match=r"anna/losses\.ipynb"):
        collect(tmp_path)
    with pytest.raises(ValueError, match="must be a folder"):
        collect(tmp_path / "nowhere")
