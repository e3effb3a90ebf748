"""The live lab: a GAN that trains in the notebook while its reader steers it.

`Lab(recipe)` is the widget, `compare` shows two of them, `explore` shows a generator that is trained already, and
`phase_map` shows a sweep whose pixels open in a lab; they need `pip install "gan-tutor[lab]"`. `Engine` is what labs
drive, and needs no notebook.
"""

from typing import Any

from gan_tutor.lab.engine import Engine

__all__ = ["Engine", "Lab", "compare", "explore", "phase_map", "pixels"]


def __getattr__(name: str) -> Any:
    """Import the widget when it is first named: the engine works without anywidget (PEP 562)."""
    if name in ("Lab", "compare"):
        from gan_tutor.lab import widget

        return getattr(widget, name)
    if name == "explore":
        from gan_tutor.lab.latent import explore

        return explore
    if name in ("phase_map", "pixels"):
        from gan_tutor.lab import map as maps

        return getattr(maps, name)
    raise AttributeError(f"module 'gan_tutor.lab' has no attribute {name!r}; it has {', '.join(__all__)}")
