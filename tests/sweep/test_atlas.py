"""The stored maps: complete grids of the recipes they name, with sound numbers."""

from dataclasses import fields

import pytest

from gan_tutor import sweep
from gan_tutor.recipes import Recipe


@pytest.mark.parametrize("name", ["rates", "penalties", "latents"])
def test_a_stored_map_has_a_row_for_every_recipe_of_its_grid(name):
    for panel in sweep.atlas(name).values():
        wanted = sweep.combinations(panel.start, panel.grid)
        assert len(panel.rows) == len(wanted) >= 90
        known = [field.name for field in fields(Recipe) if panel.rows[0].get(field.name) is not None]
        assert {"lr_g", "seed"} <= set(known)
        for row, recipe in zip(panel.rows, wanted, strict=True):
            assert {field: row[field] for field in known} == {field: getattr(recipe, field) for field in known}
            sound = row["diverged_at"] is None
            assert sound == (row["overlap"] is not None)
            assert not sound or (0 <= row["overlap"] <= 1 and 0 <= row["modes"] <= 8)


def test_the_map_of_rates_has_a_panel_for_each_of_seven_games():
    starts = {name: panel.start for name, panel in sweep.atlas("rates").items()}
    assert len(starts) == 7
    assert {start.loss for start in starts.values()} == {
        "nonsaturating", "minimax", "least_squares", "hinge", "wasserstein", "relativistic",
    }  # fmt: skip
    assert starts["wasserstein"].penalty == "none"
    assert starts["wasserstein_gp"].penalty == "wgan_gp"
    assert {start.width_g for start in starts.values()} == {64}


def test_a_map_that_is_not_stored_is_refused():
    with pytest.raises(ValueError, match="the maps are rates, penalties, latents"):
        sweep.atlas("losses")
