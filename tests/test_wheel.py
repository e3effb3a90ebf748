"""The wheel: it holds its data, and in an empty environment it trains."""

import importlib.util
import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NO_NETWORK = re.compile(
    r"(error sending request|failed to fetch|could not connect|connection (refused|reset|error|broken)|dns error"
    r"|name or service not known|temporary failure|timed out|network is unreachable|max retries|newconnectionerror)",
    re.IGNORECASE,
)


def call(*command, cwd, **options):
    return subprocess.run([*map(str, command)], capture_output=True, text=True, cwd=cwd, **options)


def unless_offline(done, what):
    """Skip if the package index cannot be reached; any other failure is ours."""
    if done.returncode == 0:
        return
    text = done.stdout + done.stderr
    if NO_NETWORK.search(text):
        pytest.skip(f"{what} needs a package index, and none can be reached")
    pytest.fail(f"{what} failed:\n{text[-4000:]}")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built by the installed hatchling, or by a fresh one if it is not installed."""
    pytest.importorskip("build", reason="build is not installed: pip install build")
    folder = tmp_path_factory.mktemp("wheel")
    isolation = ["--no-isolation"] if importlib.util.find_spec("hatchling") else []
    if not isolation and shutil.which("uv"):
        isolation = ["--installer", "uv"]
    done = call(sys.executable, "-m", "build", "--wheel", *isolation, "--outdir", folder, ROOT, cwd=folder)
    unless_offline(done, "building the wheel")
    (built,) = folder.glob("gan_tutor-*-py3-none-any.whl")
    return built


def test_the_wheel_holds_modules_data_weights_and_notices(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    tracked = {str(p.relative_to(ROOT)) for p in (ROOT / "gan_tutor").rglob("*") if p.is_file() and p.suffix != ".pyc"}
    assert {name for name in names if name.startswith("gan_tutor/")} == tracked
    assert {
        "gan_tutor/data/embedded/digits.npz", "gan_tutor/data/embedded/fashion.npz",
        "gan_tutor/data/embedded/NOTICE.md",
        "gan_tutor/evaluation/weights/digits.safetensors", "gan_tutor/evaluation/weights/fashion.safetensors",
        "gan_tutor/evaluation/weights/digits.json", "gan_tutor/evaluation/weights/fashion.json",
        "gan_tutor/evaluation/weights/floors.json",
    } <= names  # fmt: skip
    licences = {name.split("licenses/")[1] for name in names if "/licenses/" in name}
    assert licences == {"LICENSE", "LICENSE-text", "gan_tutor/data/embedded/NOTICE.md"}
    assert not [name for name in names if name.startswith(("tests/", "book/", "benchmarks/", "scripts/"))]
    assert wheel.stat().st_size < 5_250_000  # 4.6 MB of it are data, weights and the explorers' files


def test_the_wheel_states_its_command_and_requirements(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (archive.read(n).decode() for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        (scripts,) = (archive.read(n).decode() for n in archive.namelist() if n.endswith("entry_points.txt"))
        notices = [archive.read(n) for n in archive.namelist() if "/licenses/" in n]
    assert "gan-tutor = gan_tutor.cli:main" in scripts
    needed = {
        line.split(": ")[1]
        for line in metadata.splitlines()
        if line.startswith("Requires-Dist") and "extra" not in line
    }
    assert {re.split(r"[<>=]", name)[0] for name in needed} == {
        "torch", "torchvision", "numpy", "scipy", "matplotlib", "safetensors", "tqdm", "tyro",
    }  # fmt: skip
    assert "Requires-Python: >=3.11" in metadata
    assert all(len(text) > 200 for text in notices), "a licence is empty"


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory):
    """An environment that holds the wheel and what it asks for, at the locked versions, and nothing else."""
    folder = tmp_path_factory.mktemp("empty")
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    pins = re.findall(r"^[A-Za-z0-9][^\\\n]*==[^\\\n]*", lock, re.M)  # with their markers, without hashes
    (folder / "constraints.txt").write_text("\n".join(pins))
    python = folder / "venv" / "bin" / "python"
    if shutil.which("uv"):
        done = call("uv", "venv", "--python", sys.executable, folder / "venv", cwd=folder)
        install = ["uv", "pip", "install", "--python", python]
    else:
        done = call(sys.executable, "-m", "venv", folder / "venv", cwd=folder)
        install = [python, "-m", "pip", "install"]
    assert done.returncode == 0, done.stderr
    done = call(*install, "--constraint", folder / "constraints.txt", wheel, cwd=folder)
    unless_offline(done, "installing the wheel")
    yield folder
    shutil.rmtree(folder / "venv")


def test_the_command_trains_in_an_empty_environment(environment):
    command = environment / "venv" / "bin" / "gan-tutor"
    done = call(command, "train", "ring", "--steps", 20, "--out", "run", "--samples", 50, cwd=environment)
    assert done.returncode == 0, done.stderr
    assert json.loads((environment / "run" / "metrics.json").read_text())["step"] == 20
    assert sorted(p.name for p in (environment / "run").iterdir()) == [
        "checkpoint.safetensors", "log.csv", "metrics.json", "recipe.json", "samples.png",
    ]  # fmt: skip


def test_the_data_and_the_feature_network_load_in_an_empty_environment(environment):
    code = (
        "import gan_tutor; from gan_tutor import data, evaluation; x = data.digits('test'); "
        "assert (len(x), x.shape) == (1000, (1, 28, 28)); print(gan_tutor.__file__); "
        "assert (evaluation.feature_network('digits')(x.images).argmax(1) == x.labels).float().mean() > 0.97"
    )
    done = call(environment / "venv" / "bin" / "python", "-c", code, cwd=environment)
    assert done.returncode == 0, done.stderr
    assert str(environment) in done.stdout, "the test imported another gan_tutor"
