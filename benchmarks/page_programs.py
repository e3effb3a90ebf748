"""How fast do the page's compiled programs play, beside eager PyTorch on the same core?

    python benchmarks/page_programs.py

A turn is n_critic times (generate, D's gradient, Adam) and once (G's gradient, Adam), on fixed batches on both sides:
drawing random numbers is not measured. The compiled turns run in a loop inside WebAssembly (wasmtime), as a page's
worker calls them without Python in between. The two sides alternate, in CPU seconds of one thread, and the ratio is
taken round by round, because the speed of a shared machine changes between rounds.
"""

import math
import statistics
import time
from dataclasses import replace

import machine
import torch
import wasmtime

from gan_tutor import networks, recipes, training
from gan_tutor.page_engine import bundle, lowering, programs
from gan_tutor.recipes import Recipe

SMALL = Recipe(width_g=64, width_d=64)
R3GAN = {"loss": "relativistic", "penalty": "r1_r2", "penalty_weight": 0.1, "beta1": 0.0, "beta2": 0.99}
GAMES = {
    "non-saturating": SMALL,
    "WGAN-GP": replace(SMALL, loss="wasserstein", penalty="wgan_gp", penalty_weight=0.1),
    "RpGAN + R1 + R2": replace(SMALL, **R3GAN),
    "GAN Lab's setting: batch 150, two steps of D": replace(SMALL, batch_size=150, n_critic=2),
    "ring: width 128": recipes.named("ring"),
    "digits: MLP of width 128": replace(
        recipes.named("ring"), data="digits", latent_dim=16, batch_size=64, **R3GAN,
    ),
    "digits by class: the named recipe in float32": replace(recipes.named("digits_projection"), precision="float32"),
    "digits: the named recipe in float32, with its penalty": replace(recipes.named("digits_wide"), precision="float32"),
}  # fmt: skip
ROUNDS, SECONDS = 9, 0.5


def measure(recipe: Recipe) -> dict[str, object]:
    """Return turns in a CPU second of both sides, and their paired ratios."""
    eager, compiled = _eager(recipe), _compiled(recipe)
    rates: dict[str, list[float]] = {"eager": [], "compiled": []}
    for play in (eager, compiled):
        play(2)
    for _ in range(ROUNDS):
        for name, play in (("eager", eager), ("compiled", compiled)):
            rates[name].append(_rate(play))
    ratios = [c / e for c, e in zip(rates["compiled"], rates["eager"], strict=True)]
    medians = {f"{name} turns/s": round(statistics.median(values), 1) for name, values in rates.items()}
    return medians | {"ratio": round(statistics.median(ratios), 2), "ratios": [round(r, 2) for r in sorted(ratios)]}


def _rate(play) -> float:
    turns, started = 0, time.process_time()
    while (spent := time.process_time() - started) < SECONDS:
        play(4)
        turns += 4
    return turns / spent


def _batches(game: recipes.Game):
    batch = next(iter(game.batches))
    x, y = (batch, None) if isinstance(batch, torch.Tensor) else batch
    return x, y, training.sample_z(len(x), game.recipe.latent_dim, game.generator)


def _eager(recipe: Recipe):
    game = recipes.build(recipe)
    x, y, z = _batches(game)
    G, D = (game.G, game.D) if y is None else (networks.Given(game.G, y), networks.Given(game.D, y))
    loss, (term, weight) = recipes.loss_of(recipe), recipes.game.d_term(game)

    def play(turns: int) -> None:
        for _ in range(turns):
            for _ in range(recipe.n_critic):
                training.d_step(G, D, game.opt_d, loss, x, z, term, weight)
            training.g_step(G, D, game.opt_g, loss, x, z)

    return play


def _compiled(recipe: Recipe):
    G, D, found = programs.programs(recipe)
    g = bundle.describe(recipe, G, D, [])["g_losses"][recipe.loss]["program"]
    order = ["generate", f"d_{recipe.penalty}", "adam_d", g, "adam_g"]
    by_name = {program.name: program for program in found if program.name in order}
    text = lowering.to_c(by_name.values()) + _loop(order, by_name, recipe.n_critic)
    store, exports = _instance(lowering.to_wasm(text, [*order, "play", "place"]))
    values = _values(recipe, D)
    for k, name in enumerate(_names(by_name)):
        if name in values:
            data = values[name].detach().float().contiguous().numpy().tobytes()
            exports["memory"].write(store, data, exports["place"](store, k))
    return lambda turns: exports["play"](store, turns)


def _names(by_name) -> list[str]:
    """Every array of a turn once: results go where the next program reads them."""
    names = [
        _global(program.name, port.name) for program in by_name.values() for port in (*program.inputs, *program.outputs)
    ]
    return list(dict.fromkeys(names))


def _global(program: str, port: str) -> str:
    letter = program[-1] if program.startswith("adam") else "d" if program.startswith("d_") else "g"
    own = {"theta": f"theta_{letter}", "knobs": f"knobs_{program}", "x": "x_fake"}
    mine = ("state_0", "state_1", "grad", "norm", "loss")
    return own.get(port, f"{port}_{letter}" if port in mine else port)


def _loop(order, by_name, n_critic: int) -> str:
    sizes = {
        _global(program.name, port.name): math.prod(port.shape)
        for program in by_name.values()
        for port in (*program.inputs, *program.outputs)
    }
    arrays = "".join(
        f"static float {name}[{max(size, 1)}], {name}_new[{max(size, 1)}];\n" for name, size in sizes.items()
    )

    def call(name: str) -> str:
        program = by_name[name]
        reads = [_global(name, port.name) for port in program.inputs]
        writes = [_global(name, port.name) for port in program.outputs]
        copies = " ".join(f"memcpy({w}, {w}_new, sizeof {w});" for w in writes)
        return f"{name}({', '.join([*reads, *(f'{w}_new' for w in writes)])}); {copies}"

    of_d, of_g = (" ".join(map(call, names)) for names in (order[:3], order[3:]))
    places = ", ".join(_names(by_name))
    return (
        f"\n{arrays}float *place(int k) {{ float *all[] = {{{places}}}; return all[k]; }}\n"
        f"void play(int n) {{ while (n-- > 0) {{ for (int i = 0; i < {n_critic}; ++i) {{ {of_d} }} {of_g} }} }}\n"
    )


def _instance(wasm: bytes):
    engine = wasmtime.Engine()
    store = wasmtime.Store(engine)
    exports = wasmtime.Instance(store, wasmtime.Module(engine, wasm), []).exports(store)
    exports["_initialize"](store)
    return store, exports


def _values(recipe: Recipe, D) -> dict[str, torch.Tensor]:
    wide = recipes.build(replace(recipe, latent_dim=programs.latent_width(recipe)))
    x, y, z = _batches(wide)
    columns = bundle.manifest.loss_columns()
    chosen = columns["g_losses"][recipe.loss]
    weight = recipe.penalty_weight if recipe.penalty != "none" else 0.0
    adam = [1 - recipe.beta1, 1 - recipe.beta2, 1.0, 1.0, 3.4e38]
    found = {
        "x_real": x, "z": z, "u": torch.rand(len(x)),
        f"knobs_d_{recipe.penalty}": torch.tensor([*columns["d_losses"][recipe.loss], 0.0, weight]),
        f"knobs_{chosen['program']}": torch.tensor([*chosen["weights"], 0.0]),
        "knobs_adam_d": torch.tensor([recipe.lr_d, *adam]), "knobs_adam_g": torch.tensor([recipe.lr_g, *adam]),
    }  # fmt: skip
    for letter, network in (("g", wide.G), ("d", wide.D)):
        layout, held = programs.player(network), dict(network.named_buffers())
        found[f"theta_{letter}"] = programs.flat(list(network.parameters()))
        if layout.buffers:
            found[f"buffers_{letter}"] = programs.flat([held[name] for name in layout.buffers])
    return found if y is None else found | {"y": y}


def main() -> None:
    torch.set_num_threads(1)
    games = {}
    for name, recipe in GAMES.items():
        games[name] = measure(recipe)
        print(name, games[name], flush=True)
    machine.store("page_programs", {"rounds": ROUNDS, "seconds a side": SECONDS, "games": games})


if __name__ == "__main__":
    main()
