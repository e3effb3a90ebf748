"""`make pdf` names what is missing, once and before it begins. That it prints is tested in tests/browser."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pdf
import pytest


@pytest.fixture(autouse=True)
def playwright(monkeypatch):
    """Printing itself needs it; what is said before does not."""
    monkeypatch.setitem(sys.modules, "playwright.sync_api", SimpleNamespace(sync_playwright=None))


@pytest.fixture
def fonts(monkeypatch, tmp_path: Path):
    """A list of the machine's Chinese fonts."""

    def put(listed: str) -> None:
        program = tmp_path / "fc-list"
        program.write_text(f"#!/bin/sh\n[ \"$1\" = :lang=zh ] && printf '%s' '{listed}'\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    return put


def test_without_playwright_one_line_says_how_to_get_it(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "playwright.sync_api", None)
    with pytest.raises(SystemExit, match=r"no playwright .*`make pdf` installs it"):
        pdf.main([str(tmp_path), str(tmp_path / "book.pdf")])


def test_a_file_that_cannot_be_written_is_said_before_the_pages_are_set(monkeypatch, tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    with pytest.raises(SystemExit, match=r"a file cannot be made .*: name another file"):
        pdf.main([str(tmp_path), str(tmp_path / "a file" / "book.pdf")])
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # the superuser of a container may write everywhere
    with pytest.raises(SystemExit, match=r"book\.pdf cannot be written: name another file"):
        pdf.main([str(tmp_path), str(tmp_path / "book.pdf")])


@pytest.mark.skipif(sys.platform == "win32", reason="the list of fonts is a shell script")
def test_without_a_chinese_font_it_warns_once_and_goes_on(fonts, capsys, tmp_path: Path) -> None:
    fonts("")
    with pytest.raises(SystemExit, match="run `make book` first"):
        pdf.main([str(tmp_path), str(tmp_path / "book.pdf")])
    assert capsys.readouterr().err.count("install fonts-noto-cjk") == 1
    fonts("Some Chinese Font")
    with pytest.raises(SystemExit, match="run `make book` first"):
        pdf.main([str(tmp_path), str(tmp_path / "book.pdf")])
    assert capsys.readouterr().err == ""
