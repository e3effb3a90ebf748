"""lab.explore: what a cell stores, what the page is sent, and what is refused."""

import base64
import io
import re

import pytest

from gan_tutor import lab
from gan_tutor.lab import latent

np = pytest.importorskip("numpy")
Image = pytest.importorskip("PIL.Image")


@pytest.mark.parametrize("model", ["digits", "digits_projection", "fashion", "fashion_projection"])
def test_a_cell_shows_the_element_around_a_figure(model):
    shown = lab.explore(model, seed=3, a=4, b=18)
    bundle, _ = shown._repr_mimebundle_()
    assert bundle["text/plain"] == f"Explorer({model}, seed 3)"
    text = bundle["text/html"]
    assert text.startswith(
        f'<gan-latent data-model="{model}" data-seed="3" data-a="4" data-b="18" data-class="0"><img '
    )
    assert text.endswith("</gan-latent>")
    assert len(text) < 16_000
    picture = Image.open(io.BytesIO(base64.b64decode(re.search(r"base64,([^\"]+)", text)[1])))
    assert picture.size == (298, 118)
    assert np.asarray(picture.convert("L")).std() > 30
    assert ("each column is one class" in text) == bool(shown.file["classes"])


def test_the_figure_and_the_listed_generators_are_the_same():
    assert latent.models() == ("digits", "digits_projection", "fashion", "fashion_projection")
    assert {path.stem for path in latent.FILES.glob("*.png")} == set(latent.models())


def test_the_page_is_sent_the_file_when_it_asks(monkeypatch):
    shown, sent = lab.explore("digits_projection", y=7), []
    monkeypatch.setattr(shown, "send", sent.append)
    shown._handle_custom_msg({"type": "hello"}, [])
    (message,) = sent
    assert message["type"] == "file"
    assert message["attributes"]["data-class"] == "7"
    assert message["file"] == shown.file
    assert message["file"]["classes"] == [str(k) for k in range(10)]


@pytest.mark.parametrize(
    ("model", "options", "words"),
    [
        ("cats", {}, "there is no generator 'cats' to explore; there are digits, "),
        ("../digits", {}, "there is no generator"),
        ("digits", {"y": 1}, "one of 1 classes of digits, got 1"),
        ("fashion_projection", {"y": 10}, "one of 10 classes of fashion_projection, got 10"),
        ("digits", {"seed": -1}, "seed must be a seed from 0 to 2\\^32 - 1, got -1"),
        ("digits", {"b": 2**32}, "b must be a seed"),
    ],
)
def test_what_is_not_there_is_refused(model, options, words):
    with pytest.raises(ValueError, match=words):
        lab.explore(model, **options)
