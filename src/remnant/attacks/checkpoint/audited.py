"""The attacks on a checkpoint (`methods.METHODS`) as an audit runs them, each with what its candidates are held against."""

from functools import partial

import torch

from remnant.attacks.attack import Attack, Candidates, Work, classifies_or_segments
from remnant.attacks.checkpoint import methods
from remnant.attacks.checkpoint.joint import JointSettings
from remnant.attacks.checkpoint.latent_search import GmiSettings
from remnant.attacks.checkpoint.methods import METHODS, AttackSettings, Own
from remnant.attacks.checkpoint.probes import batch_norms
from remnant.cohort.images import Images
from remnant.engine.cost import timed
from remnant.targets.access import weights_of
from remnant.targets.audited import Audited
from remnant.targets.description import Description
from remnant.targets.seen import SeenWeights

# What never saw the model, and what uses its classes alone: a gain beyond the first is not yet one beyond the second.
CONTROLS = {"prior": "the untuned prior", "gmi": "a search for images of each class"}
FOR = "it is for classifiers of square 2D images"


class ListedSettings(AttackSettings):
    """Those of an audit: as many images and steps as two cores make in minutes at 64 pixels."""

    gmi: GmiSettings = GmiSettings(images=100)
    joint: JointSettings = JointSettings(sets=(8, 16), steps=250)


def draw(
    method: str, access: SeenWeights, own: Images | None, settings: AttackSettings, work: Work
) -> list[Candidates]:
    """One claim: what the method draws with the prior of `work`, and beside it what the controls draw."""
    prior = work.prior
    assert prior
    under_way = methods.Attack(
        Own(prior.generator, prior.discriminator),
        weights_of(access.target.module),
        prior.input_range,
        settings,
        work.seeds,
        lambda part, step, loss, terms: None,
    )

    def drawn(name: str) -> torch.Tensor:
        return METHODS[name].draw(under_way, METHODS[name].tune(under_way)).images

    return [Candidates(METHODS[method].words, drawn(method), {name: drawn(name) for name in CONTROLS})]


def _applies(method: str, target: Audited, candidates: Images, own: Images | None) -> str:
    shapes = {tuple(image.shape) for image in candidates.images}
    shape = next(iter(shapes))
    if target.head.task != "classification" or len(shapes) > 1 or len(shape) != 3 or shape[1] != shape[2]:
        return FOR
    if target.forward is not target.module:
        return "several networks answer, or one through a window"
    if METHODS[method].batch_norm and not batch_norms(target.module):
        return "the network stores no statistics of BatchNorm, which guide it"
    return ""


def _suits(method: str, described: Description) -> str:
    if why := classifies_or_segments(described):
        return why
    if described.task not in (None, "classifier") or described.dimensions not in (None, 2):
        return FOR
    if METHODS[method].batch_norm and not described.statistics.layers:
        return "statistics of BatchNorm, which guide it, are not in the file"
    return ""


def _cost(method: str, access: SeenWeights, own: Images | None, settings: AttackSettings, work: Work) -> float:
    """Two images are searched for one step, by the method and by GMI, and as often as all images and steps are."""
    joint, search = settings.joint, settings.gmi
    short = settings.changed(
        candidates=2, joint=joint.changed(sets=(2,), steps=1), gmi=search.changed(images=2, steps=1)
    )
    once = timed(lambda: draw(method, access, own, short, work), times=1)
    return once * max(joint.images * joint.steps, search.images * search.steps) / 2


def listed(method: str, source: str) -> Attack:
    """The method as an attack of the list."""
    return Attack(
        method,
        METHODS[method].words,
        access="weights",
        claim="candidates",
        run=partial(draw, method),
        source=source,
        applies=partial(_applies, method),
        settings=ListedSettings,
        cost=partial(_cost, method),
        needs="a prior, which `remnant prior train` makes of public images",
        suits=partial(_suits, method),
    )


JOINT = listed("joint", "after Lee et al. 2025, pooled statistics")
