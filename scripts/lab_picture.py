"""Make the moving picture of the live lab for README.md: it learns the ring, then a slider makes it collapse.

    python scripts/lab_picture.py

Plays the real lab in JupyterLab and a headless Chromium, takes a picture after every few turns, and writes
book/_static/lab.webp (about six seconds, again and again) and book/_static/lab.png (a still). Needs JupyterLab,
Playwright, Pillow and a Chromium; takes about a minute.
"""

import io
import tempfile
from pathlib import Path
from typing import Any

from live_notebook import Notebook, Shown, chromium, server, write
from PIL import Image, ImageDraw

STATIC = Path(__file__).resolve().parents[1] / "book" / "_static"
WIDTH = 760
FRAME_MS = 125
MOST_BYTES = 1_500_000
HANDLE = 16  # width of a slider's handle in pixels
TOO_FAST = 0.84  # share of the slider at which G's learning rate is twenty times D's: G collapses
POINTER = [(0, 0), (0, 17), (4, 13), (7, 20), (10, 19), (7, 12), (12, 12)]


class Film:
    """Pictures of a lab, with the mouse pointer that headless browsers do not draw."""

    def __init__(self, live: Shown) -> None:
        self.live, self.at = live, (0.0, 0.0)
        self.pictures: list[Image.Image] = []

    def move(self, x: float, y: float) -> None:
        """Move the mouse, in pixels of the page."""
        self.live.notebook.page.mouse.move(x, y)
        self.at = (x, y)

    def to(self, element: Any, across: float = 0.5) -> None:
        """Move the mouse over an element in a few pictures."""
        box = element.bounding_box()
        x, y = box["x"] + across * box["width"], box["y"] + box["height"] / 2
        x0, y0 = self.at
        for k in range(1, 4):
            self.move(x0 + (x - x0) * k / 3, y0 + (y - y0) * k / 3)
            self.shoot()

    def shoot(self) -> None:
        """Take one picture of the lab as it is now."""
        box = self.live.element.bounding_box()
        picture = Image.open(io.BytesIO(self.live.element.screenshot())).convert("RGB")
        scale = picture.width / box["width"]
        x, y = (self.at[0] - box["x"]) * scale, (self.at[1] - box["y"]) * scale
        shape = [(x + scale * dx, y + scale * dy) for dx, dy in POINTER]
        ImageDraw.Draw(picture).polygon(shape, fill="white", outline="black", width=round(scale))
        self.pictures.append(
            picture.resize((WIDTH, round(picture.height * WIDTH / picture.width)), Image.Resampling.LANCZOS)
        )

    def watch(self, until: int, pictures: int) -> None:
        """Take pictures at equal distances of steps while the lab plays up to a step."""
        first = self.live.step
        for k in range(1, pictures + 1):
            goal = first + (until - first) * k // pictures
            self.live.notebook.until(lambda: self.live.step >= goal, "the lab does not play")
            self.shoot()


def play(film: Film) -> None:
    """The story: press play, the ring fills; make G too fast, and it collapses."""
    live = film.live
    film.at = (300.0, 300.0)
    film.shoot()
    film.to(live.play_button)
    live.play()
    film.watch(until=1400, pictures=18)
    slider = live.control("lr_g", "input[type=range]")
    box, share = slider.bounding_box(), slider.evaluate("s => (s.value - s.min) / (s.max - s.min)")
    y, along = box["y"] + box["height"] / 2, box["width"] - HANDLE
    film.to(slider, across=(HANDLE / 2 + share * along) / box["width"])
    live.notebook.page.mouse.down()
    for k in range(1, 5):
        film.move(box["x"] + HANDLE / 2 + (share + (TOO_FAST - share) * k / 4) * along, y)
        film.shoot()
    live.notebook.page.mouse.up()
    live.notebook.until(lambda: live.setting("lr_g") > 0.015, "the slider does not reach the kernel")
    film.watch(until=live.step + 1200, pictures=18)
    live.pause()


def save(pictures: list[Image.Image]) -> None:
    """Write the moving picture, as good as the limit allows, and the still from where the ring is full."""
    for quality in range(85, 20, -5):
        path = STATIC / "lab.webp"
        pictures[0].save(
            path, save_all=True, append_images=pictures[1:], duration=FRAME_MS, loop=0, quality=quality, method=4
        )
        if path.stat().st_size <= MOST_BYTES:
            break
    pictures[21].quantize(256, dither=Image.Dither.FLOYDSTEINBERG).save(STATIC / "lab.png", optimize=True)
    print(f"{path.name}: {len(pictures)} pictures, {path.stat().st_size} bytes, quality {quality}")


def main() -> None:
    """Run the lab, film it, write the pictures."""
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        home = Path(folder)
        write(home / "lab.ipynb", ["from gan_tutor import lab\nlive = lab.Lab('ring')\nlive"])
        with server(home) as running:
            page = browser.new_page(viewport={"width": 1180, "height": 1500})
            with Notebook(page, running, "lab.ipynb") as notebook:
                notebook.run(0)
                film = Film(Shown(notebook))
                play(film)
        save(film.pictures)


if __name__ == "__main__":
    main()
