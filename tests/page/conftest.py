import importlib.util
from pathlib import Path

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
