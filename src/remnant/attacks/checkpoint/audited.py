"""The attacks on a checkpoint (`methods.METHODS`) as an audit runs them, each with what its candidates are held against."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from torch import Tensor

from remnant.attacks.attack import Attack, Candidates, Work, classifies_or_segments
from remnant.attacks.checkpoint.costs import seconds_of
from remnant.attacks.checkpoint.methods import METHODS, AttackUnderWay, ListedSettings, MethodSettings
from remnant.attacks.checkpoint.probes import batch_norms
from remnant.attacks.checkpoint.terms import TermWeights
from remnant.attacks.checkpoint.under_way import asks_nothing, under_way
from remnant.cohort.images import Images
from remnant.targets.audited import Audited
from remnant.targets.description import Description
from remnant.targets.inputs import InputRange
from remnant.targets.seen import SeenWeights

FOR = "it is for classifiers of square 2D images"
NO_STATISTICS = "the network stores no statistics of BatchNorm, which guide it"
# A search pixel by pixel that listens to the classes alone, of what the model's parameters ask.
BY_CLASS = TermWeights(
    batch_norm=0, late_features=0, layer_norm=0, class_token=0, attention_entropy=0, head_similarity=0
)


def _of(method: str, attack: AttackUnderWay) -> Tensor:
    return METHODS[method].draw(attack, METHODS[method].tune(attack)).images


def _by_class(attack: AttackUnderWay) -> Tensor:
    pixels = attack.settings.pixels.changed(weights=BY_CLASS)
    return _of("pixels", replace(attack, settings=attack.settings.changed(pixels=pixels)))


# Controls by name. What never saw the model comes first; what uses its classes alone tells whether it takes more to come as near.
CONTROLS: dict[str, Callable[[AttackUnderWay], Tensor]] = {
    "prior": partial(_of, "prior"),
    "gmi": partial(_of, "gmi"),
    "pixels by class": _by_class,
}


@dataclass(frozen=True)
class Drawing:
    """What an attack of the list does by one of `METHODS`, held against the controls of these names."""

    method: str
    controls: tuple[str, ...]

    def run(self, access: SeenWeights, own: Images | None, settings: MethodSettings, work: Work) -> list[Candidates]:
        """One claim: what the method draws with the prior of `work`, and beside it what the controls draw."""
        attack, method = under_way(access, settings, work), METHODS[self.method]
        tuned = method.tune(attack)
        for one in tuned:
            work.tuned(one.progression, one.levelled_off)
        drawn = method.draw(attack, tuned).images
        # What controls tell of their steps is no matter of the attack.
        quiet = replace(attack, report=lambda part, step, loss, terms: None)
        beside = {name: work.controls.get(name) for name in self.controls}
        beside = {name: CONTROLS[name](quiet) if known is None else known for name, known in beside.items()}
        return [Candidates(method.words, drawn, beside)]

    def cost(self, access: SeenWeights, own: Images | None, settings: MethodSettings, work: Work) -> float:
        """Seconds of all that `run` draws, at the most."""
        attack = under_way(access, settings, work)
        beside = {name: CONTROLS[name] for name in self.controls if name not in work.controls}
        parts = {self.method: partial(_of, self.method), **beside}

        def made(name: str, short: MethodSettings) -> Tensor:
            return parts[name](replace(attack, settings=short))

        return sum(seconds_of(name, attack.settings, partial(made, name), attack.classifier.classes) for name in parts)

    def applies(self, target: Audited, candidates: Images, own: Images | None) -> str:
        """As `Attack.applies`."""
        shapes = {tuple(image.shape) for image in candidates.images}
        shape = next(iter(shapes))
        if target.head.task != "classification" or len(shapes) > 1 or len(shape) != 3 or shape[1] != shape[2]:
            return FOR
        if target.forward is not target.module:
            return "several networks answer, or one through a window"
        if METHODS[self.method].batch_norm and not batch_norms(target.module):
            return NO_STATISTICS
        if not METHODS[self.method].layers:
            return ""
        return asks_nothing(target, InputRange(shape[1], shape[0]))

    def suits(self, described: Description) -> str:
        """As `Attack.suits`."""
        if why := classifies_or_segments(described):
            return why
        if described.task not in (None, "classifier") or described.dimensions not in (None, 2):
            return FOR
        if METHODS[self.method].batch_norm and not described.statistics.layers:
            return "statistics of BatchNorm, which guide it, are not in the file"
        attends = any("in_proj_weight" in layer.shapes for layer in described.layers)
        if METHODS[self.method].layers and not described.statistics.layers and not attends:
            return (
                "neither statistics of BatchNorm nor PyTorch's self-attention, one of which guides it, is in the file"
            )
        return ""


def as_attack(method: str, words: str, source: str, *, controls: tuple[str, ...]) -> Attack:
    """The method as an attack of the list."""
    drawing = Drawing(method, controls)
    return Attack(
        method,
        words,
        access="weights",
        claim="candidates",
        run=drawing.run,
        source=source,
        applies=drawing.applies,
        settings=ListedSettings,
        cost=drawing.cost,
        needs="a prior, which `remnant prior train` makes of public images",
        suits=drawing.suits,
    )


GMI = as_attack(
    "gmi",
    "images of each class, searched among those of a generator that never saw the model",
    "Zhang et al. 2020, arXiv 1911.07135",
    controls=("prior",),
)
PIXELS = as_attack(
    "pixels",
    "images that are optimised pixel by pixel to what the model's weights ask of them, held against a generator's",
    "Yin et al. 2020, arXiv 1912.08795",
    controls=("prior", "pixels by class"),
)
JOINT = as_attack(
    "joint", METHODS["joint"].words, "after Lee et al. 2025, pooled statistics", controls=("prior", "gmi")
)
PUBLISHED = as_attack(
    "published",
    "images of a generator that is fine-tuned to what the model's weights ask of images",
    "Lee et al. 2025, stage 1",
    controls=("prior", "gmi"),
)
PER_CLASS = as_attack(
    "per_class",
    "images of a generator for each class, fine-tuned to what the model's weights ask of images",
    "after Lee et al. 2025, a generator a class",
    controls=("prior", "gmi"),
)
# No attack of the list: the rate is so low that the published one sees more.
AUTHOR = as_attack(
    "author",
    "images of a generator that is fine-tuned with the rate and steps of the author's code",
    "Lee et al. 2025, the author's code",
    controls=("prior", "gmi"),
)
LISTED = (GMI, PIXELS, JOINT, PUBLISHED, PER_CLASS)
