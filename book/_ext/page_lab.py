"""Labs that train in the page: builds what they need, loads it where a lab is, and draws what stands there without it.

The recipes are read from the stored outputs of the notebooks. Compiled programs and recordings are kept in the
repository, in `book/_kept` (`make kept`); what is not there is made, and stays in `_build/page_engine`.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from gan_tutor import plots, recipes
from gan_tutor.page_engine import recording, site
from gan_tutor.page_engine.shelf import Shelf
from sphinx.application import Sphinx
from sphinx.util import logging

MOMENTS = (0, 10, 40)  # frames of the recording that the figure shows
logger = logging.getLogger(__name__)


def prepare(app: Sphinx, env: Any) -> None:
    """Make programs, recordings and figures before the first page is written."""
    if app.builder.format != "html":
        return
    pages = [Path(app.env.doc2path(name)) for name in sorted(app.env.found_docs)]
    wanted = site.labs(path for path in pages if path.suffix == ".ipynb")
    folder = Path(app.outdir) / "_static" / "lab"
    shelf = Shelf(Path(app.srcdir) / "_build" / "page_engine", (Path(app.srcdir) / "book" / "_kept",))
    scripts = site.write(folder, wanted, shelf, tell=logger.info)
    for name, path in set(scripts.values()):
        picture = shelf.own / f"{name}.png"
        if not picture.is_file():
            draw(path, picture)
        shutil.copyfile(picture, folder / picture.name)
    app.gan_recordings = {link: name for link, (name, _) in scripts.items()}  # type: ignore[attr-defined]


def draw(path: Path, picture: Path) -> None:
    """Draw three moments of a recording side by side."""
    frames = recording.frames(path)
    plots.style()
    figure, axes = plt.subplots(1, len(MOMENTS), figsize=(9, 3.3), layout="constrained")
    for ax, number in zip(axes, MOMENTS, strict=True):
        message, arrays = frames[number]
        moment(ax, arrays)
        ax.set_title(f"step {message['step']:,}")
    picture.parent.mkdir(parents=True, exist_ok=True)  # nothing else is there if all that was needed is kept
    figure.savefig(picture, dpi=110)
    plt.close(figure)


def moment(ax: Any, arrays: dict[str, np.ndarray]) -> None:
    """Draw one moment: points, a line's histogram, or images."""
    real, fake = (torch.from_numpy(arrays[name].copy()) for name in ("real", "fake"))
    if real.ndim == 4:
        plots.image_grid(ax, fake.permute(0, 3, 1, 2).float() / 127.5 - 1, columns=6)
    elif real.shape[1] == 1:
        plots.histogram(ax, real, fake)
    else:
        plots.samples(ax, real, fake, size=5)
        low, high = real.amin(0) - 1, real.amax(0) + 1
        ax.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))


def place(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Load the scripts on a page that has a lab, and put the figure into the lab's element."""
    body = context.get("body", "")
    if "<gan-lab" not in body or not hasattr(app, "gan_recordings"):
        return
    known: dict[str, str] = app.gan_recordings
    static = "../" * pagename.count("/") + "_static/lab/"

    def filled(match: re.Match[str]) -> str:
        recipe = site.recipe_of(match)
        name = known[recipes.to_link(recipe)]
        words = f"{recipe.data.replace('_', ' ')}, {recipe.loss.replace('_', ' ')} loss, seed {recipe.seed}"
        figure = (
            f'<img src="{static}{name}.png" alt="Three moments of this lab\'s run: {words}" loading="lazy">'
            f"<p>Three moments of this run ({words}). With JavaScript, it trains here, and you steer it.</p>"
        )
        return f'{match[0].split(">", 1)[0]} data-recording="{name}">{figure}</gan-lab>'

    context["body"] = site.ELEMENT.sub(filled, body)
    for name in ("site.js", "page.js"):
        app.add_js_file(f"lab/{name}", loading_method="defer")


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to the build of the site."""
    app.connect("env-updated", prepare)
    app.connect("html-page-context", place, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": False}
