"""The committed front end is what its source builds: rebuilt in a copy, compared byte for byte, checked and tested."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
WEB, STATIC = ROOT / "web", ROOT / "gan_tutor" / "lab" / "static"
SITE = ("book/_static/lab/page.js", "book/_static/explorer/explorer.js")
NODE, LARGEST = 20, 120 * 1024  # oldest Node that builds it; bytes of the module
UNREACHABLE = re.compile(r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENOTCACHED|E40[13]")


def run(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of web/ with the packages of its lock, beside a folder for the bundle."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip(f"no Node and npm: install Node {NODE} or newer to rebuild the lab's front end")
    version = run(node, "--version", cwd=ROOT).stdout.strip()
    if int(version.lstrip("v").split(".")[0]) < NODE:
        pytest.skip(f"Node {NODE} or newer is needed to rebuild the lab's front end, this is {version}")
    web = tmp_path_factory.mktemp("front") / "web"
    shutil.copytree(WEB, web, ignore=shutil.ignore_patterns("node_modules", "dist"))
    installed = run(npm, "ci", "--no-audit", "--no-fund", "--prefer-offline", cwd=web)
    if installed.returncode and UNREACHABLE.search(installed.stderr):
        pytest.skip("npm cannot reach its registry, and its cache lacks the packages of web/package-lock.json")
    assert installed.returncode == 0, installed.stderr
    return web


def test_the_bundle_is_what_its_source_builds(copy: Path) -> None:
    built = run("npm", "run", "build", cwd=copy)
    assert built.returncode == 0, built.stderr
    made = copy.parent / "gan_tutor" / "lab" / "static"
    assert sorted(p.name for p in made.iterdir()) == sorted(p.name for p in STATIC.iterdir())
    pairs = [(p, made / p.name) for p in STATIC.iterdir()] + [(ROOT / p, copy.parent / p) for p in SITE]
    changed = [kept.name for kept, new in pairs if kept.read_bytes() != new.read_bytes()]
    assert changed == [], "run `npm ci && npm run build` in web/ and commit what it writes"


@pytest.mark.parametrize("script", ["check", "test"])
def test_the_source_passes_its_own_checks(copy: Path, script: str) -> None:
    done = run("npm", "run", script, cwd=copy)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_bundle_is_small_and_asks_no_other_host() -> None:
    module = (STATIC / "lab.js").read_text()
    assert len(module.encode()) <= LARGEST
    assert re.findall(r"\b(?:fetch|import|XMLHttpRequest|WebSocket)\s*\(", module) == []


def test_the_lock_names_packages_by_content_and_no_host() -> None:
    packages = json.loads((WEB / "package-lock.json").read_text())["packages"]
    assert [name for name, package in packages.items() if "resolved" in package] == []
    # Biome's programs for other systems than GNU/Linux stand without a hash: the lock was made without access to them.
    without = [name for name, package in packages.items() if name and "integrity" not in package]
    assert all(re.fullmatch(r"node_modules/@biomejs/cli-(?!linux-(?:x64|arm64)$)[\w-]+", name) for name in without)
