"""pyproject.toml, the locks, environment.yml and the Makefile describe one environment; readers get less of it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from itertools import chain
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
EXTRAS = PROJECT["optional-dependencies"]
# What `make book` and `make lab` install: the site's builder, the labs, and the grader, which runs notebooks by nbval.
READERS = ("lab", "page", "classroom", "book")
REQUIREMENTS = {
    "requirements.lock": [*PROJECT["dependencies"], *chain(*(EXTRAS[name] for name in READERS))],
    "requirements-test.lock": [*PROJECT["dependencies"], *chain(*EXTRAS.values())],
    "requirements-uv.lock": PYPROJECT["dependency-groups"]["install"],
}
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)
# Only tests need these; a reader's disk and minutes are not spent on them.
TEST_TOOLS = {
    "axe-playwright-python", "build", "codespell", "hatchling", "mypy", "nbgrader", "onnxruntime", "playwright", "pot",
    "pytest-xdist", "ruff", "scikit-learn", "torch-fidelity", "torchmetrics", "wasmtime",
}  # fmt: skip


def text(lock: str) -> str:
    return (ROOT / lock).read_text(encoding="utf-8")


def entries(lock: str) -> list[str]:
    return re.split(r"\n(?=[A-Za-z0-9])", re.sub(r"(?m)^\s*#.*\n", "", text(lock)).strip())


@pytest.mark.parametrize(
    ("lock", "requirement"), [(lock, one) for lock, wanted in REQUIREMENTS.items() for one in dict.fromkeys(wanted)]
)
def test_lock_satisfies_pyproject(lock: str, requirement: str) -> None:
    wanted = Requirement(requirement)
    name = canonicalize_name(wanted.name)
    versions = [version for pinned, version in PIN.findall(text(lock)) if canonicalize_name(pinned) == name]
    assert versions, f"{lock} lacks {name}: make lock"
    assert [version for version in versions if version not in wanted.specifier] == []


@pytest.mark.parametrize("lock", REQUIREMENTS)
def test_every_pin_has_a_hash_and_names_no_host(lock: str) -> None:
    assert len(entries(lock)) == len(PIN.findall(text(lock))) > (0 if lock == "requirements-uv.lock" else 100)
    assert [entry.split()[0] for entry in entries(lock) if "--hash=sha256:" not in entry] == []
    assert "://" not in text(lock)


def test_the_readers_lock_is_the_tests_lock_without_the_test_tools() -> None:
    readers, all_of_it = ({canonicalize_name(n): v for n, v in PIN.findall(text(lock))} for lock in LOCKS)
    assert readers.items() <= all_of_it.items()
    assert all_of_it.keys() >= TEST_TOOLS
    assert not readers.keys() & TEST_TOOLS
    of_tests_alone = {canonicalize_name(Requirement(one).name) for one in EXTRAS["test"]} - {
        canonicalize_name(Requirement(one).name) for one in REQUIREMENTS["requirements.lock"]
    }
    assert of_tests_alone - {"packaging", "pyyaml"} <= TEST_TOOLS, "a new test tool: add it to TEST_TOOLS"


LOCKS = ("requirements.lock", "requirements-test.lock")


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed: apt install make")
@pytest.mark.parametrize(
    ("target", "lock"),
    [("book", 0), ("lab", 0), ("serve", 0), ("notebooks", 0), ("check", 1), ("test", 1), ("avx2", 1), ("pdf", 1)],
)
def test_make_installs_what_a_target_needs_and_no_more(target: str, lock: int) -> None:
    command = ["make", "--dry-run", "VENV=there_is_no_such_folder", target]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert re.findall(r"scripts/install\.py \S+ (\S+)", said)[0] == LOCKS[lock]


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed: apt install make")
def test_make_lock_writes_every_lock_from_the_extras_it_must_hold() -> None:
    alone = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    said = subprocess.run(
        ["make", "--dry-run", "lock"], cwd=ROOT, capture_output=True, text=True, check=True, env=alone
    ).stdout
    all_of_it, readers, uv = said.replace("\\\n", "").strip().splitlines()
    assert "--all-extras" in all_of_it
    assert all_of_it.endswith("-o requirements-test.lock")
    assert tuple(re.findall(r"--extra (\w+)", readers)) == READERS
    assert readers.endswith("-o requirements.lock")
    assert "-c requirements-test.lock" in readers, "one version of a package in both"
    assert "--group install" in uv
    assert uv.endswith("-o requirements-uv.lock")
    assert all("--generate-hashes" in one and "--no-emit-index-url" in one for one in (all_of_it, readers, uv))


def test_environment_yml_installs_the_lock() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    *conda, pip = environment["dependencies"]
    assert pip == {"pip": ["-r requirements.lock"]}
    python = next(entry.removeprefix("python=") for entry in conda if entry.startswith("python="))
    assert python in Requirement(f"python{PROJECT['requires-python']}").specifier
    assert f"Programming Language :: Python :: {python}" in PROJECT["classifiers"]


def test_binder_installs_the_package() -> None:
    script = ROOT / "postBuild"
    assert "pip install --no-deps -e ." in script.read_text(encoding="utf-8")
    assert script.stat().st_mode & 0o111, "postBuild must be executable"


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed: apt install make")
def test_what_make_leaves_out_and_what_it_picks_is_there() -> None:
    """A renamed file or test would silently be checked again, or no more."""
    for target, least in (("check", 10), ("avx2", 5), ("floor", 15)):
        said = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        named = re.findall(r"(?<![\w/])(tests/[\w/.]+(?:::\w+)?)", said.replace("--ignore=", ""))
        assert len(named) >= least
        for file, _, test in (name.partition("::") for name in named):
            assert (ROOT / file).exists(), file
            assert not test or f"def {test}(" in (ROOT / file).read_text(encoding="utf-8"), test


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed: apt install make")
def test_make_floor_installs_the_oldest_versions_that_pyproject_allows() -> None:
    said = subprocess.run(["make", "-n", "floor"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    lowest = {(one := Requirement(text)).name: str(one.specifier) for text in PROJECT["dependencies"]}
    for name in ("torch", "torchvision"):
        assert f"'{name}=={lowest[name].removeprefix('>=')}.*'" in said


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed: apt install make")
@pytest.mark.parametrize("home", [None, "/somewhere"])
def test_make_gives_a_user_without_a_home_one_and_says_so_once(home: str | None) -> None:
    rule = "told:\n\t@echo HOME is now $$HOME\n"
    places = {"PATH": os.environ["PATH"]} | ({} if home is None else {"HOME": home})
    command = ["make", "-f", "Makefile", "-f", "-", "told"]
    said = subprocess.run(command, cwd=ROOT, input=rule, capture_output=True, text=True, env=places, check=True).stdout
    assert said.count("HOME is not set") == (home is None)
    assert said.endswith(f"HOME is now {home or ROOT / '_build' / 'home'}\n")
