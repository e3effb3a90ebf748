"""The map: every pixel leads to its recipe, says its numbers in words, and opens in the notebook's lab."""

import re
from dataclasses import replace

import pytest

pytest.importorskip("anywidget", reason="anywidget is not installed: pip install 'gan-tutor[lab]'")

from gan_tutor import lab, recipes
from gan_tutor.lab import map as maps
from gan_tutor.recipes import Recipe

START = Recipe(width_g=16, width_d=16, batch_size=16, loss="hinge", steps=7)
RATES = (1e-3, 1e-2, 1e-1)
ROWS = [
    {"lr_d": d, "lr_g": g, "seed": seed, "overlap": None if d == 1e-1 and seed else round(g * 9 + d, 3)}
    for d in RATES
    for g in RATES
    for seed in range(2)
]


def shown(rows=ROWS, **options):
    return maps.picture({"hinge": lab.pixels(rows, START, "lr_g", "lr_d")}, "lr_g", "lr_d", **options)


def links(text):
    return re.findall(r'<a href="([^"]*)" data-at="(\d+),(\d+)" tabindex="(-?\d)" aria-label="([^"]*)">', text)


def test_pixels_are_the_mean_over_the_seeds():
    found = lab.pixels(ROWS, START, "lr_g", "lr_d")
    assert [(p.y, p.x) for p in found] == [(d, g) for d in RATES for g in RATES]
    assert found[1].values == (0.091, 0.091)
    assert found[1].mean == pytest.approx(0.091)
    assert found[-1].values == (1.0, None)
    assert found[-1].mean == 0.5  # a diverged seed has learned nothing
    assert found[5].recipe == replace(START, lr_d=1e-2, lr_g=1e-1)
    with pytest.raises(ValueError, match="needs rows of a sweep, got none"):
        lab.pixels([], START, "lr_g", "lr_d")


def test_fields_that_move_together_become_one_axis():
    rows = [{"lr_g": r, "lr_d": r, "latent_dim": n, "modes": 1} for n in (1, 4) for r in RATES]
    found = lab.pixels(rows, START, "lr_g+lr_d", "latent_dim", measure="modes")
    assert found[-1].recipe == replace(START, lr_g=1e-1, lr_d=1e-1, latent_dim=4)


def test_every_pixel_is_a_link_to_its_recipe_and_says_its_numbers():
    found = links(shown(at=2))
    assert len(found) == 9
    for (href, column, line, _, words), pixel in zip(found, lab.pixels(ROWS, START, "lr_g", "lr_d"), strict=True):
        link, at = href.split("&amp;")
        assert at == "at=2"
        assert recipes.from_link(link) == replace(pixel.recipe, steps=Recipe().steps)
        assert (RATES[int(line)], RATES[int(column)]) == (pixel.y, pixel.x)
        assert words.startswith(f"lr_d {pixel.y:g}, lr_g {pixel.x:g}: {pixel.mean:.2f} (")
    assert found[-1][-1] == "lr_d 0.1, lr_g 0.1: 0.50 (0.00 to 1.00), 1 of 2 diverged"
    assert shown().count("×</text></a>") == 3


def test_a_panel_is_one_stop_of_the_tab_key():
    assert [tab for *_, tab, _ in links(shown())].count("0") == 1
    assert links(shown())[0][3] == "0"


def test_colours_go_from_dark_to_light():
    def lightness(value):
        red, green, blue = (int(maps.colour(value)[k : k + 2], 16) for k in (1, 3, 5))
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    steps = [lightness(k / 20) for k in range(21)]
    assert steps == sorted(steps)
    assert steps[-1] > steps[0] + 150
    assert maps.colour(-1) == maps.colour(0) == "#440154"
    assert maps.colour(2) == maps.colour(1) == "#fde725"


def test_a_click_in_a_notebook_begins_the_recipe_in_the_lab(monkeypatch):
    opened = lab.Lab("ring")
    opened.run(3)
    sent = []
    monkeypatch.setattr(opened, "send", lambda *message: sent.append(message))
    drawn = lab.phase_map({"hinge": lab.pixels(ROWS, START, "lr_g", "lr_d")}, "lr_g", "lr_d", opens=opened)
    href = links(drawn.picture)[4][0].replace("&amp;", "&")
    drawn._answer(drawn, {"open": href}, [])
    assert opened.engine.recipe == replace(START, lr_d=1e-2, lr_g=1e-2, steps=Recipe().steps)
    assert opened.engine.game.step == 0
    ((state, arrays),) = sent
    assert (state["type"], state["recipe"]["loss"], arrays) == ("state", "hinge", [])


def test_a_front_end_gets_the_picture_when_it_is_ready(monkeypatch):
    drawn = lab.phase_map({"hinge": lab.pixels(ROWS, START, "lr_g", "lr_d")}, "lr_g", "lr_d")
    sent = []
    monkeypatch.setattr(drawn, "send", sent.append)
    drawn._answer(drawn, {"ready": True}, [])
    drawn._answer(drawn, {"open": "#lab=e30&at=0"}, [])  # without a lab nothing opens
    assert sent == [{"html": shown()}]
    bundle, _ = drawn._repr_mimebundle_()
    assert bundle["text/plain"] == "PhaseMap(hinge)"
    assert bundle["text/html"].startswith(shown())


def test_a_lab_refuses_a_recipe_that_changes_what_is_locked():
    opened = lab.Lab("ring", lock=("loss",))
    with pytest.raises(ValueError, match="this recipe changes loss, which cannot be changed"):
        opened.begin(START)
    opened.begin("ring_slow_d")
    assert opened.engine.recipe == recipes.named("ring_slow_d")
