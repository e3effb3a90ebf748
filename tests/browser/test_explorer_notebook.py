"""The latent explorer in a real JupyterLab: its cell is run, its controls are used, and the kernel computes nothing."""

from __future__ import annotations

from typing import Any

import live_notebook
import pytest
import torch

from gan_tutor import training

pytest.importorskip("jupyterlab", reason="jupyterlab is not installed: pip install 'gan-tutor[book]'")
pytest.importorskip("anywidget", reason="anywidget is not installed: pip install 'gan-tutor[lab]'")

pytestmark = pytest.mark.xdist_group("lab")

CELLS = ["from gan_tutor import lab\nlab.explore('digits_projection', seed=5, y=3)", "1 + 1"]


def test_a_cell_shows_a_generator_that_runs(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    home = tmp_path_factory.mktemp("jupyter")
    live_notebook.write(home / "live.ipynb", CELLS)
    with live_notebook.server(home) as server:
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        with live_notebook.Notebook(page, server, "live.ipynb") as notebook:
            notebook.run(0)
            page.wait_for_function("() => document.querySelector('gan-latent')?.image")
            element = page.locator("gan-latent")

            def z() -> torch.Tensor:
                return torch.tensor([element.evaluate("element => [...element.latent]")])

            drawn = training.sample_z(1, 64, torch.Generator().manual_seed(5))
            torch.testing.assert_close(z(), drawn, rtol=0, atol=1e-5)
            assert "z of seed 5 · asked for: 3" in element.locator(".caption").inner_text()
            element.get_by_role("button", name="8", exact=True).click()
            notebook.until(lambda: "asked for: 8" in element.locator(".caption").inner_text(), "no other class")
            torch.testing.assert_close(z(), drawn, rtol=0, atol=1e-5)
            element.locator(".pad").focus()
            # Keys that mean something in a notebook: they must move the point, and neither cell nor selection.
            page.keyboard.press("ArrowDown")
            page.keyboard.press("Home")
            notebook.until(
                lambda: element.locator(".pad").get_attribute("aria-valuetext") == "0.0 across, 0.0 up", "no key came"
            )
            assert page.locator(notebook.cells).count() == len(CELLS)
            page.evaluate("document.body.dataset.jpThemeLight = 'false'")
            notebook.until(lambda: element.locator(".lab").get_attribute("data-theme") == "dark", "no dark theme")
            # A second run of the cell shows a new one, which starts where its code says.
            notebook.run(0)
            notebook.until(lambda: "z of seed 5" in element.locator(".caption").inner_text(), "no second explorer")
            assert element.count() == 1
            assert notebook.problems == []
