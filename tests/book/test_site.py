"""The built site: links lead somewhere, nothing is loaded from another host, nothing names the machine."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
EXTERNAL_OK = {"a"}  # a reader chooses to follow a link; everything else is loaded without asking


class Page(HTMLParser):
    """The ids, links and images of one HTML file."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[tuple[str, str]] = []
        self.ids: set[str] = set()
        self.images: list[dict[str, str | None]] = []
        self.labs = 0
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.ids.update(value for key, value in attrs if key in ("id", "name") and value)
        self.links += [(tag, value) for key, value in attrs if key in ("href", "src", "data") and value]
        if tag == "img":
            self.images.append(attributes)
        self.labs += tag == "gan-lab"


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path) for path in site.rglob("*.html") if "_static" not in path.parts}


def test_every_document_is_built(site: Path) -> None:
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    documents = [toc["root"], *(chapter["file"] for part in toc["parts"] for chapter in part["chapters"])]
    assert [document for document in documents if not (site / f"{document}.html").exists()] == []


def leads_somewhere(link: str, path: Path, pages: dict[Path, Page]) -> bool:
    """Whether a link from one page reaches a file of the site and, if it names one, an anchor in it."""
    url = urlsplit(link)
    if url.scheme or url.netloc:
        return True
    target = (path.parent / unquote(url.path)).resolve() if url.path else path
    target = target / "index.html" if target.is_dir() else target
    if url.fragment.startswith("lab=") and target in pages:  # a recipe for one of the page's labs
        return int(url.fragment.partition("&at=")[2] or 0) < pages[target].labs
    if url.fragment and target in pages:
        return unquote(url.fragment) in pages[target].ids
    return target.exists()


def test_links_and_anchors_exist(pages: dict[Path, Page]) -> None:
    links = [(link, path) for path, page in pages.items() for _, link in page.links]
    assert len(links) > 100
    assert [(path.name, link) for link, path in links if not leads_somewhere(link, path, pages)] == []


def test_only_links_lead_to_other_hosts(pages: dict[Path, Page]) -> None:
    external = {
        (path.name, tag, link)
        for path, page in pages.items()
        for tag, link in page.links
        if urlsplit(link).netloc and tag not in EXTERNAL_OK
    }
    assert external == set()


def test_style_sheets_load_from_the_site(site: Path) -> None:
    remote = re.compile(r"""(?:url\(|@import)\s*["']?(?:https?:)?//""")
    sheets = {path.name: path.read_text(encoding="utf-8") for path in site.rglob("*.css")}
    assert [name for name, text in sheets.items() if remote.search(text)] == []


def test_no_live_code_service(site: Path) -> None:
    texts = {path.name: path.read_text(encoding="utf-8").lower() for path in site.glob("book/*.html")}
    assert [name for name, text in texts.items() if "thebe" in text] == []


def test_images_have_words(pages: dict[Path, Page]) -> None:
    unnamed = [
        (path.name, image["src"])
        for path, page in pages.items()
        for image in page.images
        if image.get("alt") is None or re.search(r"\.(png|svg|jpe?g)$", image["alt"] or "")
    ]
    assert unnamed == []


def test_repository_links_follow_the_configuration(pages: dict[Path, Page]) -> None:
    url = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))["repository"]["url"]
    place = urlsplit(url).path.strip("/")
    links = {link for page in pages.values() for _, link in page.links}
    own = [link for link in links if re.search(r"github\.com/[^/]+/gan-tutor|colab\.research", link)]
    assert own
    assert [link for link in own if place not in link] == []


def test_no_machine_path(site: Path) -> None:
    places = (str(ROOT), f"{Path.home()}/")
    texts = {path.name: path.read_text(encoding="utf-8") for path in site.glob("book/*.html")}
    assert [name for name, text in texts.items() if any(place in text for place in places)] == []


def test_words_that_no_reader_should_meet(site: Path) -> None:
    texts = {path.name: path.read_text(encoding="utf-8") for path in site.glob("book/*.html")}
    roles = re.compile(r"\{(?:term|ref|cite|zh)[^}]*\}`|:::|\[x\] |\[ \] ")  # markup that was not understood
    assert [name for name, text in texts.items() if roles.search(re.sub(r"(?s)<(pre|code).*?</\1>", "", text))] == []


def test_terms_lead_from_chapters_to_the_glossary(pages: dict[Path, Page]) -> None:
    chapters = {path.stem: page for path, page in pages.items() if (ROOT / "book" / f"{path.stem}.ipynb").exists()}
    lead = {name: any("glossary.html#term-" in link for _, link in page.links) for name, page in chapters.items()}
    assert lead
    assert [name for name, leads in lead.items() if not leads] == []


def test_index_names_chapters(pages: dict[Path, Page], site: Path) -> None:
    links = {urlsplit(link).path for _, link in pages[site / "genindex.html"].links}
    assert "book/glossary.html" in links
    assert {f"book/{path.stem}.html" for path in (ROOT / "book").glob("*.ipynb")} <= links
