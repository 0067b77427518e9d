"""The forecast knows every cell of the study."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.studies.kim2019.example import scans

from remnant.base.run import Run
from remnant.cohort.images import AGE, SEX
from remnant.studies.kim2019 import estimate, preset
from remnant.studies.kim2019.estimate import costs_of, foretell
from remnant.studies.kim2019.plan import cells_of
from remnant.studies.kim2019.variants import VARIANTS

SMOKE = preset("smoke")


@pytest.fixture(scope="module")
def small():
    """A few scans that the networks can take."""
    images = torch.rand(8, 1, 32, 32, 32, generator=torch.Generator().manual_seed(0))
    return replace(
        scans().take([0, 1, 2, 3, 48, 49, 50, 51]),
        images=images,
        labels=(images[:, 0] > 0.5).to(torch.uint8),
        details={AGE: np.linspace(20.0, 80.0, 8), SEX: np.full(8, np.nan)},
    )


@pytest.mark.slow
@pytest.mark.parametrize("method", ["none", "both"])
def test_every_cell_takes_some_time(small, method):
    costs = costs_of(SMOKE, SMOKE.net.changed(method=method), small, {})
    kinds = {cell.name.partition("-")[0] for cell in cells_of(SMOKE, {"raw": VARIANTS["raw"]}, small, ())}
    assert costs.keys() == kinds and all(seconds > 0 for seconds in costs.values())


def test_a_cell_costs_what_its_recipe_and_method_do(tmp_path, monkeypatch, capsys, small):
    asked = []

    def costs(settings, net, *_):
        asked.append((net.trunk, net.method))
        return dict.fromkeys(
            ("pretrain", "train", "blind", "pairs", "inversion", "people", "worth", "membership"), 60.0
        )

    monkeypatch.setattr(estimate, "costs_of", costs)
    settings = preset("cpu").changed(variants=("raw", "published-1", "entropy-1", "kim2019-raw", "kim2019-1"))
    variants = {name: VARIANTS[name] for name in settings.variants}
    cells = cells_of(settings, variants, small, ())
    foretell(Run(tmp_path), settings, variants, cells, small, {}, workers=1)
    ours, theirs = settings.net.trunk, settings.recipe.trunk
    assert sorted(asked) == sorted((trunk, method) for trunk in (ours, theirs) for method in ("none", "encoder"))
    said = capsys.readouterr().err
    assert f"5 ways to send a scan, {len(cells)} cells: about {len(cells)} min with 1 worker, 1 min the longest" in said
