"""Every work that the library's docstrings or the book's pages name is in `references.bib`."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from pybtex.database import parse_file

ROOT = Path(__file__).resolve().parents[2]
ENTRIES = parse_file(ROOT / "book" / "references.bib").entries
KEY = re.compile(r"\b[a-z]+(?P<year>(?:19|20)\d\d)[a-z]\w*")

TEXTS = sorted([*(ROOT / "gan_tutor").rglob("*.py"), *(ROOT / "book").glob("*.md"), *(ROOT / "book").glob("*.ipynb")])


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_named_works_are_listed(path: Path) -> None:
    if path.suffix == ".ipynb":
        text = "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells)
    else:
        text = path.read_text(encoding="utf-8")
    sources = re.findall(r"Source: (.+)", text)
    cited = re.findall(r"\{cite[^}]*\}`([^`]+)`", text)
    named = {key[0] for part in sources + cited for key in KEY.finditer(part)}
    assert named - set(ENTRIES) == set()


@pytest.mark.parametrize("key", ENTRIES)
def test_entry_is_complete(key: str) -> None:
    entry = ENTRIES[key]
    named = KEY.fullmatch(key)
    assert named is not None
    assert named["year"] == entry.fields["year"]
    assert entry.persons["author"]
    assert entry.fields["title"]
    assert "url" in entry.fields or "doi" in entry.fields
