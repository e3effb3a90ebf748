"""Keep the book's notebooks executed, reproducible and linked to the right repository.

    python scripts/notebooks.py run [--all] [NOTEBOOK ...]   execute what changed and store it normalised
    python scripts/notebooks.py check [NOTEBOOK ...]         name the notebooks that `run` would execute
    python scripts/notebooks.py links [NOTEBOOK ...]         rewrite Colab links from _config.yml

A notebook is stale when its code cells or the library differ from those of its last execution, by the hashes
in its metadata. Executing twice gives the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
import yaml

ROOT = Path(__file__).resolve().parents[1]
CELL_TIMEOUT = 600  # seconds
BADGE = re.compile(r"\[Open in Colab\]\([^)]*\)")
ADDRESS = re.compile(r"0x[0-9a-f]{6,16}")
PAIR = re.compile(r"pair-[0-9a-f]{8}")  # the random name of two labs that are compared
INSTALL_ID = "colab-install"
INSTALL = """\
import sys  # on Colab, install the book's library; elsewhere do nothing

if "google.colab" in sys.modules:
    %pip install --quiet "gan-tutor[lab] @ git+{url}@{branch}\""""


def hashes(nb: Any) -> dict[str, str]:
    """What the stored outputs depend on: the code cells and the library's files."""
    code = "\0".join(cell.source for cell in nb.cells if cell.cell_type == "code")
    library = hashlib.sha256()
    for path in sorted((ROOT / "gan_tutor").rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            library.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return {"source_sha256": hashlib.sha256(code.encode()).hexdigest(), "library_sha256": library.hexdigest()}


def is_stale(nb: Any) -> bool:
    """Whether the notebook has to be executed again."""
    return dict(nb.metadata.get("gan_tutor", {})) != hashes(nb)


def normalise(nb: Any) -> None:
    """Make what is stored independent of when and where the notebook ran."""
    nb.metadata = nbformat.from_dict(
        {
            "gan_tutor": hashes(nb),
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    code_cells = [cell for cell in nb.cells if cell.cell_type == "code"]
    for count, cell in enumerate(code_cells, start=1):
        cell.execution_count = count
        cell.outputs = joined_streams(cell.outputs)
        for output in cell.outputs:
            if "execution_count" in output:
                output.execution_count = count
            if "text" in output:
                output.text = ADDRESS.sub("0xADDRESS", output.text)
            # A page without the kernel cannot show a widget; beside it stands HTML that it can show.
            output.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None)
            for mime, data in output.get("data", {}).items():
                if mime.startswith("text/"):
                    output.data[mime] = PAIR.sub("pair", ADDRESS.sub("0xADDRESS", data))
    for cell in nb.cells:
        cell.metadata.pop("execution", None)


def joined_streams(outputs: list[Any]) -> list[Any]:
    """One output per stream between two displays: how often a kernel flushes depends on the moment."""
    joined: list[Any] = []
    for output in outputs:
        if joined and output.output_type == "stream" and joined[-1].get("name") == output.name:
            joined[-1].text += output.text
        else:
            joined.append(output)
    return joined


def execute(nb: Any, folder: Path) -> None:
    """Run every cell, on one thread; a cell that fails must carry the tag `raises-exception`."""
    from nbclient import NotebookClient

    os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")
    NotebookClient(
        nb,
        timeout=CELL_TIMEOUT,
        kernel_name="python3",
        record_timing=False,
        store_widget_state=False,
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(folder)}},
    ).execute()


def link(nb: Any, path: Path) -> None:
    """Point the Colab link and the install cell at the repository that `_config.yml` names."""
    repository = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["repository"]
    url, branch = repository["url"].rstrip("/"), repository["branch"]
    page = f"github/{url.removeprefix('https://github.com/')}/blob/{branch}/book/{path.name}"
    badge = f"[Open in Colab](https://colab.research.google.com/{page})"
    title = nb.cells[0]
    if BADGE.search(title.source):
        title.source = BADGE.sub(badge, title.source, count=1)
    else:
        heading, _, rest = title.source.partition("\n")
        title.source = f"{heading}\n\n{badge}\n\n{rest.lstrip()}".rstrip()
    if not any(cell.id == INSTALL_ID for cell in nb.cells):
        nb.cells.insert(1, nbformat.v4.new_code_cell(id=INSTALL_ID))
    install = next(cell for cell in nb.cells if cell.id == INSTALL_ID)
    install.source = INSTALL.format(url=url, branch=branch)
    install.metadata["tags"] = ["remove-cell"]  # seen in Colab, not on the site


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns its exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("action", choices=["run", "check", "links"])
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: every notebook in book/")
    parser.add_argument("--all", action="store_true", help="run: execute fresh notebooks too")
    options = parser.parse_intermixed_args(arguments)
    stale = []
    for path in options.notebooks or sorted((ROOT / "book").glob("*.ipynb")):
        nb = nbformat.read(path, as_version=4)
        if options.action == "links":
            link(nb, path)
            nbformat.write(nb, path)
        elif is_stale(nb) or (options.action == "run" and options.all):
            stale.append(path.name)
            if options.action == "run":
                started = time.monotonic()
                execute(nb, path.parent)
                normalise(nb)
                nbformat.write(nb, path)
                print(f"{path.name}: {time.monotonic() - started:.0f} s", flush=True)
    if options.action == "run" or not stale:
        return 0
    print("stale, run `make notebooks`:", ", ".join(stale))
    return 1


if __name__ == "__main__":
    sys.exit(main())
