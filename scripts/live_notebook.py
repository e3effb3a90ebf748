"""A notebook server of one's own, a headless Chromium, and a notebook run in it as its reader would run it.

For the tests of the live lab, its benchmark and its picture. Needs JupyterLab, Playwright and a Chromium.
"""

import ast
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.blocking.client import BlockingKernelClient

SYSTEM_CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
# What Notebook's pages look like, in JupyterLab and Notebook 7, and in the classic notebook.
KERNEL_IDLE = "() => document.querySelector('.jp-Notebook-ExecutionIndicator')?.dataset.status === 'idle'"
KERNEL_THERE = "() => window.Jupyter?.notebook?.kernel?.is_connected()"
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
NO_CHROMIUM = "no Chromium: install your system's chromium, or run `playwright install chromium`"


class NoBrowser(SystemExit):
    """There is no Chromium to drive; a script that does not catch it ends with this one line."""


class Kernel:
    """The kernel behind a notebook, asked from outside: what its reader does not see.

    Args:
        connection: The kernel's connection file.
    """

    def __init__(self, connection: Path) -> None:
        self.client = BlockingKernelClient()
        self.client.load_connection_file(str(connection))
        self.client.start_channels(iopub=False, stdin=False, hb=False)

    def value(self, expression: str) -> Any:
        """Return the value of an expression that JSON can hold."""
        return json.loads(self._execute("", f"__import__('json').dumps({expression})"))

    def run(self, code: str) -> None:
        """Run statements in the notebook's namespace."""
        self._execute(code, "0")

    def close(self) -> None:
        """Let go of the connection; the kernel goes on."""
        self.client.stop_channels()
        self.client.context.destroy(linger=0)

    def _execute(self, code: str, expression: str) -> Any:
        """Run code, then return an expression's value; ask again while the kernel drops what was waiting.

        After a cell that raises, a kernel answers "aborted" to every request that was queued behind the cell.
        """
        asked = {"said": expression}
        until = time.monotonic() + 30
        while True:
            reply = self.client.execute(
                code, silent=True, store_history=False, user_expressions=asked, reply=True, timeout=120
            )
            content = reply["content"]
            if content["status"] != "aborted" or time.monotonic() > until:
                break
            time.sleep(0.1)
        result = content["user_expressions"]["said"] if content["status"] == "ok" else content
        if result["status"] != "ok":
            raise RuntimeError("\n".join(result.get("traceback", [str(result)])))
        return ast.literal_eval(result["data"]["text/plain"])


@dataclass(frozen=True)
class Server:
    """A notebook server that answers only to its token.

    Attributes:
        address: Where it is.
        token: What lets one in.
        home: Its folder: notebooks, and everything that Jupyter keeps about itself.
    """

    address: str
    token: str
    home: Path

    def url(self, path: str) -> str:
        """Return an address on this server, with the token."""
        return f"{self.address}/{path}?token={self.token}"

    def ask(self, path: str) -> Any:
        """Return what the server's own interface answers."""
        with urllib.request.urlopen(self.url(path), timeout=10) as answer:
            return json.load(answer)

    def kernel(self, notebook: str) -> Kernel | None:
        """Return the kernel of a notebook, or None if none runs yet."""
        running = [s["kernel"]["id"] for s in self.ask("api/sessions") if s["path"] == notebook]
        files = [self.home / "runtime" / f"kernel-{name}.json" for name in running]
        return Kernel(files[0]) if files and files[0].is_file() else None


def write(path: Path, cells: Sequence[str]) -> None:
    """Write a notebook of code cells."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells], metadata=KERNEL)
    nbformat.write(notebook, path)


@contextmanager
def server(
    home: Path,
    *,
    python: str | Path = sys.executable,
    app: str = "jupyterlab",
    environment: dict[str, str] | None = None,
) -> Iterator[Server]:
    """Run a notebook server in a folder, with private settings, until the block ends.

    Args:
        home: Its folder.
        python: Interpreter of the server and its kernels.
        app: Module to run: "jupyterlab" or "notebook".
        environment: Additional environment variables.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    private = {f"JUPYTER_{kind}_DIR": str(home / kind.lower()) for kind in ("CONFIG", "DATA", "RUNTIME")}
    private |= {"IPYTHONDIR": str(home / "ipython"), "HOME": str(home), "OMP_NUM_THREADS": "1", "JUPYTER_TOKEN": token}
    command = [str(python), "-m", app, "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}"]
    no_news = home / "config/lab/user-settings/@jupyterlab/apputils-extension/notification.jupyterlab-settings"
    no_news.parent.mkdir(parents=True)
    no_news.write_text('{"fetchNews": "false"}')
    with open(home / "server.log", "w") as log:
        running = subprocess.Popen(
            command, stdout=log, stderr=log, env=os.environ | private | (environment or {}), cwd=home
        )
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_for(running, f"{address}/api?token={token}", home / "server.log")
        yield Server(address, token, home)
    finally:
        running.terminate()  # its kernels end with it
        try:
            running.wait(timeout=20)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()


def _wait_for(running: subprocess.Popen[bytes], url: str, log: Path) -> None:
    for _ in range(600):
        if running.poll() is not None:
            break
        try:
            urllib.request.urlopen(url, timeout=2).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)  # a server has no other way to say that it is up
        else:
            return
    raise RuntimeError(f"the server did not start:\n{log.read_text()}")


@contextmanager
def chromium() -> Iterator[Any]:
    """Run a headless Chromium until the block ends: the system's if there is one, else Playwright's own.

    Raises:
        NoBrowser: There is neither.
    """
    from playwright.sync_api import sync_playwright

    system = next(filter(None, map(shutil.which, SYSTEM_CHROMIUM)), None)
    with sync_playwright() as playwright:
        if system is None and not Path(playwright.chromium.executable_path).exists():
            raise NoBrowser(NO_CHROMIUM)
        browser = playwright.chromium.launch(executable_path=system, args=FLAGS)
        yield browser
        browser.close()


class Notebook:
    """One notebook open in a page.

    Args:
        page: A page of Playwright.
        server: Where the notebook is.
        name: Its file.
        path: What stands before the file in the address: "doc/tree" (JupyterLab without its side bars) or "notebooks".
        classic: Whether this is the notebook of before version 7.
    """

    def __init__(self, page: Any, server: Server, name: str, *, path: str = "doc/tree", classic: bool = False) -> None:
        self.page, self.server, self.name = page, server, name
        self.cells = ".code_cell" if classic else ".jp-Notebook .jp-Cell"
        self.editor = ".CodeMirror" if classic else ".cm-content"
        self.problems: list[str] = []
        page.set_default_timeout(120_000)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("console", lambda said: self.problems.append(said.text) if said.type == "error" else None)
        self.open_with, self.ready = f"{path}/{name}", KERNEL_THERE if classic else KERNEL_IDLE
        self.kernel: Any = None
        self.open()

    def __enter__(self) -> "Notebook":
        return self

    def __exit__(self, *_: object) -> None:
        self.kernel.close()
        self.page.close()

    def open(self) -> None:
        """Load the page, wait for its kernel, and connect to that."""
        if self.kernel is not None:
            self.kernel.close()
        self.page.goto(self.server.url(self.open_with))
        self.page.locator(self.cells).first.wait_for()
        found: list[Kernel] = []

        def is_there() -> bool:
            kernel = self.server.kernel(self.name)
            found.extend([kernel] if kernel else [])
            return bool(found)

        self.until(is_there, "the notebook has no kernel")
        self.kernel = found[0]
        self.page.wait_for_function(self.ready)

    def run(self, index: int) -> None:
        """Run a cell, from its editor, and wait for the kernel to finish it."""
        before = self.kernel.value("len(In)")
        self.page.locator(self.cells).nth(index).locator(self.editor).first.click()
        self.page.keyboard.press("Control+Enter")
        # The kernel answers the question only when it has finished the cell.
        self.until(lambda: self.kernel.value("len(In)") > before, f"cell {index} did not run")

    def until(self, true: Callable[[], Any], what: str, seconds: float = 120) -> None:
        """Wait until something is true; the page lives on meanwhile.

        Raises:
            TimeoutError: It did not come true in time.
        """
        deadline = time.monotonic() + seconds
        while not true():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what}; the page's problems: {self.problems}")
            self.page.wait_for_timeout(50)


class Shown:
    """A lab on a page and its engine in the kernel.

    Args:
        notebook: Where it is shown.
        name: What the kernel calls it.
        cell: The cell that shows it.
        nth: Which of the cell's labs it is, from 0.
    """

    def __init__(self, notebook: Notebook, name: str = "live", cell: int = 0, nth: int = 0) -> None:
        self.notebook, self.name = notebook, name
        self.element = notebook.page.locator(notebook.cells).nth(cell).locator("gan-lab").nth(nth)
        self.canvas = self.element.locator("canvas").first
        self.play_button = self.element.locator(".play")
        self.play_button.wait_for()
        self.play_button.scroll_into_view_if_needed()
        notebook.until(self.play_button.is_enabled, "the lab has no answer from its engine")
        notebook.until(lambda: "after step" in self.words(), "the lab shows no picture")

    def engine(self, expression: str) -> Any:
        """Return the value of an expression of the engine in the kernel, such as "game.step"."""
        return self.notebook.kernel.value(f"{self.name}.engine.{expression}")

    @property
    def step(self) -> int:
        """Turns played, as the kernel has it."""
        return int(self.engine("game.step"))

    def play(self, turns: int = 1) -> None:
        """Press play, and see that some turns are played."""
        first = self.step
        self.play_button.click()
        self.trains(first + turns - 1)

    def trains(self, beyond: int | None = None) -> None:
        """See that training passes a step, or goes on at all."""
        beyond = self.step if beyond is None else beyond
        self.notebook.until(lambda: self.step > beyond, f"the lab does not train beyond step {beyond}")

    def pause(self) -> int:
        """Press pause, and return the step at which the lab then stands."""
        self.play_button.click()
        self.notebook.until(lambda: not self.engine("playing"), "the lab does not pause")
        self.notebook.until(lambda: "Play" in self.play_button.inner_text(), "the button does not show that it pauses")
        return self.step

    def press(self, what: str) -> None:
        """Press one of the transport's buttons: step-d, step-g, step-turn, slow, reset."""
        self.element.locator(f".transport .{what}").click()

    def words(self) -> str:
        """Return the picture in words, as it was last described."""
        return self.canvas.get_attribute("aria-label") or ""

    def picture(self) -> str:
        """Return the picture's pixels."""
        return str(self.canvas.evaluate("canvas => canvas.toDataURL()"))

    def control(self, field: str, part: str) -> Any:
        """Return a part of a setting's control, "select", "input[type=range]" or "input[type=text]", made visible."""
        found = self.element.locator(f"[data-field='{field}'] {part}")
        if not found.is_visible():
            self.element.locator(f"details:not([open]):has([data-field='{field}']) > summary").click()
        found.scroll_into_view_if_needed()
        return found

    def setting(self, field: str) -> Any:
        """Return the recipe's value of a field, as the kernel has it."""
        return self.engine(f"recipe.{field}")

    def said(self) -> str:
        """Return the lab's present words to its reader: its note and its warning."""
        return " ".join(self.element.locator(f".stage .{kind}").inner_text() for kind in ("note", "alert")).strip()
