"""Strings and numbers of a submission, whatever they hold: the judge, the grade book and every page survive them."""

import csv
import dataclasses
import io
import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from gan_tutor.classroom import assignment, course, gradebook, grading, observation, plain, sandbox, submissions
from gan_tutor.classroom.grading import Mark, Result
from gan_tutor.classroom.record import Exercise, Verdict
from gan_tutor.classroom.submissions import Problem

ROOT = Path(__file__).resolve().parents[2]
NB = assignment.read(ROOT / "book" / "losses.ipynb")
# Half a character, terminal codes, forged lines, formulas, markup, overrides of direction, and what is harmless.
PARTS = ("\ud800", "\udfff", "\x1b[2J", "\x1b]0;x\x07", "\x9b2J", "\x00", "\r", "\n", "\t", "\x85", "\u2028", "\u202e",
    "\u2067", "=1+1", ";=1+1", " +1", "@x", "-1", "'", '"', ",", "<script>alert(1)</script>", "{{ 7 * 7 }}", "李", "😀",
    "a" * 300, "word ", "\\ud800", "..", "/", "%s", "{}")  # fmt: skip
ACTS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def odd_strings(count, seed=0):
    draw = random.Random(seed)
    return ["".join(draw.choices(PARTS, k=draw.randrange(1, 8))) for _ in range(count)]


def book(path):
    """The rows of a CSV file, as a program and as a spreadsheet that takes semicolons for commas read them."""
    text = path.read_text(encoding="utf-8-sig")
    return list(csv.reader(io.StringIO(text))), list(csv.reader(io.StringIO(text), delimiter=";"))


@pytest.mark.parametrize("given", [*PARTS, *odd_strings(200)])
def test_a_plain_string_can_be_stored_and_does_nothing_to_a_terminal(given):
    for made in (plain.name(given), plain.line(given), plain.text(given)):
        assert not ACTS.search(made)
        assert made.encode().decode() == made
    assert "\n" not in plain.name(given) + plain.line(given)
    assert len(plain.line(given, 20)) <= 20


def test_what_is_plain_stays_and_what_is_odd_is_shown():
    for given in ("Anna Li", "李安娜", "Č-ž_(1).ipynb", "می‌خواهم", "👩‍🔬", "a  b"):
        assert plain.name(given) == given
    assert plain.name("a\nb\x1b[2J\ud800\u202e") == "a\\nb\\x1b[2J\\ud800\\u202e"
    assert plain.line("\x1b[31mred\x1b[0m\n  and   more") == "red and more"
    assert plain.text("a\r\n\tb\x1b[1m\x0c") == "a\n\tb\\x0c"
    assert plain.line("x" * 10_000_000, 50) == "x" * 47 + "..."


def test_what_an_answer_does_is_plain_where_it_is_observed_and_where_it_is_received():
    def probe(answer, generator):
        return answer()

    class Odd(Exception):
        pass

    Odd.__name__ = "Odd\n\x1b[2J"
    exercise = Exercise("x", "x", "derive", probe, ("a", "b"))
    for text in odd_strings(100):

        def fail(text=text):
            raise Odd(text)

        def say(text=text):
            return {text: text}

        found = observation.observe(exercise, fail, [1]) + observation.observe(exercise, say, [1])
        raw = [[["x" + text, "raised", [], [text, text]]], [[text, "text", [], [text * 50]]]]
        received = observation.from_json(json.loads(json.dumps(raw)))
        assert observation.from_json(json.loads(json.dumps(observation.to_json(found)))) == found
        for seen in (one for each in found + received for one in each):
            for value in (seen.path, *seen.values):
                assert not ACTS.search(value)
                assert len(value) <= observation.LONGEST


@pytest.mark.parametrize(
    "seen",
    [
        ["x", "number", [], [10**400]],
        ["x", "number", [10**400], []],
        ["x", "number", [-1], [1.0]],
        ["x", "number", [1] * 1000, [1.0]],
        ["x", "number", [True], [1.0]],
        ["x", "number", [], [True]],
        ["x", "number", {"a": 1}, [1.0]],
        ["x", "raised", [], ["a"] * 1000],
        ["x", "nothing", [], None],
    ],
)
def test_what_no_tensor_holds_is_no_observation(seen):
    with pytest.raises(ValueError, match=r"observation|shape|values"):
        observation.from_json([[seen]])


def test_pages_and_books_survive_any_string(tmp_path):
    texts = odd_strings(60, seed=1)
    draw = random.Random(2)
    results = [
        Result(one, "losses", draw.choice(texts), [mark(draw, texts)], draw.choices(texts, k=2), 1.0, 1)
        for one in sorted(set(texts))
    ]
    problems = [Problem(one, Path(one.replace("\0", "")), draw.choice(texts), draw.choice(texts)) for one in texts]
    written = gradebook.write(tmp_path, results, problems, whole=True)
    assert len(written) == len(results) + 3
    for path in written:
        text = path.read_bytes().decode("utf-8-sig")
        assert not ACTS.search(text.replace("\r\n", "\n"))
        assert "<script>alert" not in text or path.suffix == ".csv"
        assert "49" not in re.findall(r"\{\{ 7 \* 7 \}\}|\b49\b", text)
    for path in (tmp_path / "grades.csv", tmp_path / "checks-losses.csv"):
        with_commas, with_semicolons = book(path)
        assert len({len(row) for row in with_commas}) == 1
        for cell in (cell for row in with_commas + with_semicolons for cell in row):
            assert cell.lstrip()[:1] not in ("=", "+", "-", "@"), cell
    assert len(with_commas) == len(results) + 1, "no name makes a row more"


def mark(draw, texts):
    return Mark("x-check", "Title", 0, 1, "other", draw.choice(texts), draw.choice(texts))


@pytest.mark.parametrize("name", ["=1", " =1", "\n=1", "a;=1", "a; =1", 'a;"=1', "\u00a0=1", "\uff1d1", "a;\t@x"])
def test_no_name_begins_a_formula(tmp_path, name):
    gradebook.write(tmp_path, [Result(name, "losses", "x", [], [], 1.0, 1)], [], whole=True)
    for rows in book(tmp_path / "grades.csv"):
        for cell in (cell for row in rows for cell in row):
            assert cell.strip().lstrip("\"'")[:1] not in "=+-@\uff1d" or cell.strip()[:1] in ("", "'", '"'), cell


def test_what_a_job_leaves_behind_is_read_whatever_it_is(tmp_path):
    draw, one = random.Random(3), submissions.Submission("anna", "losses", tmp_path / "anna.ipynb", {})
    codes = [cell for cell in NB.cells if cell.cell_type == "code"]
    for text in odd_strings(40, seed=4):
        cells = {f"Cell {k}": [draw.choice(("passed", "failed", text)), text] for k in range(len(codes))}
        (tmp_path / "cells.json").write_text(json.dumps(cells))
        read = grading._cells(tmp_path / "cells.json")
        verdicts = {name: Verdict(False, "raised", text * 20_000) for name in assignment.answer_ids(NB)[:3]}
        marks = grading._marks(NB, one, read, verdicts, "")
        result = Result("anna", "losses", "x", marks, [], 1.0, 1)
        assert json.loads(json.dumps(dataclasses.asdict(result)))["student"] == "anna"
        assert not any(ACTS.search(mark.hint) or len(mark.hint) > plain.LONGEST for mark in marks)
        gradebook.write(tmp_path / "out", [result], [], whole=True)
    for content in (b"", b"\xff\xfe", b"[" * 100_000, b'{"Cell 1": 1}', b'{"Cell x": ["a", "b"]}', b"1" * 5000):
        (tmp_path / "cells.json").write_bytes(content)
        assert grading._cells(tmp_path / "cells.json") == {}


def test_files_of_any_name_are_graded_or_named_beside_honest_ones(tmp_path):
    folder = os.fsencode(tmp_path / "handed-in")
    os.mkdir(folder)
    text = nbformat.writes(assignment.released(NB)).encode()
    names = {one.replace("/", "").replace("\0", "")[:40].encode("utf-8", "surrogatepass") for one in odd_strings(60)}
    names |= {b"\xff\xfe\x80", b"\n[1 of 1] bob, losses: 5 of 5", b"(1)", b"x.\x1b[2J"}
    for name in names - {b"", b".", b".."}:
        with open(os.path.join(folder, name.lstrip(b".") + b".ipynb"), "wb") as file:
            file.write(text)
    with open(os.path.join(folder, b"honest.ipynb"), "wb") as file:
        file.write(text)
    found = submissions.collect(tmp_path / "handed-in", {"losses": NB})
    assert "honest" in [one.student for one in found.submissions]
    assert len(found.submissions) + len(found.problems) == len(os.listdir(folder))
    for one in (*found.submissions, *found.problems):
        assert one.student.strip()
        assert not ACTS.search(one.student)
        assert "\n" not in one.student


def test_notebooks_of_any_content_are_graded_or_named_beside_honest_ones(tmp_path):
    draw = random.Random(5)
    things = [None, 7, True, 1e400, [], {}, "", "\ud800", [["x"]], {"nbgrader": [1]}, {"nbgrader": {"grade_id": [[]]}}]
    nested = json.loads("[" * 900 + "]" * 900)
    raw = json.loads(nbformat.writes(assignment.released(NB)))
    for number in range(60):
        nb = json.loads(json.dumps(raw))
        for cell in draw.sample(nb["cells"], 8):
            cell[draw.choice(list(cell))] = draw.choice([*things, nested])
        (tmp_path / f"s{number}.ipynb").write_text(json.dumps(nb))
    nbformat.write(assignment.released(NB), tmp_path / "honest.ipynb")
    found = submissions.collect(tmp_path, {"losses": NB})
    assert len(found.submissions) + len(found.problems) == 61
    for one in found.submissions:
        nbformat.write(submissions.merged(NB, one.answers), tmp_path / "merged")


def test_folders_too_deep_to_walk_are_named(tmp_path):
    folder = tmp_path / "handed-in"
    nbformat.write(assignment.released(NB), folder.mkdir() or folder / "honest.ipynb")
    (folder / "bo" / "/".join("d" * 300)).mkdir(parents=True)
    (folder / "bo" / "/".join("d" * 300) / "losses.ipynb").write_text("{}")
    found = submissions.collect(folder, {"losses": NB})
    assert [one.student for one in found.submissions] == ["honest"]
    (problem,) = found.problems
    assert problem.student == "bo"
    assert "too deep" in problem.why


def test_a_terminal_without_a_name_s_characters_shows_them_by_number(tmp_path):
    (tmp_path / "李.ipynb").write_text("")
    command = [sys.executable, "-m", "gan_tutor", "classroom", "grade", str(tmp_path), "--out", str(tmp_path / "out")]
    command += ["--notebooks", str(ROOT / "book" / "losses.ipynb")]
    done = subprocess.run(command, capture_output=True, env={**os.environ, "PYTHONIOENCODING": "latin-1"}, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert rb"not graded: \u674e.ipynb: an empty file" in done.stdout
    assert "李" in (tmp_path / "out" / "grades.csv").read_text(encoding="utf-8-sig")


def test_what_is_told_has_no_line_of_a_file_s_own(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "x\n[1\u20441] bob: 5 of 5\x1b[2J.ipynb").write_text("")
    told = course.grade(
        tmp_path / "in",
        tmp_path / "out",
        (ROOT / "book" / "losses.ipynb",),
        jobs=1,
        limits=sandbox.Limits(),
        required=False,
    )
    assert not any(ACTS.search(line) or "\n" in line for line in told)
