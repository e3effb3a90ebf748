"""The live lab in a real JupyterLab: it shows, trains, obeys a slider while it trains, and stops when interrupted."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

SYSTEM_CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CELLS = [
    "from gan_tutor import lab, recipes\nlive = lab.Lab('ring')\nlive",
    "print('step', live.engine.game.step > 0, 'loss', live.engine.recipe.loss)",
]


@pytest.fixture(scope="module")
def jupyter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a JupyterLab of the test's own, with private folders and a token, showing one notebook."""
    pytest.importorskip("jupyterlab", reason="jupyterlab is not installed: pip install 'gan-tutor[book]'")
    pytest.importorskip("anywidget", reason="anywidget is not installed: pip install 'gan-tutor[lab]'")
    home = tmp_path_factory.mktemp("jupyter")
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), home / "live.ipynb")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    private = {f"JUPYTER_{kind}_DIR": str(home / kind.lower()) for kind in ("CONFIG", "DATA", "RUNTIME")}
    environment = os.environ | private | {"OMP_NUM_THREADS": "1", "HOME": str(home)}
    options = {
        "ServerApp.port": port,
        "IdentityProvider.token": token,
        "ServerApp.root_dir": home,
        "LabApp.news_url": "",
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1"]
    command += [f"--{name}={value}" for name, value in options.items()]
    with open(home / "server.log", "w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=environment, cwd=home)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            assert server.poll() is None, (home / "server.log").read_text()
            try:
                urllib.request.urlopen(f"{address}/api?token={token}", timeout=2).close()
                break
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)  # a server has no other way to say that it is up
        yield f"{address}/lab/tree/live.ipynb?token={token}"
    finally:
        server.terminate()
        server.wait(timeout=30)


@pytest.fixture(scope="module")
def page(jupyter: str) -> Iterator[Any]:
    """The notebook, open, with its first cell run and the lab on the page."""
    api = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: pip install 'gan-tutor[test]'"
    )
    system = next(filter(None, map(shutil.which, SYSTEM_CHROMIUM)), None)
    with api.sync_playwright() as playwright:
        if system is None and not Path(playwright.chromium.executable_path).exists():
            pytest.skip("no Chromium: install your system's chromium, or run `playwright install chromium`")
        browser = playwright.chromium.launch(executable_path=system, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        page.set_default_timeout(120_000)
        page.errors = []
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.goto(jupyter)
        page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
        page.locator(".jp-Notebook .jp-Cell .cm-content").first.click()
        page.keyboard.press("Shift+Enter")
        page.locator("gan-lab").wait_for()
        page.get_by_role("button", name="Play").wait_for()
        yield page
        browser.close()


def step(page: Any) -> int:
    """The step that the lab's picture names."""
    said = page.locator("gan-lab").get_by_role("img").first.get_attribute("aria-label") or ""
    found = re.search(r"step ([\d,.\u202f\u00a0 ]+)", said)
    return int(re.sub(r"\D", "", found[1])) if found else -1


def until(page: Any, true: Any, what: str) -> None:
    deadline = time.monotonic() + 90
    while not true():
        assert time.monotonic() < deadline, f"{what}; the page's errors: {page.errors}"
        page.wait_for_timeout(100)


def asked(page: Any) -> str:
    """Run the second cell and return what it prints: the kernel's own view of the lab."""
    cell = page.locator(".jp-Notebook .jp-Cell").nth(1)
    cell.locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    output = cell.locator(".jp-OutputArea-output")
    output.wait_for()
    return str(output.inner_text())


def test_the_lab_trains_obeys_and_pauses(page):
    assert step(page) <= 0
    page.get_by_role("button", name="Play").click()
    until(page, lambda: step(page) > 20, "the lab does not train")
    loss = page.locator("gan-lab [data-field='loss'] select")
    loss.select_option(label="hinge")
    until(page, lambda: loss.evaluate("e => e.selectedOptions[0].label") == "hinge", "the choice does not show")
    before = step(page)
    until(page, lambda: step(page) > before, "it does not go on after a change")
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("button", name="Play").wait_for()
    assert asked(page).split() == ["step", "True", "loss", "hinge"]
    assert page.errors == []


def test_reset_begins_again(page):
    page.get_by_role("button", name="Reset").click()
    until(page, lambda: step(page) == 0, "it does not begin again")
    page.get_by_role("button", name="Step both").click()
    until(page, lambda: step(page) == 1, "one turn is not one step")
