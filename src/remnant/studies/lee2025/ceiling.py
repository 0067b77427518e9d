"""The prior's ceiling: could it have drawn anybody, shown the patients' own images?"""

from pathlib import Path
from typing import Any

import numpy as np

from remnant.attacks.checkpoint.oracles import invert_images
from remnant.attacks.demographics import load_demographics
from remnant.attacks.prior import load_prior
from remnant.audit.cells.reader import reader_file
from remnant.audit.findings.rows import interval_columns
from remnant.base.results import Row
from remnant.base.run import Run
from remnant.base.seeds import Seeds
from remnant.engine.cells import Cell
from remnant.measure.intervals import clopper_pearson
from remnant.measure.neighbours import cosine_matrix
from remnant.measure.ssim import ssim_matrix
from remnant.studies.lee2025.groups import Source, read_groups
from remnant.studies.lee2025.settings import StudySettings


def ceiling_cell(run: Run, source: Source, prior: Path, settings: StudySettings) -> dict[str, Any]:
    """`rows` of the table `ceiling`: does the prior, shown a member's own image, come nearer to it than the nearest stranger?

    A row a space that no target made; of each member the first image, of strangers, the non-members, all. `nearer` of `people`
    members for whom it does, as a share with its exact interval; `own` and `stranger` are mean similarities.
    """
    name = ceiling_name(source)
    groups = read_groups(run, source)
    members, strangers = groups["members"], groups["non_members"]
    firsts = sorted({who: place for place, who in reversed(list(enumerate(members.patients)))}.values())
    seeds = Seeds(settings.seed).child(name)
    chosen = np.sort(seeds.child("people").numpy().permutation(firsts)[: settings.ceiling.images])
    images, others = members.images[chosen], strangers.images

    def report(step: int, loss: float, terms: dict[str, float]) -> None:
        if step % 100 == 0:
            run.log(name, "step", step=step + 1, loss=loss)

    drawn = invert_images(load_prior(prior).generator, images, settings.ceiling, seeds, report)
    spaces = {"ssim": (ssim_matrix, lambda these: these[:, 0].numpy())}
    if reader_file(run).exists():
        model = load_demographics(reader_file(run))
        spaces["independent_features"] = (cosine_matrix, lambda these: model.features(these).numpy())
    rows = []
    for space, (matrix, seen) in spaces.items():
        own = np.diagonal(matrix(seen(drawn), seen(images)))
        stranger = matrix(seen(others), seen(images)).max(0)
        nearer = int((own > stranger).sum())
        row: Row = {"source": source, "space": space, "people": len(images), "strangers": len(set(strangers.patients))}
        row |= {"own": float(own.mean()), "stranger": float(stranger.mean()), "nearer": nearer}
        rows.append(row | interval_columns("share", clopper_pearson(nearer, len(images))))
    return {"rows": rows}


def ceiling_name(source: str) -> str:
    return f"ceiling-{source}"


def ceiling_of(source: Source, prior: Path, settings: StudySettings, *, needs: tuple[str, ...]) -> Cell:
    """The cell of the prior's ceiling on one source."""
    return Cell(ceiling_name(source), ceiling_cell, {"source": source, "prior": prior, "settings": settings}, needs)
