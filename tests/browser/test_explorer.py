"""The latent explorer in Chromium: pages around the notebook's own output, from a server and from a folder, no network.

What is drawn is compared with the same weights in torch.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from gan_tutor import lab, recipes, training
from gan_tutor.lab import latent

ROOT = Path(__file__).resolve().parents[2]
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Explorer</title>
<link rel="icon" href="data:,"><meta name="viewport" content="width=device-width">
<script defer src="_static/explorer/explorer.js"></script></head>
<body><main><h1>Explorer</h1>{}</main></body></html>"""
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
AWAKE = "() => document.querySelector('gan-latent').image !== null"
IMAGE = "() => [...document.querySelector('gan-latent').image]"
LATENT = "() => [...document.querySelector('gan-latent').latent]"
FRAME = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))"
Open = Callable[..., Any]


def module(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pages with an explorer each, and beside them what the site's extension writes."""
    pytest.importorskip("sphinx", reason="sphinx is not installed: pip install 'gan-tutor[book]'")
    made = tmp_path_factory.mktemp("explorer")
    shutil.copytree(ROOT / "book" / "_static" / "explorer", made / "_static" / "explorer")
    app = SimpleNamespace(builder=SimpleNamespace(format="html"), outdir=made)
    module(ROOT / "book" / "_ext" / "explorer.py").write_files(app, None)
    for model, options in {"digits": {"a": 4, "b": 18}, "fashion": {}, "fashion_projection": {"y": 9}}.items():
        (made / f"{model}.html").write_text(PAGE.format(lab.explore(model, **options).html()), encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def served(folder: Path, serve: Any) -> Iterator[str]:
    with serve(folder) as address:
        yield address


@pytest.fixture(scope="module")
def generators() -> Any:
    explorer = pytest.importorskip("gan_tutor.page_engine.explorer", reason="needs the extra 'page'")
    return lambda name: explorer.load(latent.FILES / f"{name}.json", recipes.named(name))


def settled(opened: Any) -> Any:
    """Wait until the generator runs and what was asked for is drawn; the element."""
    opened.page.wait_for_function(AWAKE)
    opened.page.evaluate(FRAME)
    return opened.page.locator("gan-latent")


def drawn_as_in_torch(opened: Any, G: Any, y: int | None = None) -> None:
    opened.page.evaluate(FRAME)
    z = torch.tensor([opened.page.evaluate(LATENT)])
    with torch.no_grad():
        expected = G(z) if y is None else G(z, torch.tensor([y]))
    made = torch.tensor(opened.page.evaluate(IMAGE)).view_as(expected)
    assert (made - expected).abs().max() < 1e-4
    on_canvas = opened.page.locator("gan-latent .picture").evaluate(
        "canvas => [...canvas.getContext('2d').getImageData(0, 0, 28, 28).data].filter((_, i) => i % 4 === 0)"
    )
    shown = torch.tensor(on_canvas).float().view_as(expected)
    assert ((expected + 1) * 127.5 - shown).abs().max() < 0.6


def test_a_seed_is_the_image_of_torch(visit: Open, served: str, folder: Path, generators: Any) -> None:
    G = generators("digits")
    for page in (f"{served}/digits.html", (folder / "digits.html").as_uri()):
        with visit(page) as opened:
            element = settled(opened)
            for seed in (0, 1):
                z = training.sample_z(1, 64, torch.Generator().manual_seed(seed))
                torch.testing.assert_close(torch.tensor([opened.page.evaluate(LATENT)]), z, rtol=0, atol=1e-5)
                drawn_as_in_torch(opened, G)
                element.get_by_role("button", name="Another z").click()
            opened.page.evaluate(FRAME)
            assert "z of seed 2" in element.locator(".caption").inner_text()
            assert opened.problems == []
            assert opened.foreign == []


def test_pointer_and_keys_move_z_in_the_plane(visit: Open, served: str, generators: Any) -> None:
    G, axes = generators("digits"), torch.tensor(lab.explore("digits").file["axes"])
    with visit(f"{served}/digits.html") as opened:
        element, page = settled(opened), opened.page
        before = torch.tensor(page.evaluate(LATENT))
        pad = element.locator(".pad")
        pad.scroll_into_view_if_needed()
        box = pad.bounding_box()
        middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.mouse.move(*middle)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * (0.5 + 1.4 / 7), middle[1], steps=4)
        page.mouse.up()
        page.evaluate(FRAME)
        after = torch.tensor(page.evaluate(LATENT))
        assert (after @ axes[0]).item() == pytest.approx(1.4, abs=0.05)
        assert (after @ axes[1]).item() == pytest.approx(0, abs=0.05)
        others = torch.eye(64) - axes[:2].T @ axes[:2]
        torch.testing.assert_close(others @ after, others @ before, rtol=0, atol=1e-4)
        drawn_as_in_torch(opened, G)

        assert pad.evaluate("pad => pad.getRootNode().activeElement === pad")
        page.keyboard.press("Home")
        for key in ("ArrowUp", "ArrowUp", "Shift+ArrowLeft"):
            page.keyboard.press(key)
        page.wait_for_function("pad => pad.ariaValueText === '−0.5 across, 0.2 up'", arg=pad.element_handle())
        drawn_as_in_torch(opened, G)
        page.wait_for_function(
            "() => document.querySelector('gan-latent').shadowRoot.querySelector('[role=status]')"
            ".textContent.includes('−0.5 across, 0.2 up')"
        )
        element.get_by_label("Move z in the plane of").select_option(label="two random directions")
        element.get_by_role("button", name="Other random plane").click()
        page.keyboard.press("Tab")
        page.keyboard.press("ArrowRight")
        drawn_as_in_torch(opened, G)
        assert opened.problems == []


def test_the_way_between_two_samples(visit: Open, served: str, generators: Any) -> None:
    G = generators("digits")
    a, b = (training.sample_z(1, 64, torch.Generator().manual_seed(seed))[0] for seed in (4, 18))
    with visit(f"{served}/digits.html") as opened:
        element, page = settled(opened), opened.page
        element.get_by_label("Way from A to B, percent").fill("100")
        page.evaluate(FRAME)
        torch.testing.assert_close(torch.tensor(page.evaluate(LATENT)), b, rtol=0, atol=1e-5)
        element.get_by_label("Way from A to B, percent").fill("50")
        page.evaluate(FRAME)
        angle = torch.nn.functional.cosine_similarity(a, b, dim=0).acos()
        halfway = (angle / 2).sin() / angle.sin() * (a + b)
        torch.testing.assert_close(torch.tensor(page.evaluate(LATENT)), halfway, rtol=0, atol=1e-5)
        drawn_as_in_torch(opened, G)
        element.get_by_label("straight line instead").check()
        page.evaluate(FRAME)
        torch.testing.assert_close(torch.tensor(page.evaluate(LATENT)), (a + b) / 2, rtol=0, atol=1e-5)
        strip = element.locator(".strip")
        strip.click(position={"x": 2, "y": 5})
        page.evaluate(FRAME)
        torch.testing.assert_close(torch.tensor(page.evaluate(LATENT)), a, rtol=0, atol=1e-5)
        page.wait_for_timeout(300)
        ink = strip.evaluate(
            "c => [...Array(9).keys()].map((k) => Math.max(...c.getContext('2d').getImageData(29 * k, 0, 28, 28).data"
            ".filter((_, i) => i % 4 === 0)))"
        )
        assert min(ink) > 150, "a frame of the way is empty"
        element.get_by_role("button", name="New B").click()
        assert "seed 19" in element.locator(".end").last.inner_text()
        assert opened.problems == []


def test_a_class_is_asked_for_with_the_same_z(visit: Open, served: str, generators: Any) -> None:
    G = generators("fashion_projection")
    with visit(f"{served}/fashion_projection.html") as opened:
        element = settled(opened)
        z = opened.page.evaluate(LATENT)
        drawn_as_in_torch(opened, G, 9)
        bag = element.get_by_role("button", name="Bag")
        bag.focus()
        opened.page.keyboard.press("Enter")
        drawn_as_in_torch(opened, G, 8)
        assert opened.page.evaluate(LATENT) == z
        pressed = element.locator("[aria-pressed='true']")
        assert pressed.count() == 1
        assert pressed.inner_text() == "Bag"
        assert "asked for: Bag" in element.locator(".caption").inner_text()
        opened.page.wait_for_timeout(300)
        bright = element.locator(".classes canvas").evaluate_all(
            "all => all.map((c) => Math.max(...c.getContext('2d').getImageData(0, 0, 28, 28).data"
            ".filter((_, i) => i % 4 === 0)))"
        )
        assert len(bright) == 10
        assert min(bright) > 80, "a class has no picture"
        assert opened.problems == []


def test_an_image_is_made_in_a_frame(visit: Open, served: str) -> None:
    with visit(f"{served}/digits.html") as opened:
        settled(opened)
        opened.page.wait_for_timeout(500)
        calls = opened.page.evaluate(
            """async () => {
              const element = document.querySelector('gan-latent');
              const pad = element.shadowRoot.querySelector('.pad');
              let calls = 0;
              for (let k = 0; k < 30; k++) {
                const before = element.image[400] + element.image[300] + element.image[500];
                const key = k % 2 ? 'ArrowLeft' : 'ArrowRight';
                pad.dispatchEvent(new KeyboardEvent('keydown', { key, shiftKey: true }));
                await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
                calls += element.image[400] + element.image[300] + element.image[500] !== before;
              }
              return calls;
            }"""
        )
        assert calls == 30, "an image was not there in the frame after its key"


@pytest.mark.parametrize(("width", "scheme"), [("desktop", "light"), ("phone", "dark")])
@pytest.mark.parametrize("model", ["digits", "fashion_projection"])
def test_axe_finds_nothing_and_nothing_is_cut_off(
    visit: Open, served: str, model: str, width: str, scheme: str
) -> None:
    missing = "axe-playwright-python is not installed: pip install 'gan-tutor[test]'"
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason=missing).Axe()
    with visit(f"{served}/{model}.html", width, scheme) as opened:
        element, page = settled(opened), opened.page
        element.locator("summary").click()
        assert element.locator(".lab").get_attribute("data-theme") == scheme
        found = axe.run(page, options={"runOnly": RULES}).response["violations"]
        assert [(rule["id"], node["html"][:100]) for rule in found for node in rule["nodes"]] == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        beyond = element.locator(".lab *:visible").evaluate_all(
            "all => all.filter((e) => !e.closest('svg, .unseen') && e.getBoundingClientRect().right > innerWidth + 1)"
            ".map((e) => e.outerHTML.slice(0, 80))"
        )
        assert beyond == []


def test_every_control_is_reached_by_tab(visit: Open, served: str) -> None:
    with visit(f"{served}/fashion_projection.html") as opened:
        element, page = settled(opened), opened.page
        wanted = element.locator("button:visible, input, select, summary, .pad").count()
        reached = set()
        for _ in range(wanted + 3):
            page.keyboard.press("Tab")
            reached.add(
                page.evaluate(
                    """() => {
                      const now = document.querySelector('gan-latent').shadowRoot.activeElement;
                      return now ? now.outerHTML.slice(0, 160) + now.textContent.slice(0, 40) : null;
                    }"""
                )
            )
        assert len(reached - {None}) == wanted


def test_without_javascript_or_simd_there_is_the_figure(visit: Open, served: str, browser: Any) -> None:
    with visit(f"{served}/digits.html", javascript=False) as plain:
        assert plain.page.locator("gan-latent img").is_visible()
        assert "Forty images" in plain.page.locator("gan-latent img").get_attribute("alt")
        assert plain.problems == []
    context = browser.new_context()
    context.add_init_script("WebAssembly.validate = () => false")
    page = context.new_page()
    page.goto(f"{served}/digits.html")
    page.locator("gan-latent [role=note]", has_text="WebAssembly SIMD").wait_for()
    assert page.locator("gan-latent img").is_visible()
    context.close()


def test_chapters_with_an_explorer_load_its_script_and_others_do_not(site: Path) -> None:
    for name in ("dcgan", "cgan"):
        text = (site / "book" / f"{name}.html").read_text(encoding="utf-8")
        assert text.count("explorer/explorer.js") == 1
        assert "<gan-latent " in text
    assert "explorer.js" not in (site / "book" / "wgan.html").read_text(encoding="utf-8")
    for name in latent.models():
        weights = json.loads((latent.FILES / f"{name}.json").read_text(encoding="utf-8"))["weights"]
        assert weights in (site / "_static" / "explorer" / f"{name}.js").read_text(encoding="utf-8")
