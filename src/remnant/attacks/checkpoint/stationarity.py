"""Images whose gradients add up to the target's weights (Haim et al. 2022), searched among those that a generator can draw."""

import pydantic
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from remnant.attacks.checkpoint.descend import StepReport, descend
from remnant.attacks.checkpoint.generate import Candidates, draw_images, draw_latents, frozen
from remnant.attacks.checkpoint.goals import Goals
from remnant.attacks.checkpoint.manifold import wanted_classes
from remnant.base.config import Settings
from remnant.base.errors import RemnantError
from remnant.base.seeds import Seeds

# softplus(ONE) = 1
ONE = 0.5413248546


class StationaritySettings(Settings):
    """`images` are searched together, by `steps` of Adam at `learning_rate` on their latents and strengths.

    Only the weights of the target's last `layers` linear or convolutional layers are explained; 1 is the head alone.
    `prior` weighs half the mean square of a latent's numbers.
    """

    images: int = pydantic.Field(default=64, ge=2)
    steps: int = pydantic.Field(default=1000, ge=1)
    learning_rate: float = pydantic.Field(default=0.02, gt=0)
    layers: int = pydantic.Field(default=1, ge=1)
    prior: float = pydantic.Field(default=0.01, ge=0)


class WeighedLatents(nn.Module):
    """Latents (n, latent) and the strength (n,) with which the image of each is in the weights, never negative."""

    def __init__(self, starts: Tensor) -> None:
        super().__init__()
        self.latents = nn.Parameter(starts.clone())
        self.raw = nn.Parameter(torch.full((len(starts),), ONE))

    def forward(self) -> tuple[Tensor, Tensor]:
        return self.latents, functional.softplus(self.raw)


class Stationarity:
    """How well images explain the weights of the target's last layers.

    Gradient descent on a logistic loss ends where, up to scale, theta = sum_i lambda_i grad_theta margin(x_i) with
    lambda_i >= 0 (Haim et al. 2022, theorem 3.1; with weight decay a training that has converged is exactly there, lambda_i
    being the loss's slope at x_i over the decay). margin(x) is y f(x) for one logit f and y in {-1, 1}, else logit_c minus
    the log of the summed exponentials of the others. BatchNorm is taken as it is at inference.
    """

    def __init__(self, goals: Goals, layers: int) -> None:
        """Raises `RemnantError` when the target has fewer such layers."""
        named = [(name, m) for name, m in goals.target.named_modules() if isinstance(m, nn.Linear | nn.Conv2d)]
        if layers > len(named):
            raise RemnantError(
                f"The target has {len(named)} linear and convolutional layers. Got layers {layers} instead."
            )
        self.goals = goals
        self.weights = {
            f"{name}.{key}": weights.detach().clone().requires_grad_(True)
            for name, module in named[-layers:]
            for key, weights in module.named_parameters(recurse=False)
        }
        self.size = sum(weights.detach().square().sum() for weights in self.weights.values())

    def gradients(self, images: Tensor, classes: Tensor, strengths: Tensor) -> list[Tensor]:
        """sum_i lambda_i grad_theta margin(x_i), one tensor for each of `weights`, differentiable in images and strengths.

        `images` (n, 1, N, N), `classes` (n,), `strengths` lambda (n,).
        """
        # Fused attention cannot be differentiated twice.
        with sdpa_kernel(SDPBackend.MATH):
            logits = functional_call(self.goals.target, self.weights, (self.goals.input_range(images),)).float()
            total = (strengths * margins(logits, classes)).sum()
            return list(torch.autograd.grad(total, list(self.weights.values()), create_graph=True))

    def residual(self, images: Tensor, classes: Tensor, strengths: Tensor) -> Tensor:
        """||theta - sum_i lambda_i grad_theta margin(x_i)||^2 / ||theta||^2, a scalar: 0 where the weights are explained."""
        sums = self.gradients(images, classes, strengths)
        pairs = zip(self.weights.values(), sums, strict=True)
        return sum((weights.detach() - total).square().sum() for weights, total in pairs) / self.size


def margins(logits: Tensor, classes: Tensor) -> Tensor:
    """Margin (n,) of each image's class, from raw logits (n, 1) or (n, classes) and `classes` (n,)."""
    if logits.shape[1] == 1:
        return logits[:, 0] * (2 * classes - 1)
    own = functional.one_hot(classes, logits.shape[1]).bool()
    return logits[own] - logits.masked_fill(own, -torch.inf).logsumexp(1)


def explain_weights(
    generator: nn.Module, goals: Goals, settings: StationaritySettings, seeds: Seeds, report: StepReport
) -> Candidates:
    """Images of a generator whose gradients add up to the target's last weights, half of each class.

    A candidate's score is minus its strength: what is not in the weights scores 0. Meant for classifiers trained until
    nothing moved, as overfit ones are. Raises `RemnantError` as `Stationarity` does.
    """
    stationarity = Stationarity(goals, settings.layers)
    generator = frozen(generator)
    classes = wanted_classes(settings.images, goals.classes).to(goals.device)
    starts = draw_latents(generator, settings.images, seeds.torch())
    scale = _fitting_scale(stationarity, generator, starts, classes)

    def terms(model: nn.Module, drawn: None) -> tuple[Tensor, dict[str, Tensor]]:
        latents, strengths = model()
        residual = stationarity.residual(generator(latents), classes, scale * strengths)
        values = {"residual": residual, "latent prior": 0.5 * latents.square().mean()}
        return residual + settings.prior * values["latent prior"], values

    found = descend(WeighedLatents(starts), lambda step: None, terms, settings.steps, settings.learning_rate, report)
    latents, strengths = (values.detach() for values in found())
    return Candidates(draw_images(generator, latents), -(scale * strengths).cpu())


def _fitting_scale(stationarity: Stationarity, generator: nn.Module, starts: Tensor, classes: Tensor) -> Tensor:
    """The one strength for all at which the sum of gradients is as long as the weights are."""
    sums = stationarity.gradients(generator(starts), classes, torch.ones(len(starts), device=starts.device))
    return (stationarity.size / sum(total.square().sum() for total in sums).clamp(min=1e-12)).sqrt().detach()
