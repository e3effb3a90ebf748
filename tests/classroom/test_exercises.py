"""Every registered exercise: its starter fails, its solution passes, and each mutated solution gets its own hint."""

import importlib.util
import re
from functools import cache
from pathlib import Path

import matplotlib as mpl
import pytest

from gan_tutor import classroom
from gan_tutor.classroom import assignment, chapters, judging, observation

mpl.use("agg")
ROOT = Path(__file__).resolve().parents[2]
EXERCISES = [(chapter.slug, exercise) for chapter in chapters.CHAPTERS for exercise in chapters.exercises(chapter.slug)]
each = pytest.mark.parametrize(("slug", "exercise"), EXERCISES, ids=[exercise.name for _, exercise in EXERCISES])


@cache
def source(slug):
    return assignment.read(ROOT / "book" / f"{slug}.ipynb")


@cache
def mutants(slug):
    path = Path(__file__).parent / "mutants" / f"{slug}.py"
    spec = importlib.util.spec_from_file_location(f"mutants_{slug}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.MUTANTS


def cell(slug, grade_id):
    return next(one for one in source(slug).cells if assignment.grade_id(one) == grade_id)


@cache
def prepared(slug):
    """The names after the cells before the first answer."""
    names = {}
    for one in source(slug).cells:
        if assignment.role(one):
            break
        if one.cell_type == "code" and one.id not in (assignment.INSTALL_ID, "classroom-start"):
            exec(one.source, names)
    return names


def run(slug, exercise, answer):
    """Run the given cells of the exercise, the answer and its check."""
    names, cells = dict(prepared(slug)), source(slug).cells
    at = next(k for k, one in enumerate(cells) if assignment.grade_id(one) == exercise.name)
    given = []
    for one in reversed(cells[:at]):
        if assignment.role(one):
            break
        given += [one] if one.cell_type == "code" else []
    for one in reversed(given):
        if one.id not in (assignment.INSTALL_ID, "classroom-start"):
            exec(one.source, names)
    exec(answer, names)
    exec(cell(slug, f"{exercise.name}-check").source, names)


@each
def test_the_solution_passes_with_one_stable_line(slug, exercise, capsys):
    for _ in range(2):
        capsys.readouterr()
        run(slug, exercise, cell(slug, exercise.name).source)
        assert capsys.readouterr().out.splitlines()[-1] == f"{exercise.name}: right"


@each
def test_the_starter_fails(slug, exercise):
    starter = assignment.starter(cell(slug, exercise.name).source)
    assert "YOUR CODE HERE" in starter
    with pytest.raises((classroom.WrongAnswer, NotImplementedError)):
        run(slug, exercise, starter)


@each
def test_each_mutated_solution_fails_with_its_own_hint(slug, exercise):
    solution = cell(slug, exercise.name).source
    keys = []
    for old, new, key in mutants(slug)[exercise.name]:
        assert old in solution, f"{exercise.name}: the solution has no {old!r}"
        with pytest.raises(classroom.WrongAnswer) as found:
            run(slug, exercise, solution.replace(old, new))
        assert found.value.verdict.mistake == key, found.value.verdict
        keys.append(key)
    assert len(keys) == len(set(keys)) >= 3
    named = {mistake.key for mistake in judging.answer_of(exercise, slug).mistakes}
    assert len(named & set(keys)) >= 3, "three mutants must be mistakes of the answer's list"


@each
def test_mistakes_are_told_apart_on_any_inputs(slug, exercise):
    answer = judging.answer_of(exercise, slug)
    for secret in (b"", b"one", b"two"):
        rounds = observation.seeds(exercise.name, exercise.rounds, secret)
        key = judging.key(exercise, answer, rounds)
        assert judging.judge(exercise, key, key.right).right
        for mistake, found in key.mistakes:
            assert judging.judge(exercise, key, found).mistake == mistake.key


@each
def test_an_observation_is_of_numbers_and_new_in_each_round(slug, exercise):
    right = judging.answer_of(exercise, slug).right
    rounds = observation.seeds(exercise.name, 3)
    found = observation.observe(exercise, right, rounds)
    assert all(seen.kind in ("number", "text") for one in found for seen in one), found
    assert all(seen.path for one in found for seen in one), "say in words what is observed: return a dict"
    if callable(right):
        assert found[0] != found[1] != found[2], "the probe must draw its inputs from the generator"


@each
def test_the_record_is_whole(slug, exercise):
    prefix = next(chapter.prefix for chapter in chapters.CHAPTERS if chapter.slug == slug)
    assert exercise.name.startswith(prefix)
    assert re.fullmatch(r"[a-z0-9-]+", exercise.name)
    assert len(exercise.hints) >= 2
    assert assignment.check_points(source(slug))[f"{exercise.name}-check"] == exercise.points
    hints = [mistake.hint for mistake in judging.answer_of(exercise, slug).mistakes]
    assert len(hints) == len(set(hints)) >= 3
    solution = re.search("### BEGIN SOLUTION\n.*?### END SOLUTION", cell(slug, exercise.name).source, re.DOTALL)
    assert solution, "mark the solution with ### BEGIN SOLUTION and ### END SOLUTION"
    lines = {line.strip() for line in solution[0].splitlines()[1:-1] if len(line.strip()) > 25}
    assert not [(line, hint) for line in lines for hint in (*hints, *exercise.hints) if line in hint]


@pytest.mark.parametrize("chapter", chapters.CHAPTERS, ids=lambda chapter: chapter.slug)
def test_the_chapter_has_what_is_registered(chapter):
    names = [exercise.name for exercise in chapters.exercises(chapter.slug)]
    if not names:
        pytest.skip("no exercises yet")
    nb = source(chapter.slug)
    assert assignment.answer_ids(nb) == names
    assert list(assignment.check_points(nb)) == [f"{name}-check" for name in names]
    assert 3 <= len(names) <= 6
    assert len({exercise.kind for exercise in chapters.exercises(chapter.slug)}) >= 2
    title = nb.cells[0].source.splitlines()[0]
    assert title == f"# Exercises: {chapter.title}"


def test_no_answer_is_loaded_before_a_check():
    import subprocess
    import sys

    code = "import sys; from gan_tutor import classroom; classroom.hint('losses-ragan'); classroom.progress()\n"
    code += "assert not [name for name in sys.modules if 'classroom.answers.' in name]"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0
