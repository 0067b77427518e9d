"""From reconstructions to rows of the one table of findings: does an image that was drawn find the patient it is of, by the image
that was encoded, and by another one of his?"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from torch import Tensor

from remnant.attacks.attack import Reconstructions
from remnant.audit.findings.controls import CONTROL_LEVEL
from remnant.audit.verdict.family import Key
from remnant.base.findings import AttackRun, Control, Criterion, Finding
from remnant.base.results import number
from remnant.cohort.images import Images, stacked
from remnant.measure.blocks import images_a_block, ranked_in_blocks
from remnant.measure.correlation import ncc_matrix
from remnant.measure.identity import RankedSearch, Search

FEWEST = 2  # patients of a gallery
LARGE = 1000  # patients of a gallery whose search takes long enough to be told of


def similarities(drawn: Tensor, gallery: Tensor, mean: Tensor) -> np.ndarray:
    """How alike what was drawn (n, channels, *spatial) is to each image of the gallery (m, channels, *spatial), (n, m): the
    correlation of their deviations from `mean`, so that what all people share counts for nothing."""
    parts = [(images - mean).flatten(1).numpy()[:, None] for images in (drawn, gallery)]
    # A drawing that is the mean image is like nobody.
    return np.nan_to_num(ncc_matrix(*parts))


def first_images(images: Images) -> Images:
    """One image a patient, his first."""
    return images.take(sorted(_first_places(images).values()))


def _first_places(images: Images) -> dict[str, int]:
    return {patient: i for i, patient in reversed(list(enumerate(images.patients)))}


@dataclass(frozen=True)
class Gallery:
    """A gallery that reconstructions search, an image a patient: `name` in findings, the `criterion` that it bears on, and the
    gallery `of` some images. `group` counts it, in words."""

    name: str
    criterion: Criterion
    of: Callable[[Images], Images]
    group: str


def other_images(images: Images) -> Images:
    """The second image of each patient who has several."""
    first = set(_first_places(images).values())
    second: dict[str, int] = {}
    for i, patient in enumerate(images.patients):
        if i not in first:
            second.setdefault(patient, i)
    return images.take(sorted(second.values()))


def search_of(claim: Reconstructions, gallery: Images) -> Search:
    """The search of the `gallery` for each patient's own image by the reconstruction from his first image."""
    drawn = claim.images[_firsts_of(claim, gallery)]
    return Search(similarities(drawn, stacked(gallery.images), claim.mean), np.arange(len(gallery)))


def ranking_of(claim: Reconstructions, gallery: Images, *, quiet: bool = True) -> RankedSearch:
    """The ranks alone of `search_of`, in blocks, so that memory beside the images themselves does not grow with their number."""
    places = _firsts_of(claim, gallery)

    def scores(rows: slice, columns: slice) -> np.ndarray:
        return similarities(claim.images[places[rows]], stacked(gallery.images[columns]), claim.mean)

    block = images_a_block(claim.mean.numel())
    return ranked_in_blocks(scores, np.arange(len(gallery)), len(gallery), block, quiet=quiet)


def _firsts_of(claim: Reconstructions, gallery: Images) -> list[int]:
    """The place of the first reconstruction of each patient of the gallery."""
    place = {patient: i for i, patient in reversed(list(enumerate(claim.patients)))}
    return [place[patient] for patient in gallery.patients]


# The very image that was encoded; and another one of the same patient, whom a reconstruction then links to it.
LINKAGE = "linkage"


def linkage_run(images: Images) -> AttackRun:
    """Whether reconstructions are held against other images of the same patients, which takes patients with several."""
    count = len(other_images(images))
    why = (
        "every patient has one image" if not count else "a single patient has several images" if count < FEWEST else ""
    )
    words = "reconstructions compared with another image of the same patient"
    return AttackRun(name=LINKAGE, words=words, run=not why, why=why, claim="pair_scores")


def galleries(attack: str, images: Images) -> list[Gallery]:
    """What the reconstructions of an `attack` are held against; linkage where patients have several images."""
    found = [Gallery(attack, "singling out", first_images, "a gallery of {} patients")]
    if len(other_images(images)) >= FEWEST:
        found.append(Gallery(LINKAGE, "linkability", other_images, "a gallery of another image of {} patients"))
    return found


def identification_keys(claims: Mapping[str, Sequence[Reconstructions]], images: Images) -> list[Key]:
    """The tests that are made of these claims, by attack."""
    return [
        (gallery.name, claim.view, "")
        for attack, own in claims.items()
        for claim in own
        for gallery in galleries(attack, images)
    ]


def identification_rows(
    claims: Mapping[str, Sequence[Reconstructions]],
    images: Images,
    level: Mapping[Key, float],
    target: str = "model",
    *,
    quiet: bool = True,
) -> list[Finding]:
    """A finding a claim and search, by attack: patients identified at rank 1, with an exact interval and p against guessing.

    Progress of a large gallery is told unless `quiet`.
    """
    rows = []
    for attack, own in claims.items():
        for claim, gallery in itertools.product(own, galleries(attack, images)):
            sought = gallery.of(images)
            n = len(sought)
            if n < FEWEST:
                continue
            search = ranking_of(claim, sought, quiet=quiet or n < LARGE)
            found, wide = search.rank1(), search.rank1(1 - level[gallery.name, claim.view, ""])
            rows.append(
                Finding(
                    target=target,
                    attack=gallery.name,
                    view=claim.view,
                    claim="reconstructions",
                    criterion=gallery.criterion,
                    statistic="rank1",
                    group=gallery.group.format(n),
                    n=n,
                    value=number(found.mean),
                    low=found.low,
                    high=found.high,
                    bound_low=wide.low,
                    null=1 / n,
                    p=search.p,
                    counts=f"{search.count} of {n} patients",
                )
            )
    return rows


def controls_of(
    attack: str,
    claim: Reconstructions,
    easy: Reconstructions,
    images: Images,
    seeds: np.random.Generator,
    sure: str = "Images reduced to the size of a latent",
) -> list[Control]:
    """Of each search: `null_controls`; and what must identify the patient, `easy` reconstructions for the very image, and for
    another one the very image itself. `sure`: what they are of."""
    itself = replace(claim, patients=images.patients, images=stacked(images.images))
    certain = {attack: (easy, sure), LINKAGE: (itself, "The patients' own images")}
    planted = [
        search_control("planted", gallery.name, certain[gallery.name][0], gallery.of(images), certain[gallery.name][1])
        for gallery in galleries(attack, images)
    ]
    return [one for pair in zip(null_controls(attack, claim, images, seeds), planted, strict=True) for one in pair]


def null_controls(attack: str, claim: Reconstructions, images: Images, seeds: np.random.Generator) -> list[Control]:
    """Of each search: reconstructions that are held for another patient's, which must identify nobody."""
    order = seeds.permutation(len(claim.patients))
    names = np.array(claim.patients)[order]
    told = replace(claim, patients=tuple(np.roll(names, 1)), images=claim.images[order])
    held = "Reconstructions held for another patient's"
    return [
        search_control("null", gallery.name, told, gallery.of(images), held) for gallery in galleries(attack, images)
    ]


def search_control(
    kind: Literal["null", "planted"], attack: str, claim: Reconstructions, gallery: Images, what: str
) -> Control:
    """The control that reconstructions of `what` identify somebody in the `gallery` where they are `planted`, and else nobody.

    Whether the planted do cannot be told of so few that guessing would identify all of them as often.
    """
    search = ranking_of(claim, gallery)
    found, n = search.rank1(), len(gallery)
    enough = next(count for count in itertools.count(FEWEST) if float(count) ** -count <= CONTROL_LEVEL)
    identified, tells = search.p <= CONTROL_LEVEL, kind == "null" or n >= enough
    few = f"which guessing might do, too: give {enough} patients or more"
    outcome = "more than by chance" if identified else "as by chance" if tells else few
    return Control(
        kind=kind,
        attack=attack,
        claim="reconstructions",
        statistic="rank1",
        value=number(found.mean),
        low=number(found.low),
        high=number(found.high),
        p=search.p,
        n=n,
        passed=bool(identified == (kind == "planted")) if tells else None,
        sentence=f"{what} identify {search.count} of {n} patients at rank 1, {outcome}.",
    )
