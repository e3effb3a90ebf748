"""`scripts/pdf.py` prints the whole built site."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
spec = importlib.util.spec_from_file_location("pdf", ROOT / "scripts" / "pdf.py")
assert spec is not None
assert spec.loader is not None
pdf: Any = importlib.util.module_from_spec(spec)
spec.loader.exec_module(pdf)


def test_pages_are_those_of_the_table_of_contents(site: Path, tmp_path: Path) -> None:
    pages = pdf.documents(site)
    assert pages[0] == "/book/index.html"
    assert "/book/glossary.html" in pages
    with pytest.raises(SystemExit, match="make book"):
        pdf.documents(tmp_path)


def test_book_is_printed(site: Path, tmp_path: Path) -> None:
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install 'gan-tutor[test]'")
    try:
        pdf.print_book(site, tmp_path / "book.pdf")
    except SystemExit as missing:
        pytest.skip(str(missing))
    printed = (tmp_path / "book.pdf").read_bytes()
    assert printed.startswith(b"%PDF")
    assert printed.count(b"/Type /Page\n") > 3 * len(pdf.documents(site))
    assert b"127.0.0.1" not in printed, "a link leads to the server that printed"
