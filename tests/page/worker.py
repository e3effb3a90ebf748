"""What a page's worker does, in Python: it keeps the state, draws the random numbers and calls the compiled programs.

The draws come from a `torch.Generator` in the order in which the eager code takes them, so a game played here is the
game of `recipes.run` with the same seed, up to rounding.
"""

import functools
import math

import numpy as np
import pytest
import torch
import wasmtime

from gan_tutor import recipes

OFF = 3.4e38


class Module:
    """The programs of a bundle, called with arrays by name."""

    def __init__(self, manifest, wasm):
        self.manifest = manifest
        engine = wasmtime.Engine()
        self.store = wasmtime.Store(engine)
        self.module = wasmtime.Module(engine, wasm)
        assert not self.module.imports
        self.exports = wasmtime.Instance(self.store, self.module, []).exports(self.store)
        self.exports["_initialize"](self.store)
        self.memory = self.exports["memory"]
        self.places = {}

    def place(self, key, size):
        if key not in self.places:
            self.places[key] = self.exports["malloc"](self.store, 4 * size)
            assert self.places[key]
        return self.places[key]

    def __call__(self, program, values):
        ports = self.manifest["programs"][program]
        places = []
        for port in ports["inputs"]:
            value = np.ascontiguousarray(values[port["name"]], dtype=np.float32)
            assert value.shape == tuple(port["shape"]), (program, port["name"], value.shape)
            place = self.place((program, port["name"]), max(value.size, 1))
            self.memory.write(self.store, value.tobytes(), place)
            places.append(place)
        sizes = [math.prod(port["shape"]) for port in ports["outputs"]]
        out = [self.place((program, "out", port["name"]), n) for port, n in zip(ports["outputs"], sizes, strict=True)]
        self.exports[program](self.store, *places, *out)
        read = [self.memory.read(self.store, place, place + 4 * n) for place, n in zip(out, sizes, strict=True)]
        return {
            port["name"]: np.frombuffer(bytes(data), np.float32).reshape(port["shape"])
            for port, data in zip(ports["outputs"], read, strict=True)
        }


class Both:
    """A module whose every answer is compared with onnxruntime's on the same inputs.

    Args:
        module: The compiled programs.
        model: Gives the bytes of a program's ONNX model by its name; asked once for each that is called.
    """

    def __init__(self, module, model):
        self.onnxruntime = pytest.importorskip("onnxruntime")
        self.module, self.manifest = module, module.manifest
        self.session = functools.cache(lambda program: self.onnxruntime.InferenceSession(model(program)))
        self.compared = set()

    def __call__(self, program, values):
        found = self.module(program, values)
        inputs = {
            port["name"]: np.asarray(values[port["name"]], np.float32)
            for port in self.manifest["programs"][program]["inputs"]
        }
        session = self.session(program)
        wanted = [one.name for one in session.get_inputs()]  # an input that changes nothing is not in the graph
        named = zip(found.items(), session.run(None, {name: inputs[name] for name in wanted}), strict=True)
        for (name, ours), theirs in named:
            np.testing.assert_allclose(
                ours, theirs, rtol=1e-4, atol=1e-5 * (1 + np.abs(theirs).max()), err_msg=f"{program}: {name}"
            )
        self.compared.add(program)
        return found


def initial(manifest, recipe):
    """Replay the recorded draws: each player's flat parameters, and its flat buffers."""
    generator = torch.Generator().manual_seed(recipe.seed)
    theta = {letter: torch.zeros(manifest[letter]["parameters"]) for letter in "GD"}
    buffers = {letter: torch.tensor(manifest[letter]["buffers_init"]) for letter in "GD"}
    for fill in manifest["init"][str(recipe.latent_dim)]:
        values = torch.empty(fill["count"])
        if fill["kind"] == "constant":
            values.fill_(fill["a"])
        elif fill["kind"] == "uniform":
            values.uniform_(fill["a"], fill["b"], generator=generator)
        else:
            values.normal_(fill["a"], fill["b"], generator=generator)
        if fill["offset"] >= 0:
            rows = values.view(-1, fill["row"])
            end = fill["offset"] + len(rows) * fill["stride"]
            whole = (buffers if fill.get("into") == "buffers" else theta)[fill["player"]]
            whole[fill["offset"] : end].view(len(rows), -1)[:, : fill["row"]] = rows
    return [{letter: values.numpy() for letter, values in part.items()} for part in (theta, buffers)]


class Turns:
    """A game on the compiled programs; `next` plays a turn and gives (loss_d, loss_g)."""

    def __init__(self, module, recipe):
        self.module, self.manifest, self.recipe = module, module.manifest, recipe
        game = recipes.build(recipe)
        self.batches, self.generator = game.batches, game.generator
        self.theta, self.buffers = initial(self.manifest, recipe)
        for _ in range(self.manifest["settle"]):
            self.buffers["D"] = module("settle_d", {"theta_d": self.theta["D"], "buffers_d": self.buffers["D"]})[
                "buffers_d"
            ]
        self.moments = {k: [np.zeros_like(self.theta[k]) for _ in range(2)] for k in "GD"}
        self.steps = dict.fromkeys("GD", 0)
        self.turns = 0

    def __iter__(self):
        return self

    def __next__(self):
        self.turns += 1
        for _ in range(self.recipe.n_critic):
            batch = next(self.batches)
            x, y = (batch, None) if isinstance(batch, torch.Tensor) else batch
            self.batch = {"x_real": x.numpy()} | ({} if y is None else {"y": y.numpy()})
            z = torch.randn(len(x), self.recipe.latent_dim, generator=self.generator).numpy()
            self.batch["z"] = np.pad(z, ((0, 0), (0, self.manifest["latent"] - z.shape[1])))
            loss_d = self.d_step()
        return loss_d, self.g_step()

    def d_step(self):
        recipe = self.recipe
        made = self.call("generate")
        self.keep_buffers("G", made)
        due = recipe.penalty if self.turns % recipe.penalty_every == 0 else "none"
        weights = list(map(float, self.manifest["d_losses"][recipe.loss]))
        if recipe.real_target != 1:
            share = (1 - recipe.real_target) / (1 - self.manifest["smoothed_target"])
            weights = [w * (1 - share) for w in weights]
            weights[self.manifest["smoothed"][recipe.loss]] = share
        weight = recipe.penalty_weight * recipe.penalty_every if due != "none" else 0.0
        result = self.call(f"d_{due}", x_fake=made["x"], knobs=[*weights, recipe.instance_noise, weight])
        self.keep_buffers("D", result)
        self.optimise("D", result["grad"])
        return float(result["loss"][0])

    def g_step(self):
        choice = self.manifest["g_losses"][self.recipe.loss]
        result = self.call(choice["program"], knobs=[*choice["weights"], self.recipe.instance_noise])
        self.keep_buffers("D", result)
        self.optimise("G", result["grad"])
        return float(result["loss"][0])

    def optimise(self, letter, grad):
        recipe = self.recipe
        self.steps[letter] += 1
        t, rate = self.steps[letter], getattr(recipe, f"lr_{letter.lower()}")
        clip = recipe.clip if letter == "D" and recipe.clip else OFF
        knobs = {
            "adam": [
                rate, 1 - recipe.beta1, 1 - recipe.beta2, 1 / (1 - recipe.beta1**t), 1 / (1 - recipe.beta2**t), clip,
            ],
            "rmsprop": [rate, 1 - recipe.beta2, clip],
            "sgd": [rate, recipe.beta1, float(t == 1), clip],
        }[recipe.optimizer]  # fmt: skip
        state = {"theta": self.theta[letter], "state_0": self.moments[letter][0], "state_1": self.moments[letter][1]}
        program = f"{recipe.optimizer}_{letter.lower()}"
        result = self.module(program, state | {"grad": grad, "knobs": knobs})
        assert math.isclose(float(result["norm"][0]), float(np.linalg.norm(grad)), rel_tol=1e-4), (
            result["norm"],
            np.linalg.norm(grad),
        )
        self.theta[letter] = result["theta"]
        self.moments[letter] = [result["state_0"], result["state_1"]]

    def keep_buffers(self, letter, result):
        self.buffers[letter] = result.get(f"buffers_{letter.lower()}", self.buffers[letter])

    def held(self):
        """The state by the names of the programs' inputs."""
        thetas = {f"theta_{k.lower()}": self.theta[k] for k in "GD"}
        return thetas | {f"buffers_{k.lower()}": self.buffers[k] for k in "GD"}

    def call(self, program, **given):
        """Call a program with the state, the batch and fresh draws in the order of its inputs."""
        known = self.held() | self.batch | given
        for port in self.manifest["programs"][program]["inputs"]:
            if port.get("draw") == "uniform":
                known[port["name"]] = torch.rand(port["shape"], generator=self.generator).numpy()
            elif port.get("draw") == "normal":
                noisy = self.recipe.instance_noise > 0
                known[port["name"]] = (
                    torch.randn(port["shape"], generator=self.generator).numpy() if noisy else np.zeros(port["shape"])
                )
        return self.module(program, known)
