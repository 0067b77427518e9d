"""From reconstructions to rows of the one table of findings: does an image that was drawn find the patient it is of?"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from remnant.attacks.attack import Reconstructions
from remnant.audit.family import Key
from remnant.base.findings import Control, Finding
from remnant.base.results import number
from remnant.cohort.images import Images
from remnant.measure import identity
from remnant.measure.correlation import ncc_matrix
from remnant.measure.intervals import clopper_pearson, identification_p_value

FEWEST = 2  # patients of a gallery
LEVEL = 0.05  # one-sided, of controls
SIMILARITY = "NCC of what sets an image apart from the mean image"


def similarities(drawn: Tensor, gallery: Tensor, mean: Tensor) -> np.ndarray:
    """How alike what was drawn (n, channels, *spatial) is to each image of the gallery (m, channels, *spatial), (n, m): the
    correlation of their deviations from `mean`, so that what all people share counts for nothing."""
    parts = [(images - mean).flatten(1).numpy()[:, None] for images in (drawn, gallery)]
    # A drawing that is the mean image is like nobody.
    return np.nan_to_num(ncc_matrix(*parts))


def first_images(images: Images) -> Images:
    """One image a patient, his first."""
    places = {patient: i for i, patient in reversed(list(enumerate(images.patients)))}
    return images.take(sorted(places.values()))


def ranks_of(claim: Reconstructions, images: Images) -> np.ndarray:
    """The rank of each patient's own image, (n,), when the reconstruction from his first image searches all first images."""
    gallery = first_images(images)
    place = {patient: i for i, patient in reversed(list(enumerate(claim.patients)))}
    drawn = claim.images[[place[patient] for patient in gallery.patients]]
    scores = similarities(drawn, torch.stack(gallery.images), claim.mean)
    return identity.ranks(scores, np.arange(len(gallery)))


def identification_rows(
    claims: Mapping[str, Sequence[Reconstructions]], images: Images, level: Mapping[Key, float], target: str = "model"
) -> list[Finding]:
    """A finding a claim, by attack: patients identified at rank 1, with an exact interval and p against guessing."""
    rows = []
    for attack, own in claims.items():
        for claim in own:
            ranks = ranks_of(claim, images)
            count, n = identity.rank1_count(ranks), len(ranks)
            if n < FEWEST:
                continue
            found, wide = clopper_pearson(count, n), clopper_pearson(count, n, 1 - level[attack, claim.view, ""])
            rows.append(
                Finding(
                    target=target,
                    attack=attack,
                    view=claim.view,
                    claim="reconstructions",
                    criterion="singling out",
                    statistic="rank1",
                    group=f"a gallery of {n} patients",
                    n=n,
                    value=number(found.mean),
                    low=found.low,
                    high=found.high,
                    bound_low=wide.low,
                    null=1 / n,
                    p=identification_p_value(count, np.full(n, 1 / n)),
                    counts=f"{count} of {n} patients",
                )
            )
    return rows


def exchanged_control(attack: str, claim: Reconstructions, images: Images, seeds: np.random.Generator) -> Control:
    """Whether reconstructions find somebody whose latents they were not drawn from: each is held for the next patient's."""
    order = seeds.permutation(len(claim.patients))
    names = np.array(claim.patients)[order]
    told = Reconstructions(claim.view, tuple(np.roll(names, 1)), claim.images[order], claim.mean)
    return _control("null", attack, told, images, passes=False, what="Reconstructions held for another patient's")


def reduced_control(attack: str, claim: Reconstructions, images: Images) -> Control:
    """Whether the attack reconstructs people from a code that surely holds them: their images reduced to as many values."""
    return _control("planted", attack, claim, images, passes=True, what="Images reduced to the size of a latent")


def _control(kind: str, attack: str, claim: Reconstructions, images: Images, *, passes: bool, what: str) -> Control:
    ranks = ranks_of(claim, images)
    count, n = identity.rank1_count(ranks), len(ranks)
    found = clopper_pearson(count, n)
    identified = identification_p_value(count, np.full(n, 1 / n)) <= LEVEL
    return Control(
        kind=kind,
        attack=attack,
        claim="reconstructions",
        statistic="rank1",
        value=number(found.mean),
        low=number(found.low),
        high=number(found.high),
        p=identification_p_value(count, np.full(n, 1 / n)),
        n=n,
        passed=bool(identified == passes),
        sentence=f"{what} identify {count} of {n} patients at rank 1, {'more than' if identified else 'as'} by chance.",
    )
