"""The live lab on the versions that Colab has: an old kernel, ipywidgets 7, and the classic notebook as its page.

Colab's own page cannot be run elsewhere, so the classic notebook stands in. All this runs in an environment of its own
under `_build`, which takes torch and the book's library from the running one.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import site
import subprocess
import sys
from pathlib import Path
from typing import Any

import live_notebook
import pytest

pytest.importorskip("jupyterlab", reason="jupyterlab is not installed: pip install 'gan-tutor[book]'")
pytest.importorskip("anywidget", reason="anywidget is not installed: pip install 'gan-tutor[lab]'")

pytestmark = pytest.mark.xdist_group("lab")

ROOT = Path(__file__).resolve().parents[2]

CELL = "from gan_tutor import lab, recipes\nlive = lab.Lab('ring')\nlive"
COLAB = {"ipykernel": "6.17.1", "IPython": "7.34.0", "ipywidgets": "7.7.1", "notebook": "6.5.7", "anywidget": "0.9.21"}
PACKAGES = ROOT / "tests" / "browser" / "colab.txt"


def environment() -> Path:
    """The interpreter of an environment with these packages first and those of the running one behind them."""
    wanted = [line for line in PACKAGES.read_text().splitlines() if not line.startswith("#")]
    shared = [path for path in site.getsitepackages() if Path(path).is_dir()]
    key = hashlib.sha256("\n".join([sys.version, *shared, *wanted]).encode()).hexdigest()[:12]
    folder = ROOT / "_build" / f"colab-{key}"
    python = folder / "bin" / "python"
    folder.parent.mkdir(exist_ok=True)
    with open(folder.parent / ".colab-lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one of several test processes makes it
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            if shutil.which("uv"):
                make = ["uv", "venv", "--quiet", "--python", sys.executable, str(folder)]
                install = ["uv", "pip", "install", "--quiet", "--python", str(python)]
            else:
                make = [sys.executable, "-m", "venv", str(folder)]
                install = [str(python), "-m", "pip", "install", "--quiet"]
            subprocess.run(make, check=True)
            done = subprocess.run([*install, "--no-deps", *wanted], capture_output=True, text=True)
            if done.returncode:
                pytest.skip(f"the packages of Colab cannot be installed: {done.stderr.strip()[-400:]}")
            (own,) = folder.glob("lib/python*/site-packages")
            lines = [f"import site; site.addsitedir({path!r})" for path in shared]
            (own / "shared.pth").write_text("\n".join(lines) + "\n")
            (folder / "complete").touch()
    return python


def test_the_lab_trains_draws_and_obeys(browser: Any, tmp_path: Path) -> None:
    python = environment()
    live_notebook.write(tmp_path / "live.ipynb", [CELL])
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    with (
        live_notebook.server(tmp_path, python=python, app="notebook") as server,
        live_notebook.Notebook(page, server, "live.ipynb", path="notebooks", classic=True) as notebook,
    ):
        notebook.run(0)
        live = live_notebook.Shown(notebook)
        notebook.kernel.run(f"import {', '.join(COLAB)}")
        assert {name: notebook.kernel.value(f"{name}.__version__") for name in COLAB} == COLAB
        untrained = live.picture()
        live.play(turns=20)
        notebook.until(lambda: live.picture() != untrained, "the picture does not change")
        slider, before = live.control("lr_g", "input[type=range]"), live.setting("lr_g")
        slider.focus()
        page.keyboard.press("ArrowRight")
        notebook.until(lambda: live.setting("lr_g") > before, "a slider does not reach the kernel by keyboard")
        live.control("loss", "select").select_option(label="hinge")
        notebook.until(lambda: live.setting("loss") == "hinge", "a choice does not reach the kernel")
        live.trains()
        stood = live.pause()
        live.press("step-turn")
        notebook.until(lambda: live.step == stood + 1, "one turn is not one step")
        notebook.run(0)
        again = live_notebook.Shown(notebook)
        again.play()
        again.pause()
        assert notebook.problems == []
