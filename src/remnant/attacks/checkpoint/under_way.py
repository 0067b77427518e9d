"""An attack on a checkpoint under way in an audit: what it draws on, and whether the network's layers guide it."""

from torch import Tensor, nn

from remnant.attacks.attack import Work
from remnant.attacks.checkpoint.generate import draw_images, draw_latents
from remnant.attacks.checkpoint.goals import Goals, GoalSettings
from remnant.attacks.checkpoint.methods import AttackUnderWay, MethodSettings, Own
from remnant.attacks.checkpoint.probes import attentions, batch_norms
from remnant.base.texts import short
from remnant.cohort.images import Images
from remnant.targets.access import weights_of
from remnant.targets.audited import Audited, lacks_memory
from remnant.targets.head import OutputHead
from remnant.targets.inputs import InputRange
from remnant.targets.seen import SeenWeights

ASKS_NOTHING = "the network has neither statistics of BatchNorm nor PyTorch's self-attention, one of which guides it"


class _Logits(nn.Module):
    """A network that answers with logits (n, outputs), whatever it returned before."""

    def __init__(self, network: nn.Module, head: OutputHead) -> None:
        super().__init__()
        self.network, self.head = network, head

    def forward(self, images: Tensor) -> Tensor:
        return self.head.logits(self.network(images))


def under_way(
    access: SeenWeights, settings: MethodSettings, work: Work, people: Images | None = None
) -> AttackUnderWay:
    """An attack that begins; `people`: the attacker's images, where a score takes public ones."""
    prior = work.prior
    assert prior
    public = prior.grey(people) if people is not None and settings.likely.mahalanobis == "public" else None
    one = draw_images(prior.generator, draw_latents(prior.generator, 1, work.seeds.child("side").torch()))
    return AttackUnderWay(
        Own(prior.generator, prior.discriminator, public),
        weights_of(_Logits(access.target.module, access.target.head)),
        prior.input_range,
        # By SSIM, images of one size are held against the prior's.
        settings.changed(pixels=settings.pixels.changed(side=one.shape[-1])),
        work.seeds,
        work.step,
    )


def asks_nothing(target: Audited, input_range: InputRange) -> str:
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
