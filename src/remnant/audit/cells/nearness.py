"""How near candidates come to everybody, in each space, and what that takes."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

import numpy as np
from torch import Tensor
from torch.nn import functional

from remnant.attacks.attack import Candidates
from remnant.attacks.checkpoint.generate import draw_images, draw_latents
from remnant.attacks.prior.brought import BroughtPrior
from remnant.audit.findings.gains import SPACES, STRANGE, Similarities
from remnant.audit.materials.material import Material
from remnant.base.seeds import Seeds
from remnant.cohort.images import Images
from remnant.engine.cost import timed
from remnant.measure.neighbours import cosine_matrix
from remnant.measure.ssim import ssim_matrix
from remnant.targets.audited import Audited
from remnant.targets.seen_features import features_of

DRAWN = 2000  # candidates of an attack and its controls, about
FEW = 16  # by which it is timed how long it takes to compare them
# From images (n, 1, N, N) in [0, 1] to features (n, d).
Strange = Callable[[Tensor], Tensor]
# By space and control, how near what was drawn comes to each of the images, (k, n).
Known = Mapping[str, Mapping[str, np.ndarray]]


def compared(
    target: Audited,
    images: Images,
    claim: Candidates,
    prior: BroughtPrior,
    spaces: Iterable[str] = SPACES,
    strange: Strange | None = None,
    known: Known = MappingProxyType({}),
) -> list[Similarities]:
    """The claim held against `images` in each of `spaces`, and by the features of a network that never saw the model, where there
    is one. `known`: of which of its controls that was done before."""
    found = []
    for space in (*spaces, *([STRANGE] if strange else [])):
        before = known.get(space, {})
        sides = {"": claim.images, **{name: drawn for name, drawn in claim.controls.items() if name not in before}}
        if space == "ssim":
            matrices = _by_ssim(images, sides, prior)
        elif space == STRANGE and strange:
            own = strange(prior.grey(images)).numpy()
            matrices = {name: cosine_matrix(strange(drawn).numpy(), own) for name, drawn in sides.items()}
        else:
            matrices = _in_features(target, images, sides, prior)
        controls = {name: before[name] if name in before else matrices[name] for name in claim.controls}
        found.append(Similarities(space, images.patients, matrices[""], controls))
    return found


def _by_ssim(images: Images, sides: Mapping[str, Tensor], prior: BroughtPrior) -> dict[str, np.ndarray]:
    grey, matrices = prior.grey(images), {}
    for name, drawn in sides.items():
        same = functional.interpolate(grey, drawn.shape[-2:], mode="bilinear", antialias=True).clamp(0, 1)
        matrices[name] = ssim_matrix(drawn[:, 0].numpy(), same[:, 0].numpy())
    return matrices


def _in_features(
    target: Audited, images: Images, sides: Mapping[str, Tensor], prior: BroughtPrior
) -> dict[str, np.ndarray]:
    own = features_of(target, images).values.numpy()
    return {name: cosine_matrix(_features(target, drawn, prior), own) for name, drawn in sides.items()}


def _features(target: Audited, drawn: Tensor, prior: BroughtPrior) -> np.ndarray:
    taken = prior.input_range(drawn)
    return features_of(target, Images(tuple(taken), None, ("",) * len(taken))).values.numpy()


def comparing(material: Material) -> float:
    """About how many seconds it takes to hold the candidates of one attack, and of its controls, against everybody."""
    prior, images = material.prior, material.candidates
    assert prior
    part = images.take(range(min(FEW, len(images))))
    drawn = draw_images(prior.generator, draw_latents(prior.generator, FEW, Seeds(0).torch()))
    passing = timed(lambda: features_of(material.target, part)) / len(part)
    pairs = timed(lambda: compared(material.target, part, Candidates("", drawn, {}), prior, ["ssim"]))
    return passing * (DRAWN + len(images)) + pairs * DRAWN / FEW * len(images) / len(part)
