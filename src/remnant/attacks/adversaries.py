"""Who tries to tell whether two codes are of one patient: every adversary of Kim 2019, on the same pairs of one view."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pydantic
import torch
from torch import Tensor

from remnant.attacks.learnt import Learnt
from remnant.attacks.likelihood import VoxelLikelihood
from remnant.attacks.reidentify import (
    ReidentifierSettings,
    embedded,
    pair_scores,
    patch_scores,
    recalibrated,
    train_on_codes,
)
from remnant.attacks.shapes import ShapeLikelihood, grey_images, shape_fields
from remnant.base.config import Settings
from remnant.base.seeds import Seeds
from remnant.cohort.pairs import Pair
from remnant.engine.device import place
from remnant.engine.loop import EpochReport
from remnant.measure.images import union_box
from remnant.measure.intervals import numbered
from remnant.measure.ms_ssim import ms_ssim_matrix
from remnant.measure.threshold import best_threshold
from remnant.nets.siamese import Siamese
from remnant.targets.access import Codes, encode

MS_SSIM, LIKELIHOOD, SHAPES, D_ADV, D_NEW = "ms_ssim", "likelihood", "shapes", "d_adv", "d_new"
D_ADV_PATCH = f"{D_ADV}_patch"
RECALIBRATED = "recalibrated"
MARGIN = 3  # voxels around all heads of the attacker's
MOVED = 8  # likewise, where a secret moves them
APART = 5  # of so many patients with several scans one is kept from training fresh adversaries, to choose thresholds by


class AdversarySettings(Settings):
    """The fresh adversaries (D_new): one of each of `trunks` for each of `seeds`, otherwise as `reidentifier` says."""

    trunks: tuple[str, ...] = ("resnet_small", "densenet_small")
    seeds: int = pydantic.Field(default=2, ge=1)
    reidentifier: ReidentifierSettings = ReidentifierSettings()


NOTHING_BEFORE = Learnt()


@dataclass(frozen=True)
class AdversaryScores:
    """An adversary's scores, higher for more likely one patient: of the attacker's own pairs, `training` (k,), and of the `test`
    pairs (n,).

    `threshold`: from where on it calls a pair the same. Where nothing was trained on the pairs, the best on `training`. A fresh
    network's is the best on pairs of patients kept from its training, as on others it would be too high; where these are too
    few, and for the discriminator, it is 0, where a network finds either as likely, as in the paper.
    `embeddings` (m, f) of all of `access.codes`, for retrieval; None without any.
    """

    training: np.ndarray
    test: np.ndarray
    threshold: float = 0.0
    embeddings: np.ndarray | None = None


def adversary_scores(
    access: Codes,
    own: Tensor,
    patients: Sequence[str],
    training: Sequence[Pair],
    test: Sequence[Pair],
    settings: AdversarySettings,
    seeds: Seeds,
    report: EpochReport,
    discriminator: tuple[Siamese, int] | None = None,
    looks: int = 1,
    spacing_mm: float | None = None,
    before: Learnt = NOTHING_BEFORE,
) -> dict[str, AdversaryScores]:
    """What every adversary makes of pairs of the attacker's `own` scans (n, 1, x, y, z) of `patients`, and of `access.codes`.

    `training` are pairs of own scans, `test` of the codes, both by place. By name: `ms_ssim`; `likelihood` (`VoxelLikelihood`);
    `shapes` (`ShapeLikelihood`), given the `spacing_mm` of codes that show a head, as deformed scans and label maps do;
    `d_adv`, the `discriminator` that the encoder was trained against, with the voxels a side of its patches, where there is
    one, by the mean over whole codes; `d_adv_patch`, the same by one patch of each pair, as the paper judges it; of one with
    BatchNorm both also `recalibrated` on the codes of own scans, behind an underscore;
    `d_new_<trunk>_<seed>`, trained here on `own` alone; and `d_new_all`, their mean, which owes nothing to a lucky seed.
    `looks`: how often each own scan is passed through `access.view` to learn from, more than once where the client draws a
    secret each time, since who saw several draws of a scan knows better what of a code is the person's. `before`: where what
    was learnt of the same own codes lies, if it was.
    Raises `RemnantError` as `train_on_codes` and `ms_ssim_matrix` do.
    """
    # The first look at each scan, by whose pairs thresholds are chosen, comes first.
    seen, owners = torch.cat([encode(access.view, own) for _ in range(looks)]), list(patients) * looks
    # Around the heads there is nothing to learn from, and it would take half of the time.
    box = (..., *union_box(own[:, 0], MARGIN if looks == 1 else MOVED))
    pool, others = seen[box], access.codes[box]
    whose = [(patients[pair.anchor], patients[pair.other]) for pair in training]

    def scored(mine: np.ndarray, theirs: np.ndarray, embeddings: np.ndarray | None = None) -> AdversaryScores:
        return AdversaryScores(mine, theirs, best_threshold(mine, whose), embeddings)

    found = {MS_SSIM: scored(ms_ssim_scores(seen, training), ms_ssim_scores(access.codes, test))}
    ratio = VoxelLikelihood(pool, owners)
    found[LIKELIHOOD] = scored(ratio.scores(pool, training)[0], *ratio.scores(others, test))
    if spacing_mm is not None:
        mean = own.mean((0, 1))

        def bent(codes: Tensor) -> Tensor:
            return shape_fields(grey_images(codes, seen[: len(own)], own), mean, spacing_mm)

        mine = before.once(SHAPES, (seen, own, str(spacing_mm)), lambda: {SHAPES: bent(seen)})[SHAPES]
        theirs = bent(access.codes)
        shapes = ShapeLikelihood(mine, owners)
        found[SHAPES] = scored(shapes.scores(mine, training)[0], *shapes.scores(theirs, test))
    if discriminator is not None:
        model, patch = discriminator
        pairs = (seen[: len(own)], training, access.codes, test, seeds.child(D_ADV_PATCH))
        found |= _discriminated(model, patch, *pairs)
        if (again := recalibrated(model, seen[: len(own)], patch)) is not None:
            found |= {f"{name}_{RECALIBRATED}": each for name, each in _discriminated(again, patch, *pairs).items()}
    apart = kept_apart(patients, seeds.child("apart"))
    learnt = [i for i, owner in enumerate(owners) if owner not in apart]
    new = {}
    for trunk, number in _fresh(settings):
        chosen = settings.reidentifier.changed(trunk=trunk)
        branch = seeds.child(D_NEW, trunk, number)
        model = _fresh_network(pool[learnt], [owners[i] for i in learnt], chosen, branch, report, before)
        new[f"{D_NEW}_{trunk}_{number}"] = _judged(model, chosen.patch, pool[: len(own)], training, others, test)
    new[f"{D_NEW}_all"] = _together(list(new.values()))
    return found | {name: _calibrated(each, whose, apart) for name, each in new.items()}


def kept_apart(patients: Sequence[str], seeds: Seeds) -> set[str]:
    """Whom of the `patients` of the attacker's scans no fresh adversary is trained on: a fifth of those with several scans, and
    nobody where these are fewer than ten.
    """
    # In the order in which they come: that of pseudonyms differs from run to run.
    several = [patient for patient, scans in Counter(patients).items() if scans > 1]
    count = len(several) // APART if len(several) >= 2 * APART else 0
    return set(seeds.numpy().permutation(several)[:count].tolist())


def ms_ssim_scores(codes: Tensor, pairs: Sequence[Pair]) -> np.ndarray:
    """MS-SSIM, float64 (n,), of each pair of whole `codes` (m, c, x, y, z) in [0, 1]; the mean over channels.

    Of label maps, a channel a class, the first channel is left out: the background is what the others leave.
    """
    channels = range(min(1, codes.shape[1] - 1), codes.shape[1])
    anchors, first = np.unique([pair.anchor for pair in pairs], return_inverse=True)
    others, second = np.unique([pair.other for pair in pairs], return_inverse=True)
    wanted = np.zeros((len(anchors), len(others)), dtype=bool)
    wanted[first, second] = True
    # All of a channel at once: what of the similarity is each image's own is two thirds of the work of a pair.
    by_channel = [ms_ssim_matrix(codes[anchors, c], codes[others, c], wanted=wanted)[first, second] for c in channels]
    return np.mean(by_channel, axis=0)


def _fresh(settings: AdversarySettings) -> Iterator[tuple[str, int]]:
    return ((trunk, number) for trunk in settings.trunks for number in range(settings.seeds))


def _fresh_network(
    codes: Tensor,
    patients: Sequence[str],
    settings: ReidentifierSettings,
    seeds: Seeds,
    report: EpochReport,
    before: Learnt,
) -> Siamese:
    given = (codes, str(numbered(patients)[1].tolist()), settings.model_dump_json(), str(seeds.integer))
    weights = before.once(
        f"{D_NEW}_{settings.trunk}",
        given,
        lambda: dict(train_on_codes(codes, patients, settings, seeds, report).state_dict()),
    )
    model = Siamese(settings.trunk, settings.head, codes.shape[1])
    model.load_state_dict(weights)
    return place(model).eval()


def _discriminated(
    model: Siamese,
    patch: int,
    own: Tensor,
    training: Sequence[Pair],
    codes: Tensor,
    test: Sequence[Pair],
    seeds: Seeds,
) -> dict[str, AdversaryScores]:
    """The discriminator by whole codes and by single patches. The latter has no embeddings: a patch names no image."""
    mine, theirs = (embedded(model, images, patch) for images in (own, codes))
    whole = AdversaryScores(
        pair_scores(model, mine, training),
        pair_scores(model, theirs, test),
        embeddings=theirs.flatten(1).double().numpy(),
    )
    single = AdversaryScores(
        patch_scores(model, mine, training, seeds.child("training")),
        patch_scores(model, theirs, test, seeds.child("test")),
    )
    return {D_ADV: whole, D_ADV_PATCH: single}


def _judged(
    model: Siamese, patch: int | None, own: Tensor, training: Sequence[Pair], codes: Tensor, test: Sequence[Pair]
) -> AdversaryScores:
    mine, theirs = (embedded(model, images, patch) for images in (own, codes))
    return AdversaryScores(
        pair_scores(model, mine, training),
        pair_scores(model, theirs, test),
        embeddings=theirs.flatten(1).double().numpy(),
    )


def _calibrated(scored: AdversaryScores, whose: Sequence[tuple[str, str]], apart: set[str]) -> AdversaryScores:
    """The same, with the threshold that is best on training pairs of patients kept `apart`; as it is where one kind lacks."""
    chosen = [i for i, pair in enumerate(whose) if apart.issuperset(pair)]
    if len({whose[i][0] == whose[i][1] for i in chosen}) < 2:
        return scored
    return replace(scored, threshold=best_threshold(scored.training[chosen], [whose[i] for i in chosen]))


def _together(several: Sequence[AdversaryScores]) -> AdversaryScores:
    """The mean of several adversaries, each in units of its spread over training pairs; their embeddings side by side."""
    units = [scored.training.std() + 1e-12 for scored in several]
    training, test = (
        np.mean([getattr(scored, pairs) / unit for scored, unit in zip(several, units, strict=True)], axis=0)
        for pairs in ("training", "test")
    )
    embeddings = [scored.embeddings / (scored.embeddings.std() + 1e-12) for scored in several]
    return AdversaryScores(training, test, embeddings=np.concatenate(embeddings, axis=1))
