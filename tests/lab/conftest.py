"""Talking to a lab's engine as the page does."""

import json

import numpy as np
import pytest
import torch


@pytest.fixture
def ask():
    """Send a message that must be answered; return reply and buffers."""

    def ask(engine, kind, **values):
        reply, buffers = engine.handle({"type": kind, **values})
        json.dumps(reply, allow_nan=False)  # the front end reads JSON
        assert reply["type"] != "error", reply
        return reply, buffers

    return ask


@pytest.fixture
def refused():
    """Send a message that must be refused and change nothing; return the words."""

    def refused(engine, kind, **values):
        before = {name: value.clone() for name, value in engine.game.G.state_dict().items()}
        recipe = engine.recipe
        reply, buffers = engine.handle({"type": kind, **values})
        assert reply["type"] == "error"
        assert buffers == []
        assert engine.recipe == recipe
        assert all(torch.equal(before[k], v) for k, v in engine.game.G.state_dict().items())
        return reply["message"]

    return refused


@pytest.fixture
def arrays():
    """The arrays of a frame by name."""

    def arrays(frame, buffers):
        kinds = {"f32": np.float32, "u8": np.uint8}
        assert len(frame["arrays"]) == len(buffers)
        return {
            a["name"]: np.frombuffer(b, kinds[a["dtype"]]).reshape(a["shape"])
            for a, b in zip(frame["arrays"], buffers, strict=True)
        }

    return arrays
