"""The same labs in Firefox, by WebDriver BiDi, which stock Firefox speaks: another engine of JavaScript and wasm."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import asdict
from itertools import count
from queue import Empty, Queue
from typing import Any

import numpy as np
import pytest
from driving import DRIVE, HELLO, RING, STEP, WITH_LABS, eager, tick

FIREFOX = next(filter(None, map(shutil.which, ("firefox-esr", "firefox"))), None)
LISTENS = re.compile(r"WebDriver BiDi listening on (ws://\S+)")
pytestmark = pytest.mark.skipif(FIREFOX is None, reason="no Firefox: install your system's firefox-esr or firefox")


class Firefox:
    """One headless Firefox with one tab."""

    def __init__(self, socket: Any) -> None:
        self.socket, self.numbers = socket, count(1)
        self.complaints: list[str] = []
        self.ask("session.new", capabilities={})
        self.ask("session.subscribe", events=["log.entryAdded"])
        self.tab = self.ask("browsingContext.getTree")["contexts"][0]["context"]

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command and return its result; what the page logs meanwhile is kept."""
        number = next(self.numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message = json.loads(self.socket.recv())
            if message.get("method") == "log.entryAdded" and message["params"]["level"] in ("error", "warn"):
                self.complaints.append(message["params"]["text"])
            if message.get("id") == number:
                assert message["type"] == "success", message
                return message["result"]

    def open(self, url: str) -> None:
        """Load a page."""
        self.complaints.clear()
        self.ask("browsingContext.navigate", context=self.tab, url=url, wait="complete")

    def run(self, function: str, argument: Any = None) -> Any:
        """Return what a JavaScript function answers, by way of JSON."""
        told = json.dumps(argument)
        code = f"(async () => JSON.stringify(await ({function})({told})))()"
        result = self.ask("script.evaluate", expression=code, target={"context": self.tab}, awaitPromise=True)
        assert result["type"] == "success", result["exceptionDetails"]["text"]
        return json.loads(result["result"]["value"])


@pytest.fixture(scope="module")
def firefox() -> Iterator[Firefox]:
    """A Firefox of its own profile, ended afterwards."""
    websocket = pytest.importorskip("websocket", reason="websocket-client is not installed: it comes with jupyterlab")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [FIREFOX, "--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0"]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        lines: Queue[str] = Queue()
        reader = threading.Thread(target=lambda: [lines.put(line) for line in process.stderr or ()], daemon=True)
        reader.start()
        try:
            there = address_in(lines) + "/session"
            yield Firefox(websocket.create_connection(there, timeout=180, suppress_origin=True))
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()


def address_in(lines: Queue[str]) -> str:
    """Wait for the line in which Firefox says where it listens."""
    heard = []
    while True:
        try:
            heard.append(lines.get(timeout=60))
        except Empty:
            pytest.fail("Firefox did not open its debugging port; it said: " + "".join(heard))
        found = LISTENS.search(heard[-1])
        if found:
            return found[1]


@pytest.mark.parametrize("name", WITH_LABS)
def test_the_labs_of_a_chapter_train_and_draw(firefox: Firefox, address: str, name: str) -> None:
    firefox.open(f"{address}/book/{name}.html")
    played = f"""async () => {{
      const lab = document.querySelector("gan-lab");
      lab.scrollIntoView();
      const button = () => lab.shadowRoot.querySelector("button.play");
      const until = async (holds) => {{ while (!holds()) await new Promise((done) => setTimeout(done, 50)); }};
      await until(() => button() && !button().disabled);
      button().click();
      await until(() => ({STEP})(lab) >= 3);
      button().click();
      const canvas = lab.shadowRoot.querySelector(".scene canvas");
      const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
      return [lab.shadowRoot.querySelector(".alert").innerText, new Set(pixels).size];
    }}"""
    alert, colours = firefox.run(played)
    assert alert == ""
    assert colours > 20
    assert firefox.complaints == []


def test_its_numbers_are_the_notebooks(firefox: Firefox, address: str) -> None:
    firefox.open(f"{address}/book/training_loop.html")
    replies = firefox.run(DRIVE, [asdict(RING), [HELLO, {"type": "play"}, tick(20)]])
    losses = np.array(replies[-1]["arrays"]["history"]).reshape(-1, 5)[:, 1:3]
    theirs = eager(RING, 20)
    assert np.abs(losses - theirs)[:10].max() < 1e-4
    assert np.abs(losses - theirs).max() < 1e-2 * np.abs(theirs).max()


def test_it_is_bit_by_bit_what_chromium_computes(firefox: Firefox, browser: Any, address: str) -> None:
    script = [asdict(RING), [HELLO, {"type": "play"}, tick(40)]]
    firefox.open(f"{address}/book/training_loop.html")
    there = firefox.run(DRIVE, script)[-1]["arrays"]["history"]
    page = browser.new_page()
    page.goto(f"{address}/book/training_loop.html")
    here = page.evaluate(DRIVE, script)[-1]["arrays"]["history"]
    page.close()
    assert here == there
