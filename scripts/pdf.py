"""Print the built site as one PDF, with a Chromium that shows no window: `make pdf`.

    python scripts/pdf.py [SITE [FILE]]        default: _build/html and _build/gan-tutor.pdf

The articles of all pages, in the order of `_toc.yml`, are put into one document: links between them become links
within it, folded solutions are opened, MathJax sets the formulas, and Chromium prints. Nothing is rendered a second
way, so the PDF says what the site says.
"""

from __future__ import annotations

import http.server
import os
import shutil
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
SYSTEM_CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

# Runs in a page that has the site's styles and MathJax; `pages` are addresses below the site's root.
ASSEMBLE = """async (pages) => {
  const book = document.createElement("article");
  book.className = "bd-article";
  const known = new Map(pages.map((page) => [new URL(page, location.origin).pathname, page.split("/").pop()]));
  const place = (page, anchor) => `${page}--${anchor || "top"}`;
  for (const address of pages) {
    const base = new URL(address, location.origin);
    const name = known.get(base.pathname);
    const text = await (await fetch(base)).text();
    const part = new DOMParser().parseFromString(text, "text/html").querySelector("article.bd-article");
    part.querySelectorAll(".headerlink, button, script, .thebe-init").forEach((one) => one.remove());
    part.querySelectorAll("details").forEach((fold) => (fold.open = true));
    part.querySelectorAll("[id]").forEach((one) => (one.id = place(name, one.id)));
    for (const image of part.querySelectorAll("img")) {
      image.src = new URL(image.getAttribute("src"), base).href;
      image.loading = "eager";
    }
    for (const link of part.querySelectorAll("a[href]")) {
      const target = new URL(link.getAttribute("href"), base);
      if (target.origin !== location.origin) link.href = target.href;
      else if (known.has(target.pathname))
        link.setAttribute("href", "#" + place(known.get(target.pathname), decodeURIComponent(target.hash.slice(1))));
      else link.removeAttribute("href");
    }
    const chapter = document.createElement("section");
    chapter.className = "pdf-page";
    chapter.id = place(name, "");
    chapter.append(...part.childNodes);
    book.append(chapter);
  }
  document.body.replaceChildren(book);
  document.documentElement.dataset.theme = "light";
  await MathJax.typesetPromise([book]);
  await document.fonts.ready;
  await Promise.all([...book.querySelectorAll("img")].map((image) => image.decode()));
}"""

STYLE = """
html, body { background: #fff; }
.bd-article { line-height: 1.5; padding: 0; }
.pdf-page + .pdf-page { break-before: page; }
h1, h2, h3, .admonition-title { break-after: avoid; break-inside: avoid; }
img, svg, mjx-container[display="true"], tr, .cell_output, .sd-card, .question { break-inside: avoid; }
.bd-article pre { white-space: pre-wrap; overflow: visible; overflow-wrap: anywhere; }
.bd-article :is(.pst-scrollable-table-container, .table-wrapper, .math, mjx-container) { overflow: visible !important; }
.bd-article .start-card .sd-card-footer, .copybtn { display: none; }
.bd-article .toggle > * { display: revert !important; }
"""

FOOTER = (
    '<div style="font-size:8px;width:100%;text-align:center;color:#555">'
    '<span class="title"></span> · <span class="pageNumber"></span></div>'
)


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A file server that does not write a line for each request."""

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def documents(site: Path) -> list[str]:
    """The pages' addresses in the order of the table of contents."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    names = [toc["root"], *(chapter["file"] for part in toc["parts"] for chapter in part["chapters"])]
    missing = [name for name in names if not (site / f"{name}.html").exists()]
    if missing:
        raise SystemExit(f"{site} lacks {', '.join(missing)}: run `make book` first")
    return [f"/{name}.html" for name in names]


def check_needs(file: Path) -> None:
    """Name what is missing before minutes of work: the package, a place for the file, a font of the Chinese terms."""
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError as error:
        raise SystemExit(f"no playwright ({error}): `make pdf` installs it, or pip install playwright") from error
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SystemExit(f"{file.parent} cannot be made ({error.strerror}): name another file") from error
    if not os.access(file if file.exists() else file.parent, os.W_OK):
        raise SystemExit(f"{file} cannot be written: name another file")
    fonts = shutil.which("fc-list")
    if fonts and not subprocess.run([fonts, ":lang=zh"], capture_output=True).stdout.strip():
        print("no Chinese font: the glossary's Chinese terms become boxes; install fonts-noto-cjk", file=sys.stderr)


def print_book(site: Path, file: Path) -> None:
    """Assemble the pages of a built site in a browser and print them."""
    from playwright.sync_api import sync_playwright

    pages, title = documents(site), yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["title"]
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    system = next(filter(None, map(shutil.which, SYSTEM_CHROMIUM)), None)
    with sync_playwright() as playwright:
        if system is None and not Path(playwright.chromium.executable_path).exists():
            raise SystemExit("no Chromium: install your system's chromium, or run `playwright install chromium`")
        chromium = playwright.chromium.launch(executable_path=system, args=["--no-sandbox", "--disable-gpu"])
        page = chromium.new_page(color_scheme="light")
        page.set_default_timeout(300_000)  # milliseconds
        page.goto(f"http://127.0.0.1:{server.server_port}/book/notation.html")
        page.wait_for_function("() => MathJax.startup.promise.then(() => true)")
        page.evaluate(ASSEMBLE, pages)
        page.add_style_tag(content=STYLE)
        page.evaluate("title => { document.title = title }", title)
        page.pdf(
            path=file, format="A4", scale=0.8, outline=True, tagged=True, print_background=True,
            margin={"top": "16mm", "bottom": "18mm", "left": "17mm", "right": "17mm"},
            display_header_footer=True, header_template="<span></span>", footer_template=FOOTER,
        )  # fmt: skip
        chromium.close()
    server.shutdown()
    server.server_close()


def main(arguments: list[str]) -> None:
    """The command line."""
    site, file = (
        *map(Path, arguments),
        *(ROOT / "_build" / name for name in ("html", "gan-tutor.pdf")[len(arguments) :]),
    )
    check_needs(file)
    print_book(site, file)
    print(f"{file}: {file.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main(sys.argv[1:])
