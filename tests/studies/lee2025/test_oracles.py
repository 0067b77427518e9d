"""Could anybody have been reconstructed: the cells, and what is said of them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.studies.lee2025.example import group

from remnant.attacks.checkpoint.generate import draw_images, draw_latents
from remnant.attacks.prior import load_prior
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.studies.lee2025 import preset
from remnant.studies.lee2025.ceiling import ceiling_cell
from remnant.studies.lee2025.groups import write_groups
from remnant.studies.lee2025.oracle_words import possible_in_words
from remnant.studies.lee2025.plan import cells_of


def test_a_prior_that_can_draw_its_members_is_told_from_one_that_cannot(tmp_path, prior_file):
    generator = load_prior(prior_file).generator
    drawn = draw_images(generator, draw_latents(generator, 3, Seeds(7).torch()))
    noise = torch.rand(4, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    settings = preset("smoke").changed(ceiling={"images": 3, "starts": 200, "steps": 100})

    def cell(name, members, others):
        run = Run.start(tmp_path / name, "lee2025", {}, resume=False)
        parts = {"members": members, "non_members": others}
        write_groups(
            run,
            "private",
            {
                part: replace(
                    people(len(images)), images=images, patients=tuple(f"{part}{i}" for i in range(len(images)))
                )
                for part, images in parts.items()
            },
        )
        (row,) = ceiling_cell(run, "private", prior_file, settings)["rows"]
        return row

    def people(count):
        return group(np.random.default_rng(0), count, "x")

    able, unable = cell("able", drawn, noise), cell("unable", noise, noise * 0.9 + 0.05)
    assert (able["nearer"], able["people"], able["strangers"], able["space"]) == (3, 3, 4, "ssim")
    assert able["share"] == 1 and 0.2 < able["share_low"] < 0.4 and able["own"] > able["stranger"]
    assert unable["nearer"] == 0 and unable["people"] == 3 and unable["own"] < unable["stranger"]
    said = [" ".join(possible_in_words({"ceiling": [row], "identifiability": []})) for row in (able, unable)]
    assert "for 3 of 3 (100% [" in said[0] and "it is not the prior that stood in the way" in said[0]
    assert "No attack that leaves this prior as it is could have reconstructed any" in said[1]


@pytest.mark.parametrize(
    ("found", "others", "sentence"),
    [
        ((0.5, 0.6), 3.0, "better than the training images do: a better search would not help: 'as"),
        ((1.8, 2.0), 3.0, "better than what was found: a better search may find more: 'as"),
        ((0.9, 1.0), 3.0, "as well as the training images do: 'as"),
        ((0.9, 1.0), 1.1, "Non-members fit as well as training patients: 'as"),
    ],
)
def test_an_objective_is_judged_by_what_the_training_images_have(found, others, sentence):
    ends = {"members": (0.8, 1.0, 1.2), "non_members": (others, others, others), "found": (found[0], *found)}
    rows = [
        {"target": "cnn", "method": "published", "images": name, "sets": 20, "low": low, "value": value, "high": high}
        for name, (low, value, high) in ends.items()
    ]
    (text,) = possible_in_words({"ceiling": [], "identifiability": rows})
    assert sentence in text and text.endswith("published' on the CNN.")


def test_a_study_asks_of_every_target_and_source(tmp_path):
    cells = {cell.name: cell for cell in cells_of(Run(tmp_path), preset("smoke"), tmp_path / "prior")}
    assert {name for name in cells if name.startswith("ceiling")} == {"ceiling-private", "ceiling-public"}
    cell = cells["identifiability-cnn_overfit"]
    assert cell.arguments["methods"] == ("published", "joint")
    assert {"attack-cnn_overfit-published", "attack-cnn_overfit-joint"} <= set(cell.needs)
    assert cells["identifiability-vit_overfit"].arguments["methods"] == ("published",)
    assert cells["identifiability-cnn_overfit_swapped"].arguments["methods"] == ("joint",)
