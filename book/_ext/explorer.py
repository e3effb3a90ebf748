"""Latent explorers: their script goes to the pages that show one, and the generators' files to the site.

The files come from the package, where notebooks find them too; each becomes a script that leaves one object behind,
so that it loads from a server and from a folder alike.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[2]
FILES = ROOT / "gan_tutor" / "lab" / "explorers"
SCRIPT = "explorer/explorer.js"


def load_script(
    app: Sphinx,
    pagename: str,
    templatename: str,
    context: dict[str, Any],
    doctree: Any,
) -> None:
    """Add the explorer's script to a page that holds an explorer."""
    if "<gan-latent" in context.get("body", ""):
        app.add_js_file(SCRIPT, loading_method="defer")


def write_files(app: Sphinx, error: Exception | None) -> None:
    """Write each generator's file beside the script."""
    if error is not None or app.builder.format != "html":
        return
    folder = Path(app.outdir) / "_static" / Path(SCRIPT).parent
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(FILES.glob("*.json")):
        text = json.dumps(json.loads(path.read_text(encoding="utf-8")), separators=(",", ":"))
        script = f'(globalThis.ganTutorExplorers ??= {{}})["{path.stem}"] = {text};\n'
        (folder / f"{path.stem}.js").write_text(script, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect both."""
    app.connect("html-page-context", load_script)
    app.connect("build-finished", write_files)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
