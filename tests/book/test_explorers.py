"""The latent explorers of chapters 5 and 6: what their text tells the reader to see is in the stored generators."""

import json
from pathlib import Path

import nbformat
import pytest
import torch
from torch.nn.functional import cosine_similarity

from gan_tutor import evaluation, recipes, training
from gan_tutor.lab import latent

explorer = pytest.importorskip("gan_tutor.page_engine.explorer", reason="needs the extra 'page'")
BOOK = Path(__file__).resolve().parents[2] / "book"
SHOWN = {"dcgan": 'lab.explore("digits", a=17, b=44)', "cgan": 'lab.explore("digits_projection", y=7)'}


def spherical(a, b, t):
    angle = cosine_similarity(a, b, dim=0).acos()
    return ((1 - t) * angle).sin() / angle.sin() * a + (t * angle).sin() / angle.sin() * b


@pytest.fixture(scope="module")
def named():
    """A classifier's answers to images."""
    network = evaluation.feature_network("digits")
    return lambda images: network(images).argmax(1)


@pytest.fixture(scope="module")
def axes():
    return lambda name: torch.tensor(json.loads((latent.FILES / f"{name}.json").read_text())["axes"])


@pytest.fixture(scope="module")
def generator():
    return lambda name: explorer.load(latent.FILES / f"{name}.json", recipes.named(name))


@pytest.mark.parametrize("chapter", SHOWN)
def test_a_chapter_asks_shows_and_answers(chapter):
    cells = {cell.id: cell for cell in nbformat.read(BOOK / f"{chapter}.ipynb", as_version=4).cells}
    order = list(cells)
    at = order.index("explorer")
    assert order[at : at + 3] == ["explorer", "explorer-run", "explorer-reading"]
    assert "*Predict first:*" in cells["explorer"].source
    assert cells["explorer-run"].source.endswith(SHOWN[chapter])
    (output,) = cells["explorer-run"].outputs
    assert output["data"]["text/html"].startswith("<gan-latent data-model=")
    assert "application/vnd.jupyter.widget-view+json" not in output["data"]


@torch.no_grad()
def test_the_way_from_3_to_8_passes_no_other_digit_and_no_ghost(generator, named):
    G = generator("digits")
    z = torch.cat([training.sample_z(1, 64, torch.Generator().manual_seed(seed)) for seed in range(60)])
    digit = named(G(z)).tolist()
    pairs = [(a, b) for a in range(60) for b in range(60) if (digit[a], digit[b]) == (3, 8)]
    assert len(pairs) == 8
    clean = []
    for a, b in pairs:
        images = G(spherical(z[a], z[b], torch.linspace(0, 1, 101)[:, None]))
        found = named(images).tolist()
        assert images.amax((1, 2, 3)).min() > 0.9, "a double exposure is grey"
        if set(found) == {3, 8}:
            assert found == sorted(found)
            clean.append((a, b))
    assert len(clean) == 2
    assert (17, 44) in clean


@torch.no_grad()
def test_strong_directions_change_the_digit_and_weak_ones_nothing(generator, named, axes):
    G, rows = generator("digits"), axes("digits")
    z = torch.randn(1000, 64, generator=torch.Generator().manual_seed(0))
    before = named(G(z))

    def changed(step):
        return (named(G(z + step)) != before).float().mean().item()

    strong = [changed(2 * sign * row) for row in rows[:2] for sign in (-1, 1)]
    weak = [changed(2 * sign * row) for row in rows[6:] for sign in (-1, 1)]
    random = torch.nn.functional.normalize(torch.randn(1000, 64, generator=torch.Generator().manual_seed(1)), dim=1)
    assert min(strong) > 0.65
    assert max(strong) < 0.85
    assert max(weak) < 0.02
    assert changed(2 * random) == pytest.approx(0.3, abs=0.05)
    shares = explorer.axes_of(G, 64).shares
    assert (shares > 1 / 64).sum() == 6
    assert shares[:6].sum() == pytest.approx(0.95, abs=0.005)


@torch.no_grad()
def test_z_changes_the_hand_and_not_the_class_asked_for(generator, named, axes):
    G, rows = generator("digits_projection"), axes("digits_projection")
    z = torch.randn(1000, 64, generator=torch.Generator().manual_seed(0))
    y = torch.arange(1000) % 10
    for row in rows[:2]:
        for sign in (-1, 1):
            assert (named(G(z + 2 * sign * row, y)) == y).float().mean() > 0.9
    up, down = G(z + 2 * rows[1], y), G(z - 2 * rows[1], y)
    for k in range(10):
        assert up[y == k].mean() < down[y == k].mean() - 0.05
    a, b = (training.sample_z(1, 64, torch.Generator().manual_seed(seed))[0] for seed in (1, 2))
    way = spherical(a, b, torch.linspace(0, 1, 9)[:, None])
    assert (named(G(way, torch.full((9,), 7))) == 7).sum() >= 8
