"""The pages around the chapters: what they name exists, what they quote is stored, what they ask has its answer."""

from __future__ import annotations

import dataclasses
import json
import math
import re
import shlex
from collections import Counter
from functools import reduce
from pathlib import Path
from typing import Any, get_type_hints

import nbformat
import pytest
import torch

import gan_tutor
from gan_tutor import evaluation, losses, penalties, recipes

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "book"
TEXTS = {
    path.name: path.read_text(encoding="utf-8")
    if path.suffix == ".md"
    else "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells)
    for path in sorted([*BOOK.glob("*.md"), *BOOK.glob("*.ipynb")])
}
FENCED = re.compile(r"(?ms)^( *)```(\w*)\n(.*?)^\1```$")


# Glossary ------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Entry:
    names: list[str]
    facts: str
    definition: str


def glossary() -> list[Entry]:
    """The entries of the glossary: names, the line of facts, the sentence."""
    body = TEXTS["glossary.md"].split(":sorted:\n", 1)[1].rsplit("```", 1)[0]
    found = re.findall(r"(?m)((?:^\S.*\n)+)  (.+)\n\n  (.+)\n", body)
    return [Entry(names.strip().split("\n"), facts, definition) for names, facts, definition in found]


ENTRIES = glossary()
NAMES = {name.lower() for entry in ENTRIES for name in entry.names}


def test_glossary_is_whole_and_sorted() -> None:
    lines = [line for line in TEXTS["glossary.md"].split(":sorted:\n", 1)[1].splitlines() if line[:1].strip()]
    assert len(lines) - 1 == sum(len(entry.names) for entry in ENTRIES), "an entry has another form than its neighbours"
    assert len(ENTRIES) >= 80
    assert len(NAMES) == sum(len(entry.names) for entry in ENTRIES)
    first = [entry.names[0].lower() for entry in ENTRIES]
    assert first == sorted(first)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.names[0])
def test_entry_is_complete(entry: Entry) -> None:
    chinese = re.match(r"\{zh\}`([^`|]+)(?:\|([^`|]+))?` · ", entry.facts)
    assert chinese is not None
    assert all(re.search(r"[\u4e00-\u9fff]|Kantorovich", half) for half in chinese.groups() if half)
    assert chinese[1] != chinese[2], "one half serves for both"
    assert re.search(r"\[chapter [1-9]\]\([\w.-]+\)$", entry.facts)
    assert re.fullmatch(r"[A-Z{].*[\w)}$`”]\.", entry.definition), "one sentence"
    assert ". " not in entry.definition, "one sentence"


def resolves(name: str) -> bool:
    """Whether a dotted name exists in gan_tutor or torch; a plain one is a name that the library uses."""
    if "." not in name:
        library = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "gan_tutor").rglob("*.py"))
        return re.search(rf"\b{re.escape(name)}\b", library) is not None
    first, *rest = name.split(".")
    owner: Any = torch if first == "torch" else getattr(gan_tutor, first)
    *path, last = rest
    owner = reduce(getattr, path, owner)
    return hasattr(owner, last) or (isinstance(owner, type) and last in get_type_hints(owner))


def identifiers(text: str) -> list[str]:
    return re.findall(r"(?<![}`])`([A-Za-z_][\w.]*)`", text)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.names[0])
def test_identifiers_exist(entry: Entry) -> None:
    assert [name for name in identifiers(entry.facts) if not resolves(name)] == []


def test_a_wrong_identifier_would_be_noticed() -> None:
    assert resolves("losses.hinge")
    assert resolves("data.Mixture.means")
    assert not resolves("losses.no_such_loss")
    assert not resolves("no_such_name")


@pytest.mark.parametrize("name", TEXTS)
def test_linked_terms_are_in_the_glossary(name: str) -> None:
    roles = re.findall(r"\{term\}`([^`]+)`", TEXTS[name])
    wanted = {(re.search(r"<([^>]+)>$", role) or [role, role])[1].lower() for role in roles}
    assert wanted - NAMES == set()


@pytest.mark.parametrize("page", ["notation.md", "faq.md"])
def test_library_names_of_pages_exist(page: str) -> None:
    rooms = (
        "losses",
        "penalties",
        "networks",
        "data",
        "evaluation",
        "objectives",
        "training",
        "checkpoints",
        "recipes",
    )
    named = [name for name in identifiers(TEXTS[page]) if name.split(".")[0] in rooms and "." in name]
    assert [name for name in named if not resolves(name)] == []


# Questions and answers -----------------------------------------------------------------------------------


def sections(text: str) -> dict[str, str]:
    """The third-level sections of a page by title."""
    parts = re.split(r"(?m)^### (.+)\n", re.sub(r"(?m)^## .*\n", "", text))
    return dict(zip(parts[1::2], parts[2::2], strict=True))


ANSWERS = sections(TEXTS["faq.md"])


def test_ten_questions_of_introductory_texts_and_as_many_of_users() -> None:
    first = TEXTS["faq.md"].split("\n## ")[1]
    assert len(sections(first)) == 10
    assert len(ANSWERS) >= 20


@pytest.mark.parametrize("question", ANSWERS)
def test_answer_is_short_and_points_at_an_experiment(question: str) -> None:
    answer, _, experiment = ANSWERS[question].partition("**Experiment:**")
    prose = FENCED.sub("", answer)
    prose = re.sub(r"(?m)^\|.*\n", "", prose)
    sentences = re.findall(r"[.!?:](?=\s|$)", prose)
    assert 3 <= len(sentences) <= 12
    assert re.search(r"\]\([\w-]+(?:\.ipynb)?[#)]|`gan-tutor |the cell above", experiment)


COMMANDS = sorted({command for text in TEXTS.values() for command in re.findall(r"`(gan-tutor [^`]+)`", text)})


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_name_recipes_and_flags_that_exist(command: str) -> None:
    _, action, *arguments = shlex.split(command)
    assert action in ("train", "sample", "evaluate", "classroom")
    if action == "classroom":
        assert arguments[0] in ("release", "grade")
    if action == "train" and arguments and not arguments[0].startswith("-"):
        assert arguments[0] in recipes.NAMES
    own = {"out", "device", "resume", "n", "seed", "help", "label", "notebooks"}
    flags = {word.removeprefix("--").replace("-", "_") for word in arguments if word.startswith("--")}
    assert flags - own - {field.name for field in dataclasses.fields(recipes.Recipe)} == set()


CELLS = [
    (name, code)
    for name in ("faq.md", "errata.md")
    for _, kind, code in FENCED.findall(TEXTS[name])
    if kind == "python"
]


@pytest.mark.parametrize(("page", "code"), CELLS, ids=[f"{name}-{i}" for i, (name, _) in enumerate(CELLS)])
def test_cells_of_pages_run(page: str, code: str) -> None:
    exec(compile(re.sub(r"(?m)^  ", "", code) if code.startswith("  ") else code, page, "exec"), {})


def test_quoted_distances_are_stored() -> None:
    rows = re.findall(r"\| `(\w+)`, (\d+) steps: .*?\| ([\d.]+) to ([\d.]+) \|", TEXTS["faq.md"])
    (floor,) = re.findall(r"\| real training images \| ([\d.]+) \|", TEXTS["faq.md"])
    assert len(rows) == 3
    for name, steps, low, high in rows:
        stored = json.loads((ROOT / "benchmarks" / "results" / f"recipe_{name}.json").read_text(encoding="utf-8"))
        last = [marks[-1] for marks in stored["runs"].values()]
        distances = [f"{mark['frechet_distance']:.1f}" for mark in last]
        assert len(last) == 3
        assert {mark["step"] for mark in last} == {int(steps)}
        assert (min(distances, key=float), max(distances, key=float)) == (low, high)
        assert {f"{mark['floor_frechet_distance']:.2f}" for mark in last} == {floor}
        assert max(mark["cpu_seconds"] for mark in last) < 80


# Revision ------------------------------------------------------------------------------------------------

QUESTION = re.compile(r"(?ms)^:::\{question\}\n(.*?)^:::$")
OPTION = re.compile(r"(?m)^\[([x ])\] (.+)\n: (.+)")


def computed_answers() -> list[float]:
    """The numeric answers of the revision page, in its order, by other means than those of its text."""
    far = torch.tensor([-20.0], requires_grad=True)
    (slope,) = torch.autograd.grad(losses.nonsaturating.g(torch.zeros(1), far), far)
    lower = torch.tensor([2.0], requires_grad=True)
    both = losses.nonsaturating.d(torch.zeros(1), lower) + losses.nonsaturating.g(torch.zeros(1), lower)
    (leak,) = torch.autograd.grad(both, lower)
    x = torch.linspace(-30, 30, 6001, dtype=torch.float64)[:, None]
    apart = [gan_tutor.data.gaussian(mean, 0.5).log_prob for mean in (-10.0, 10.0)]
    w, samples = torch.tensor([3.0, 4.0]), torch.randn(2, 32, 2)
    shares = torch.tensor([0.25] * 4)
    mean, std = torch.tensor([0.0, 2.0]), torch.tensor([1.0, 3.0])
    return [
        -math.log(0.01),
        torch.tensor(0.3).log().sub(torch.tensor(0.9).log()).sigmoid().item(),
        evaluation.game_value(*apart, lambda at: evaluation.optimal_logit(*apart, at), x, 0.01),
        leak.item(),
        slope.item(),
        torch.nn.ConvTranspose2d(1, 1, 4, 2, 1)(torch.zeros(1, 1, 7, 7)).shape[-1],
        100 * sum(0.1 * share for share in (0.978, *[0.022 / 9] * 9)),
        evaluation.wasserstein_1d(torch.zeros(8), torch.full((8,), 3.0)),
        penalties.wgan_gp(lambda at: at @ w, *samples).item(),
        (shares * (shares / 0.125).log()).sum().item(),
        ((mean[0] - mean[1]) ** 2 + std[0] ** 2 + std[1] ** 2 - 2 * (std[0] ** 2 * std[1] ** 2).sqrt()).item(),
        100 * evaluation.perfect_sampler(gan_tutor.data.grid(), 1000).high_quality,
    ]


def test_numeric_answers_are_right() -> None:
    numeric = [body for body in QUESTION.findall(TEXTS["revision.md"]) if ":numeric:" in body]
    computed = computed_answers()
    assert len(numeric) == len(computed)
    for body, value in zip(numeric, computed, strict=True):
        options = OPTION.findall(body)
        (right,) = [text for mark, text, _ in options if mark == "x"]
        stated, tolerance = map(float, right.split(" +- "))
        assert abs(stated - value) <= max(tolerance, 1e-3), body
        wrong = [text.split(" +- ") for mark, text, _ in options if mark == " " and text != "else"]
        assert all(abs(float(at) - stated) > float(within) + tolerance for at, within in wrong), body
        assert options[-1][1] == "else"


def test_every_chapter_has_points_and_questions() -> None:
    chapters = re.split(r"(?m)^## Chapter (\d) · .*\n", TEXTS["revision.md"])
    numbers, bodies = chapters[1::2], chapters[2::2]
    assert numbers == [str(n) for n in range(1, 10)]
    for body in bodies:
        assert len(re.findall(r"(?m)^- .", body)) >= 3
        assert len(QUESTION.findall(body)) >= 2
    total = len(QUESTION.findall(TEXTS["revision.md"]))
    assert total >= 24
    for page in ("revision.md", "index.md"):
        assert f"{total} questions to test yourself" in TEXTS[page]


def test_every_option_explains_itself() -> None:
    places: Counter[int] = Counter()
    for body in QUESTION.findall(TEXTS["revision.md"]):
        options = OPTION.findall(body)
        assert len(options) == len(re.findall(r"(?m)^\[", body)) >= 3
        assert [mark for mark, _, _ in options].count("x") == 1
        explanations = [explanation for _, _, explanation in options]
        assert len(set(explanations)) == len(explanations)
        assert min(map(len, explanations)) > 10
        if ":numeric:" not in body:
            places[[mark for mark, _, _ in options].index("x")] += 1
    assert max(places.values()) <= 0.4 * sum(places.values()), "the right option has no favourite place"


# Errata --------------------------------------------------------------------------------------------------


def test_every_known_error_is_refuted() -> None:
    body = TEXTS["errata.md"].split("\n## ", 1)[1]
    items = re.findall(r"(?m)^(?![:#\s])(.+)\n: (.+)\n: \*\*Refuted (?:in|by)\*\* (.+)", body)
    assert len(items) == 19, "the texts were found to make nineteen errors"
    assert "nineteen" in TEXTS["errata.md"]
    assert "Nineteen" in TEXTS["index.md"]
    for claim, right, refuted in items:
        assert len(claim) > 20
        assert len(right) > 30
        assert re.search(r"\]\([\w#.-]+\)|the title page|running it", refuted), claim
