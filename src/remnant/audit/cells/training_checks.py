"""Whether the owner's train() is one that shadow models can be made by: of the audited architecture, by the seed that it is
given, and the same when it is called again."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from remnant.attacks.membership.references import queries_of
from remnant.audit.cells.kept import kept_shadows
from remnant.audit.cells.shadows import names_of, shadow_of
from remnant.audit.materials.material import Material
from remnant.base.files import read_json
from remnant.base.run import Run
from remnant.engine.cells import Cell

REPEATED = "repeated"
(FIRST,) = names_of(1)
LONGEST_S = 30.0  # of a training that is repeated for it
ALIKE = 1e-4  # of a fit, by which two runs of the same steps may differ


def repeated_cell(run: Run, material: Material, seed: int) -> dict[str, Any]:
    """Train the first shadow model again where that is short, and say whether it `repeats`; None where it is not tried."""
    candidates = material.candidates
    first = read_json(run.path / "cells" / f"{FIRST}.json")
    if first.get("shared") or first["seconds"] > LONGEST_S:
        return {"repeats": None}
    again = shadow_of(material, seed, 0)
    before = kept_shadows(run, 1)
    assert before
    fits = queries_of(again.head, candidates, again.answers, several=False)
    same = all(
        np.allclose(values[:, 0], before.signals[name][:, 0], rtol=ALIKE, atol=ALIKE) for name, values in fits.items()
    )
    return {"repeats": same}


def doubted(material: Material, found: Mapping[str, dict[str, Any]]) -> list[str]:
    """Why networks of train() are no references by whose silence anybody is cleared, from what their cells `found`: they are of
    another architecture, or all draw alike."""
    training, cells = material.training, [found[name] for name in names_of(material.target.shadows)]
    doubts: list[str] = []
    if training is None:
        return doubts
    if odd := next((one for cell in cells if (one := cell.get("unlike"))), ""):
        doubts.append(
            f"{training.words} makes networks of another architecture than the audited one ({odd}), which tell little of it; let "
            "build() give that of the audited model, and train it."
        )
    if len(cells) > 1 and len({cell.get("drew_by", number) for number, cell in enumerate(cells)}) == 1:
        doubts.append(
            f"{training.words} sets a seed of its own in place of the one that it is given, so that all of its networks draw "
            "alike; set it by its argument `seed`."
        )
    return doubts


def repeated_cells(material: Material, seed: int) -> list[Cell]:
    """That cell, where shadow models are trained."""
    if not material.target.shadows:
        return []
    return [Cell(REPEATED, repeated_cell, {"material": material, "seed": seed}, (FIRST,))]


def notices(material: Material, found: Mapping[str, dict[str, Any]]) -> list[str]:
    """What a reader must know of shadow models: how many another audit trained, and that a training does not repeat itself, whose
    numbers hold and cannot be made again."""
    names = names_of(material.target.shadows)
    shared = sum(bool(found[name].get("shared")) for name in names)
    told = [f"{shared} of {len(names)} shadow models were trained by earlier audits of the same training and patients."]
    if material.training is None or found.get(REPEATED, {}).get("repeats") is not False:
        return told if shared else []
    return [
        *(told if shared else []),
        f"{material.training.words} trains another network when it is called again with the same seed: what rests on shadow "
        "models holds for these, and cannot be made again to the last digit.",
    ]
