"""Play games on several processes and store what each of them ends with: `python ranks.py RANKS FOLDER`.

A program of its own, because a process that runs tests has threads and must not be forked.
"""

import multiprocessing
import shutil
import sys
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist

from gan_tutor import losses, recipes, training
from gan_tutor.cli.folder import Folder, begin
from gan_tutor.share import ALONE, Share

SMALL = {"batch_size": 24, "width_g": 8, "width_d": 8, "steps": 5}
DIGITS = {"data": "digits", "generator": "dcgan", "latent_dim": 8, "batch_size": 8, "width_g": 4, "width_d": 4}
GAMES = {
    **{name: {"loss": name} for name in losses.LOSSES},
    **{f"relativistic_{name}": {"loss": "relativistic", "penalty": name} for name in ("r1", "r2", "r1_r2", "wgan_gp")},
    "critic": {"loss": "wasserstein", "penalty": "wgan_gp", "n_critic": 3},
    "lazy": {"penalty": "r1", "penalty_every": 3, "schedule": "cosine"},
    "clipped": {"loss": "wasserstein", "clip": 0.05, "optimizer": "rmsprop"},
    "spectral": {"norm_d": "spectral"},
    "noisy": {"instance_noise": 0.1, "penalty": "r1"},
    "smooth": {"real_target": 0.9},
    **{name: {"condition": name} for name in ("concat", "embedding", "projection", "auxiliary")},
    "noisy_features": {"loss": "feature_matching", "instance_noise": 0.1},
    "augmented": {**DIGITS, "data": "fashion", "discriminator": "space_to_depth", "augment": "flip_crop"},
    "diffaugmented": {**DIGITS, "discriminator": "dcgan", "diffaugment": "translation,cutout", "penalty": "r1"},
    "diffaugmented_r1_r2": {**DIGITS, "discriminator": "dcgan", "diffaugment": "color,cutout", "penalty": "r1_r2"},
    "residual": {**DIGITS, "generator": "residual", "discriminator": "residual", "penalty": "r1_r2"},
    "batch_norm": {**DIGITS, "discriminator": "dcgan", "norm_d": "batch"},
    "generator_norm": {**DIGITS, "discriminator": "dcgan", "loss": "wasserstein", "penalty": "wgan_gp", "n_critic": 2},
}  # fmt: skip


def recipe(name):
    """Return a game's recipe."""
    return recipes.Recipe(**SMALL | GAMES[name])


def played(game):
    """Play to the end; return the losses (turns, 2) and every tensor of the networks and the generator."""
    told = torch.stack([torch.stack([record.loss_d, record.loss_g]) for record in recipes.run(game)])
    state = {
        f"{part}/{k}": v.clone() for part in ("G", "D", "ema") for k, v in getattr(game, part).state_dict().items()
    }
    return {"losses": told, "generator": game.generator.get_state(), **state}


def sampled(share=ALONE):
    """Return ten samples, which neither two nor four ranks can share out equally after the first eight."""
    game = recipes.build(recipe("hinge"))
    return training.generate(game.ema, 10, 2, game.generator, share=share)


def paused(path):
    """Save the relativistic game after two turns of one process."""
    game = recipes.build(recipe("relativistic_r1_r2"))
    turns = recipes.run(game)
    next(turns), next(turns)
    recipes.save(game, path)


def diverged(share):
    """Return the turn in which a hopeless game ends."""
    wild = recipes.Recipe(**SMALL | {"loss": "least_squares", "optimizer": "sgd", "lr_d": 1e20, "lr_g": 1e20})
    try:
        for _ in recipes.run(recipes.build(wild, share=share)):
            pass
    except training.NonFinite as error:
        return error.step
    return None


def apart(share, folder):
    """Resume with a folder for each rank: the first one's holds a checkpoint, the others' do not."""
    mine = Folder(folder / f"run{share.rank}")
    mine.path.mkdir()
    mine.recipe.write_text(recipes.to_json(recipe("relativistic_r1_r2")))
    if share.rank == 0:
        shutil.copy(folder / "paused.safetensors", mine.checkpoint)
    try:
        begin(mine, recipe("relativistic_r1_r2"), torch.device("cpu"), share, resume=True)
    except ValueError as error:
        return str(error)
    return ""


def play_all(rank, ranks, folder):
    """Play every game as one of the ranks."""
    dist.init_process_group(
        "gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=ranks, timeout=timedelta(seconds=60)
    )
    share = Share(rank, ranks)
    results = {name: played(recipes.build(recipe(name), share=share)) for name in GAMES}
    results["samples"] = {"all": sampled(share)}
    results["resumed"] = played(recipes.resume(Path(folder) / "paused.safetensors", share=share))
    results["diverged"] = {"step": diverged(share)}
    results["apart"] = {"message": apart(share, Path(folder))}
    torch.save(results, Path(folder) / f"{rank}.pt")
    dist.destroy_process_group()


def main():
    """Fork the ranks and wait for them."""
    torch.set_num_threads(1)
    ranks, folder = int(sys.argv[1]), sys.argv[2]
    paused(Path(folder) / "paused.safetensors")
    fork = multiprocessing.get_context("fork")
    processes = [fork.Process(target=play_all, args=(rank, ranks, folder)) for rank in range(ranks)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    sys.exit(any(process.exitcode for process in processes))


if __name__ == "__main__":
    main()
