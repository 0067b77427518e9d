"""The attacks on a checkpoint (`methods.METHODS`) as an audit runs them, each with what its candidates are held against."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from torch import Tensor, nn

from remnant.attacks.attack import Attack, Candidates, Work, classifies_or_segments
from remnant.attacks.checkpoint import methods
from remnant.attacks.checkpoint.costs import seconds_of
from remnant.attacks.checkpoint.generate import draw_images, draw_latents
from remnant.attacks.checkpoint.goals import Goals, GoalSettings
from remnant.attacks.checkpoint.joint import JointSettings
from remnant.attacks.checkpoint.latent_search import GmiSettings
from remnant.attacks.checkpoint.likely import LikelyScores, Ranking, rank, score
from remnant.attacks.checkpoint.manifold import ManifoldSettings
from remnant.attacks.checkpoint.methods import METHODS, MethodSettings, Own
from remnant.attacks.checkpoint.pixels import PixelSettings
from remnant.attacks.checkpoint.probes import attentions, batch_norms
from remnant.attacks.checkpoint.terms import TermWeights
from remnant.base.config import Settings
from remnant.base.errors import RemnantError
from remnant.base.texts import short
from remnant.cohort.images import Images
from remnant.engine.loop import Plateau
from remnant.targets.access import weights_of
from remnant.targets.audited import Audited, lacks_memory
from remnant.targets.description import Description
from remnant.targets.head import OutputHead
from remnant.targets.inputs import InputRange
from remnant.targets.seen import SeenWeights

FOR = "it is for classifiers of square 2D images"
NO_STATISTICS = "the network stores no statistics of BatchNorm, which guide it"
ASKS_NOTHING = "the network has neither statistics of BatchNorm nor PyTorch's self-attention, one of which guides it"
# A search pixel by pixel that listens to the classes alone, of what the model's parameters ask.
BY_CLASS = TermWeights(
    batch_norm=0, late_features=0, layer_norm=0, class_token=0, attention_entropy=0, head_similarity=0
)


class ListedSettings(MethodSettings):
    """Those of an audit: as many images and steps as two cores make in minutes at 64 pixels.

    Stage 1 as the study of checkpoints chose it on other people, and with as many steps as the author took at the most.
    """

    manifold: ManifoldSettings = ManifoldSettings(
        learning_rate=1e-3, warm_up=200, cool_down=0.25, plateau=Plateau(window=100, span=300)
    )
    pixels: PixelSettings = PixelSettings(steps=250)
    gmi: GmiSettings = GmiSettings(images=100)
    joint: JointSettings = JointSettings(sets=(8, 16), steps=250)


class _Logits(nn.Module):
    """A network that answers with logits (n, outputs), whatever it returned before."""

    def __init__(self, network: nn.Module, head: OutputHead) -> None:
        super().__init__()
        self.network, self.head = network, head

    def forward(self, images: Tensor) -> Tensor:
        return self.head.logits(self.network(images))


def _under_way(
    access: SeenWeights, settings: MethodSettings, work: Work, people: Images | None = None
) -> methods.AttackUnderWay:
    prior = work.prior
    assert prior
    public = prior.grey(people) if people is not None and settings.likely.mahalanobis == "public" else None
    one = draw_images(prior.generator, draw_latents(prior.generator, 1, work.seeds.child("side").torch()))
    return methods.AttackUnderWay(
        Own(prior.generator, prior.discriminator, public),
        weights_of(_Logits(access.target.module, access.target.head)),
        prior.input_range,
        # By SSIM, images of one size are held against the prior's.
        settings.changed(pixels=settings.pixels.changed(side=one.shape[-1])),
        work.seeds,
        work.step,
    )


@dataclass(frozen=True)
class Ranked:
    """The `scores` of what an attack drew, and the `ranking` by both of them."""

    scores: LikelyScores
    ranking: Ranking

    @property
    def by_chance(self) -> float:
        """How many would be likely, if both scores had nothing to do with each other."""
        scores, ranking = self.scores, self.ranking
        cuts = ((scores.excitation, ranking.excitation_cutoff), (scores.distance, ranking.distance_cutoff))
        shares = [float((values <= cut).mean()) for values, cut in cuts]
        return shares[0] * shares[1] * len(scores.excitation)


def ranked_of(
    access: SeenWeights, images: Tensor, settings: Settings, work: Work, own: Images | None = None
) -> Ranked | None:
    """The `images` (k, 1, N, N) that an attack drew, scored and ranked by its own settings or the list's; `own`: the attacker's
    images. None for a network whose layers do not tell."""
    assert work.prior
    if _asks_nothing(access.target, work.prior.input_range):
        return None
    told = settings if isinstance(settings, MethodSettings) else ListedSettings()
    try:
        scores = score(images, _under_way(access, told, work, own).goals, told.likely)
    except RemnantError as error:
        work.tell(str(error))
        return None
    return Ranked(scores, rank(scores, told.likely.q))


def _asks_nothing(target: Audited, input_range: InputRange) -> str:
    """Why the network's layers say nothing of images; empty where they do."""
    if not batch_norms(target.module) and not attentions(target.module):
        return ASKS_NOTHING
    try:
        Goals(weights_of(_Logits(target.module, target.head)), input_range, GoalSettings())
    # Of a stranger's network, whose layers may be called, and answer, in any way.
    except Exception as error:
        if lacks_memory(error):
            raise
        return f"what enters the network's layers cannot be read ({short(error, 80)})"
    return ""


def _of(method: str, attack: methods.AttackUnderWay) -> Tensor:
    return METHODS[method].draw(attack, METHODS[method].tune(attack)).images


def _by_class(attack: methods.AttackUnderWay) -> Tensor:
    pixels = attack.settings.pixels.changed(weights=BY_CLASS)
    return _of("pixels", replace(attack, settings=attack.settings.changed(pixels=pixels)))


# Controls by name. What never saw the model comes first; what uses its classes alone tells whether it takes more to come as near.
CONTROLS: dict[str, Callable[[methods.AttackUnderWay], Tensor]] = {
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
        attack, method = _under_way(access, settings, work), METHODS[self.method]
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
        attack = _under_way(access, settings, work)
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
        return _asks_nothing(target, InputRange(shape[1], shape[0]))

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


def listed(method: str, words: str, source: str, *, controls: tuple[str, ...]) -> Attack:
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


GMI = listed(
    "gmi",
    "images of each class, searched among those of a generator that never saw the model",
    "Zhang et al. 2020, arXiv 1911.07135",
    controls=("prior",),
)
PIXELS = listed(
    "pixels",
    "images that are optimised pixel by pixel to what the model's weights ask of them, held against a generator's",
    "Yin et al. 2020, arXiv 1912.08795",
    controls=("prior", "pixels by class"),
)
JOINT = listed("joint", METHODS["joint"].words, "after Lee et al. 2025, pooled statistics", controls=("prior", "gmi"))
PUBLISHED = listed(
    "published",
    "images of a generator that is fine-tuned to what the model's weights ask of images",
    "Lee et al. 2025, stage 1",
    controls=("prior", "gmi"),
)
PER_CLASS = listed(
    "per_class",
    "images of a generator for each class, fine-tuned to what the model's weights ask of images",
    "after Lee et al. 2025, a generator a class",
    controls=("prior", "gmi"),
)
# No attack of the list: the rate is so low that the published one sees more.
AUTHOR = listed(
    "author",
    "images of a generator that is fine-tuned with the rate and steps of the author's code",
    "Lee et al. 2025, the author's code",
    controls=("prior", "gmi"),
)
LISTED = (GMI, PIXELS, JOINT, PUBLISHED, PER_CLASS)
