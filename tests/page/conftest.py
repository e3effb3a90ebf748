import functools
import importlib.util
import shutil
from pathlib import Path

import kept
import pytest


@pytest.fixture(scope="session")
def worker():
    """The page's worker in Python; skips where the extra "page" or wasmtime is missing."""
    pytest.importorskip("emx_onnx_cgen", reason="needs the extra 'page'")
    pytest.importorskip("wasmtime", reason="needs wasmtime, of the extra 'test'")
    spec = importlib.util.spec_from_file_location("page_worker", Path(__file__).with_name("worker.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session", autouse=True)
def registry():
    """One table of operators for all exports to ONNX: torch makes it for each, most of a second every time."""
    registration = pytest.importorskip("torch.onnx._internal.exporter._registration")
    with pytest.MonkeyPatch.context() as patch:
        made_once = functools.cache(registration.ONNXRegistry.from_torchlib)
        patch.setattr(registration.ONNXRegistry, "from_torchlib", staticmethod(made_once))
        yield


@pytest.fixture(scope="session")
def small():
    """A recipe whose rounding stays rounding."""
    return kept.TESTED


@pytest.fixture(scope="session")
def small_traced(worker, small):
    """The programs of the small recipe, and their graphs."""
    from gan_tutor.page_engine import bundle

    return bundle.trace(small)


@pytest.fixture(scope="session")
def small_bundle(small_traced, tmp_path_factory):
    """The bundle of the small recipe: that of the repository, if its graphs are those of today."""
    from gan_tutor.page_engine import bundle

    folder = tmp_path_factory.mktemp("bundles")
    held = kept.KEPT / f"{small_traced.key}.js"
    return Path(shutil.copy(held, folder)) if held.is_file() else bundle.compiled(small_traced, folder)
