"""Stored notebooks are executed, normalised and linked to the repository that `_config.yml` names."""

from __future__ import annotations

import copy
import importlib.util
import re
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = sorted((ROOT / "book").glob("*.ipynb"))

spec = importlib.util.spec_from_file_location("notebooks", ROOT / "scripts" / "notebooks.py")
assert spec is not None
assert spec.loader is not None
notebooks: Any = importlib.util.module_from_spec(spec)
spec.loader.exec_module(notebooks)


def read(path: Path) -> Any:
    return nbformat.read(path, as_version=4)


@pytest.fixture(params=CHAPTERS, ids=lambda path: path.stem)
def chapter(request: pytest.FixtureRequest) -> Path:
    return request.param


def notebook_of(*cells: Any) -> Any:
    return nbformat.v4.new_notebook(cells=list(cells))


# The stored chapters ---------------------------------------------------------------------------------


def test_links_agree_with_the_configuration(chapter: Path) -> None:
    stored, linked = read(chapter), read(chapter)
    notebooks.link(linked, chapter)
    assert stored == linked, "run: python scripts/notebooks.py links"


def test_no_other_address_of_the_repository(chapter: Path) -> None:
    url = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["repository"]["url"]
    text = "\n".join(cell.source for cell in read(chapter).cells)
    own = re.findall(r"https://github\.com/[\w.-]+/gan[-_]tutor", text)
    assert set(own) <= {url}


def test_code_is_what_was_executed(chapter: Path) -> None:
    nb = read(chapter)
    stored = nb.metadata.get("gan_tutor", {}).get("source_sha256")
    assert stored == notebooks.hashes(nb)["source_sha256"], "run: make notebooks"


def test_is_stored_normalised(chapter: Path) -> None:
    nb = read(chapter)
    nbformat.validate(nb)
    normal = copy.deepcopy(nb)
    notebooks.normalise(normal)
    normal.metadata.gan_tutor = nb.metadata.gan_tutor
    assert normal == nb, "run: make notebooks"


def test_cell_ids_are_readable(chapter: Path) -> None:
    ids = [cell.id for cell in read(chapter).cells]
    assert len(set(ids)) == len(ids)
    assert [i for i in ids if re.fullmatch(r"[0-9a-f]{8}(-.*)?", i)] == []


def test_no_cell_failed_unless_it_says_so(chapter: Path) -> None:
    for cell in read(chapter).cells:
        failed = any(output.output_type == "error" for output in cell.get("outputs", []))
        assert not failed or "raises-exception" in cell.metadata.get("tags", []), cell.id


def test_no_machine_path(chapter: Path) -> None:
    places = re.compile(rf"/home/|/root/|/Users/|/tmp/|site-packages|{re.escape(str(ROOT))}")
    assert places.findall(chapter.read_text(encoding="utf-8")) == []


def test_figures_are_small_and_described(chapter: Path) -> None:
    for cell in read(chapter).cells:
        outputs = [output.get("data", {}) for output in cell.get("outputs", [])]
        figures = [data["image/png"] for data in outputs if "image/png" in data]
        sizes = [len(figure) * 3 // 4 for figure in figures]  # bytes, from base64
        assert [size for size in sizes if size > 120_000] == [], cell.id
        if figures:
            alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
            assert len(alt) > 15, f"cell {cell.id}: say in metadata.mystnb.image.alt what the figure shows"


# The normaliser --------------------------------------------------------------------------------------


def test_links_follow_the_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"repository": {"url": "https://github.com/someone/their-book/", "branch": "trunk"}}
    (tmp_path / "_config.yml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    monkeypatch.setattr(notebooks, "ROOT", tmp_path)
    nb = notebook_of(nbformat.v4.new_markdown_cell("# 9 · A chapter\n\nIts question."))
    for _ in range(2):  # the second time changes nothing
        notebooks.link(nb, Path("chapter.ipynb"))
        title, install = nb.cells
        assert title.source == (
            "# 9 · A chapter\n\n[Open in Colab](https://colab.research.google.com/github/"
            "someone/their-book/blob/trunk/book/chapter.ipynb)\n\nIts question."
        )
        assert install.id == "colab-install"
        assert "git+https://github.com/someone/their-book@trunk" in install.source
        assert len(install.source.splitlines()) <= 4


def test_normalising_removes_what_depends_on_the_moment() -> None:
    code = nbformat.v4.new_code_cell("object()", execution_count=17, id="an-object")
    code.metadata["execution"] = {"iopub.execute_input": "2026-01-01T00:00:00Z"}
    code.outputs = [
        nbformat.v4.new_output("stream", name="stdout", text="a"),
        nbformat.v4.new_output("stream", name="stdout", text="b 0x7f00deadbeef"),
        nbformat.v4.new_output("stream", name="stderr", text="c"),
        nbformat.v4.new_output(
            "execute_result",
            {
                "text/plain": "<A at 0x7f12345678> pair-0123abcd",
                "application/vnd.jupyter.widget-view+json": {"model_id": "1f"},
            },
            execution_count=17,
        ),
    ]
    nb = notebook_of(nbformat.v4.new_markdown_cell("# T", id="title"), code)
    nb.metadata["widgets"] = {"state": {}}
    notebooks.normalise(nb)
    assert [output.get("text") for output in code.outputs] == ["ab 0xADDRESS", "c", None]
    assert code.outputs[-1].data == {"text/plain": "<A at 0xADDRESS> pair"}
    assert code.execution_count == code.outputs[-1].execution_count == 1
    assert "execution" not in code.metadata
    assert set(nb.metadata) == {"gan_tutor", "kernelspec", "language_info"}


def test_only_a_changed_cell_makes_a_notebook_stale() -> None:
    code = nbformat.v4.new_code_cell("1 + 1", id="sum")
    prose = nbformat.v4.new_markdown_cell("# T", id="title")
    nb = notebook_of(prose, code)
    assert notebooks.is_stale(nb)
    notebooks.normalise(nb)
    assert not notebooks.is_stale(nb)
    prose.source = "# Another title"
    assert not notebooks.is_stale(nb)
    code.source = "1 + 2"
    assert notebooks.is_stale(nb)


@pytest.mark.skipif(sys.platform == "win32", reason="starts a kernel over POSIX signals")
def test_running_twice_gives_the_same_bytes_and_errors_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "chapter.ipynb"
    cells = [
        nbformat.v4.new_code_cell("print('a'); print(object()); 1 + 1", id="prints"),
        nbformat.v4.new_code_cell("1 / 0", id="fails", metadata={"tags": ["raises-exception"]}),
    ]
    nbformat.write(notebook_of(*cells), path)
    assert notebooks.main(["run", str(path)]) == 0
    first = path.read_bytes()
    assert notebooks.main(["check", str(path)]) == 0
    assert notebooks.main(["run", "--all", str(path)]) == 0
    assert path.read_bytes() == first

    nb = read(path)
    del nb.cells[1].metadata["tags"]
    nbformat.write(nb, path)
    before = path.read_bytes()
    with pytest.raises(Exception, match="ZeroDivisionError"):
        notebooks.main(["run", "--all", str(path)])
    assert path.read_bytes() == before, "a notebook that fails is left as it was"
