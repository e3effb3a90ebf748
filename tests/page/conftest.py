import importlib.util
from pathlib import Path

import pytest

from gan_tutor.recipes import Recipe


@pytest.fixture(scope="session")
def worker():
    """The page's worker in Python; skips where the extra "page" or wasmtime is missing."""
    pytest.importorskip("emx_onnx_cgen", reason="needs the extra 'page'")
    pytest.importorskip("wasmtime", reason="needs wasmtime, of the extra 'test'")
    spec = importlib.util.spec_from_file_location("page_worker", Path(__file__).with_name("worker.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def small():
    """A recipe whose rounding stays rounding: at a kink of ReLU it grows, as it does between two eager runs."""
    return Recipe(width_g=16, width_d=16, activation_g="tanh", activation_d="tanh", batch_size=32, steps=200)


@pytest.fixture(scope="session")
def small_bundle(worker, small, tmp_path_factory):
    """The bundle of the small recipe, compiled once."""
    from gan_tutor.page_engine import bundle

    return bundle.build(small, tmp_path_factory.mktemp("bundles"))
