"""A day at school: a teacher releases, a student solves in JupyterLab, the teacher grades and reads the pages."""

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from gan_tutor.classroom import assignment

pytest.importorskip("playwright", reason="playwright is not installed: pip install 'gan-tutor[test]'")
pytest.importorskip("jupyterlab", reason="jupyterlab is not installed: pip install 'gan-tutor[book]'")
live_notebook = pytest.importorskip("live_notebook")
ROOT = Path(__file__).resolve().parents[2]
SUM = """\
def ragan_d(real, fake):
    return softplus(fake.mean() - real).sum() + softplus(fake - real.mean()).sum()"""
PICTURES = os.environ.get("GAN_TUTOR_PICTURES")  # a folder: keep what was seen


@pytest.fixture(scope="module")
def chromium():
    try:
        with live_notebook.chromium() as browser:
            yield browser
    except live_notebook.NoBrowser as error:
        pytest.skip(str(error))


def command(*words):
    done = subprocess.run(
        [sys.executable, "-m", "gan_tutor", "classroom", *map(str, words)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def keep(page, name):
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)


def answered(notebook, cells, grade_id, code, expected):
    """Write an answer into its cell as a student does, run it and its check, and return what the check then shows."""
    at = next(k for k, cell in enumerate(cells) if assignment.grade_id(cell) == grade_id)
    cell = notebook.page.locator(notebook.cells).nth(at)
    cell.locator(notebook.editor).first.click()
    notebook.page.keyboard.press("Control+a")
    notebook.page.keyboard.insert_text(code)
    notebook.run(at)
    check = notebook.page.locator(notebook.cells).nth(at + 1)
    check.locator(notebook.editor).first.click()
    notebook.page.keyboard.press("Control+Enter")  # a check that raises lets the kernel drop what is asked after it
    shown = check.locator(".jp-OutputArea-output", has_text=expected)
    shown.wait_for()
    return shown.inner_text().strip()


def test_release_solve_collect_grade_read(chromium, tmp_path):
    (released,) = command("release", ROOT / "book" / "losses.ipynb", "--out", tmp_path / "release")
    home, submissions = tmp_path / "home", tmp_path / "submissions"
    home.mkdir()
    submissions.mkdir()
    shutil.copy(released, home / "losses.ipynb")
    cells = nbformat.read(released, as_version=4).cells
    with live_notebook.server(home, environment={"GAN_TUTOR_HOME": str(home / "kept")}) as server:
        page = chromium.new_page(viewport={"width": 1200, "height": 900})
        with live_notebook.Notebook(page, server, "losses.ipynb") as notebook:
            for index, cell in enumerate(cells):
                if cell.id in (assignment.INSTALL_ID, "exercises-setup", "classroom-start"):
                    notebook.run(index)
            told = answered(notebook, cells, "losses-ragan", SUM, "not yet")
            keep(page, "student-hint")
            first, hint = told.splitlines()
            assert first == "losses-ragan: not yet"
            assert hint.startswith("A sum over the batch stands where a mean should")
            assert "Traceback" not in told
            told = answered(notebook, cells, "losses-ragan", SUM.replace(".sum()", ".mean()"), "right")
            assert told == "losses-ragan: right"
            notebook.run(len(cells) - 1)
            shown = page.locator(notebook.cells).last.locator(".jp-OutputArea-output")
            shown.first.wait_for()
            assert "1 of 5" in shown.first.inner_text()
            keep(page, "student-right")
            page.keyboard.press("Control+s")
            notebook.until(lambda: ".mean() - real).mean()" in (home / "losses.ipynb").read_text(), "it was not saved")
    shutil.copy(home / "losses.ipynb", submissions / "anna.ipynb")
    shutil.copy(released, submissions / "ben.ipynb")
    (submissions / "carla.ipynb").write_text((home / "losses.ipynb").read_text()[:5000])
    told = command("grade", submissions, "--out", tmp_path / "graded", "--notebooks", ROOT / "book" / "losses.ipynb")
    assert told[-1].startswith("2 graded, 1 files not graded")
    with open(tmp_path / "graded" / "grades.csv", newline="", encoding="utf-8-sig") as file:
        rows = {row["student"]: row for row in csv.DictReader(file)}
    assert [rows[name]["points"] for name in ("anna", "ben", "carla")] == ["1", "0", ""]
    assert "half-saved" in rows["carla"]["notes"]
    page = chromium.new_page(viewport={"width": 1000, "height": 900})
    page.goto((tmp_path / "graded" / "overview.html").as_uri())
    keep(page, "overview")
    assert page.get_by_role("heading", name="Class overview").is_visible()
    page.get_by_role("link", name="anna").click()
    page.get_by_role("heading", name="losses: 1 of 5 points").wait_for()
    right = page.locator("section.right")
    assert right.count() == 1
    assert right.get_by_role("heading").inner_text() == "The average relativistic loss"
    keep(page, "feedback")
    page.close()
