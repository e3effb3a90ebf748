"""A class from folder to grade book: kept results, resuming, a stop in between, and pages that show text as text."""

import csv
import dataclasses
import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

from gan_tutor.classroom import assignment, course, gradebook, grading, running, sandbox
from gan_tutor.classroom.grading import Mark, Result
from gan_tutor.classroom.submissions import Problem

ROOT = Path(__file__).resolve().parents[2]
LOSSES = ROOT / "book" / "losses.ipynb"
NB = assignment.read(LOSSES)


def result_of(submission):
    """A result as the grader would make it, from the number in the student's name."""
    points = len(submission.student) % 2
    mark = Mark(
        "losses-ragan-check", "The average", points, 1, "" if points else "sum", "" if points else "A sum", "x = 1"
    )
    return Result(submission.student, submission.assignment, submission.path.name, [mark], [], 1.0, 1 << 20)


@pytest.fixture
def handed_in(tmp_path):
    """Four students, and one bad file."""
    folder = tmp_path / "handed-in"
    folder.mkdir()
    for student in ("anna", "bo", "=cmd()", "<b>dora</b>".replace("/", "∕")):
        nbformat.write(assignment.released(NB), folder / f"{student}.ipynb")
    (folder / "emil.ipynb").write_text("")
    return folder


@pytest.fixture
def graded(monkeypatch):
    """Stand in for the sandbox, which other tests run; the names of those graded are collected."""
    names = []

    def grade(submission, course):
        names.append(submission.student)
        return result_of(submission)

    monkeypatch.setattr(running, "grade", grade)
    return names


def run(folder, out, **more):
    settings = {"jobs": 2, "limits": sandbox.Limits(), "required": False, **more}
    return list(course.grade(folder, out, (LOSSES,), **settings))


def rows(path):
    with open(path, newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def test_books_and_pages_are_written(handed_in, graded, tmp_path):
    told = run(handed_in, tmp_path / "out")
    assert sum(line.startswith("[") for line in told) == 4
    assert any(line.startswith("not graded: emil.ipynb: an empty file; ") for line in told)
    assert told[-1].startswith("4 graded, 1 files not graded")
    grades = {row["student"]: row for row in rows(tmp_path / "out" / "grades.csv")}
    assert grades["anna"]["points"] == "0"
    assert grades["'=cmd()"]["status"] == "graded", "a spreadsheet must not read a name as a formula"
    assert grades["emil"]["status"] == "not graded"
    assert {row["losses-ragan"] for row in rows(tmp_path / "out" / "checks-losses.csv")} == {"0", "1"}
    overview = (tmp_path / "out" / "overview.html").read_text(encoding="utf-8")
    assert "<b>dora" not in overview
    assert "&lt;b&gt;dora" in overview
    for link in re.findall(r'href="([^"]+)"', overview):
        from urllib.parse import unquote

        assert (tmp_path / "out" / unquote(link)).is_file()


def test_nothing_is_graded_twice_and_what_changed_is_graded_again(handed_in, graded, tmp_path):
    run(handed_in, tmp_path / "out")
    assert len(graded) == 4
    graded.clear()
    told = run(handed_in, tmp_path / "out")
    assert graded == []
    assert told[-1].startswith("4 graded")
    mine = assignment.released(NB)
    mine.cells[-1].source = "# a note, not an answer"
    nbformat.write(mine, handed_in / "anna.ipynb")
    run(handed_in, tmp_path / "out")
    assert graded == [], "only answers count"
    next(cell for cell in mine.cells if assignment.role(cell) == "answer").source = "slopes = {}"
    nbformat.write(mine, handed_in / "anna.ipynb")
    run(handed_in, tmp_path / "out")
    assert graded == ["anna"]
    run(handed_in, tmp_path / "out", limits=sandbox.Limits(cell=7))
    assert len(graded) == 5, "with other limits the marks could be others"


def test_a_result_that_was_half_written_is_made_again(handed_in, graded, tmp_path):
    run(handed_in, tmp_path / "out")
    graded.clear()
    (tmp_path / "out" / "results" / "losses" / "bo.json").write_text('{"fingerprint": "')
    run(handed_in, tmp_path / "out")
    assert graded == ["bo"]


def test_one_that_breaks_the_grader_is_reported_and_the_others_are_graded(handed_in, graded, tmp_path, monkeypatch):
    inner = running.grade

    def breaks(submission, course):
        if submission.student == "bo":
            raise RuntimeError("no more ideas")
        return inner(submission, course)

    monkeypatch.setattr(running, "grade", breaks)
    told = run(handed_in, tmp_path / "out")
    assert sorted(graded) == ["<b>dora<∕b>", "=cmd()", "anna"]
    assert told[-1].startswith("3 graded, 2 files not graded")
    assert any("bo, losses: not graded: RuntimeError: no more ideas" in line for line in told)
    monkeypatch.setattr(running, "grade", inner)
    assert run(handed_in, tmp_path / "out")[-1].startswith("4 graded")
    assert graded[3:] == ["bo"]


def test_a_stop_keeps_what_is_graded(handed_in, graded, tmp_path):
    settings = {"jobs": 1, "limits": sandbox.Limits(), "required": False}
    lines = course.grade(handed_in, tmp_path / "out", (LOSSES,), **settings)
    assert next(line for line in lines if line.startswith("[2/4]"))
    lines.close()
    before = len(graded)
    assert 2 <= before < 4
    assert run(handed_in, tmp_path / "out")[-1].startswith("4 graded")
    assert len(graded) == 4


def test_ctrl_c_ends_the_command_line_at_once_and_leaves_nothing_running(tmp_path):
    folder = tmp_path / "handed-in"
    folder.mkdir()
    mine = assignment.released(NB)
    next(cell for cell in mine.cells if assignment.role(cell) == "answer").source = "while True:\n    pass"
    nbformat.write(mine, folder / "anna.ipynb")
    command = [sys.executable, "-m", "gan_tutor", "classroom", "grade", str(folder), "--out", str(tmp_path / "out")]
    child = subprocess.Popen(
        [*command, "--notebooks", str(LOSSES)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    until = time.monotonic() + 120
    while not job_of(child.pid) and time.monotonic() < until:
        time.sleep(0.2)
    assert job_of(child.pid)
    child.send_signal(signal.SIGINT)
    told, _ = child.communicate(timeout=60)
    assert child.returncode == 130, told
    assert "the same command grades the other 1" in told
    assert (tmp_path / "out" / "grades.csv").is_file()
    assert not list((tmp_path / "out").glob("results/*/*.json"))


def job_of(pid):
    import psutil

    return [one for one in psutil.Process(pid).children(recursive=True) if "inside.py" in " ".join(one.cmdline())]


@pytest.mark.parametrize("name", ["anna", "Anna", "ANNA", "a/b", "..", "", "a b", "李", "x" * 300, "𠀀" * 80, "\ud800"])
def test_a_file_name_is_safe_and_of_one_student(name):
    names = {other: running.file_name(other) for other in ("anna", "Anna", "ANNA", "a b", "a_b", name)}
    assert len({one.lower() for one in names.values()}) == len(names), "also where capitals do not count"
    assert re.fullmatch(r"\w[\w.-]*", running.file_name(name))
    assert len(running.file_name(name)) <= 90
    assert len(running.file_name(name).encode()) <= 240, "with an ending, a file system takes 255 bytes"


def test_feedback_shows_code_as_text_and_asks_no_other_host(tmp_path):
    evil = "</code></pre><script>alert(1)</script>"
    mark = Mark("a-check", evil, 0, 1, "other", evil, evil)
    one = Result(evil, "losses", "a.ipynb", [mark], [evil], 1.0, 1)
    gradebook.write(tmp_path, [one], [Problem(evil, Path("b.ipynb"), evil, evil)], whole=False)
    for page in tmp_path.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert "<script" not in text
        assert "&lt;script&gt;" in text
        assert "http:" not in text
        assert "https:" not in text
        assert '<html lang="en">' in text
    assert "The sandbox was not whole" in (tmp_path / "overview.html").read_text()


def test_the_overview_counts_checks_and_mistakes(tmp_path):
    def one(student, first, second):
        marks = [
            Mark("a-check", "First", first, 1, "" if first else "sum", "", ""),
            Mark("b-check", "Second", 2 * second, 2, "" if second else "sign", "", ""),
        ]
        return Result(student, "losses", "x.ipynb", marks, [], 1.0, 1)

    results = [one("a", 1, 0), one("b", 1, 0), one("c", 0, 1)]
    gradebook.write(tmp_path, results, [], whole=True)
    text = re.sub(r"<[^>]+>|\s+", " ", (tmp_path / "overview.html").read_text())
    text = re.sub(r"\s+", " ", text)
    assert "3 submissions, median 1 of 3 points" in text
    assert text.index("Second 1 of 3 sign (2)") < text.index("First 2 of 3 sum (1)")
    assert [row["points"] for row in rows(tmp_path / "checks-losses.csv")] == ["1", "1", "2"]


def test_a_result_survives_its_file():
    one = Result("a", "losses", "x.ipynb", [Mark("a", "t", 1, 1, "", "", "x")], ["n"], 1.5, 7)
    content = json.loads(json.dumps(dataclasses.asdict(one)))
    assert Result(**{**content, "marks": [Mark(**mark) for mark in content["marks"]]}) == one
    assert (one.points, one.of) == (1, 1)


def test_jobs_and_folders_are_checked(tmp_path):
    with pytest.raises(ValueError, match="jobs must be at least 1"):
        run(tmp_path, tmp_path / "out", jobs=0)
    with pytest.raises(ValueError, match="must be a folder"):
        run(tmp_path / "nowhere", tmp_path / "out")


def test_the_version_changes_with_what_decides(monkeypatch, tmp_path):
    before = grading.prepare({}, sandbox.Limits(), whole=False).version
    monkeypatch.setattr(sandbox, "PACKAGE", tmp_path)
    for name in grading.DECIDE:
        (tmp_path / "classroom" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "classroom" / name).write_text("")
    assert grading.prepare({}, sandbox.Limits(), whole=False).version != before
