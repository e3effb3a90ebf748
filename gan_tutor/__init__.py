"""GAN objectives, training and diagnosis: the library behind the book.

Importing this package seeds nothing, downloads nothing and prints nothing. A qualified name is a file address:
`losses.hinge` is in `losses.py`, `data.ring` in `data/`.
"""

import importlib
from types import ModuleType

__version__ = "0.1.0"

_MODULES = (
    "capture",
    "checkpoints",
    "classroom",
    "data",
    "evaluation",
    "host",
    "lab",
    "losses",
    "networks",
    "objectives",
    "optimizers",
    "parallel",
    "penalties",
    "plots",
    "recipes",
    "share",
    "sweep",
    "tables",
    "training",
)
__all__ = ["__version__", *_MODULES]  # noqa: PLE0604  (they are strings)


def __getattr__(name: str) -> ModuleType:
    """Import a submodule when it is first named, so that `import gan_tutor` stays light (PEP 562)."""
    if name in _MODULES:
        return importlib.import_module(f"gan_tutor.{name}")
    raise AttributeError(f"module 'gan_tutor' has no attribute {name!r}; its modules are {', '.join(_MODULES)}")


def __dir__() -> list[str]:
    return sorted(__all__)
