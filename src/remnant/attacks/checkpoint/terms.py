"""The terms of Lee 2025's first stage, each a function with its equation, and how they are added up.

A term is one number for a batch whose statistics are pooled, or one for each image, (n,), where `Moments` are of each image
alone: stage 1 needs the former, the ranking of stage 2 the latter. Sums over layers are of means over channels, so that a wide
layer weighs as much as a narrow one.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from remnant.attacks.checkpoint.probes import Moments
from remnant.base.config import Settings

# Keeps the logarithm of an attention of 0 finite.
EPSILON = 1e-8


class TermWeights(Settings):
    """The weight of each term; those that a target has no layer for do not count.

    As the author ran it: 1 for all, 1e-5 for total variation.
    """

    batch_norm: float = 1.0
    late_features: float = 1.0
    logits: float = 1.0
    layer_norm: float = 1.0
    class_token: float = 1.0
    attention_entropy: float = 1.0
    head_similarity: float = 1.0
    total_variation: float = 1e-5

    def total(self, terms: Mapping[str, Tensor]) -> Tensor:
        """The weighted sum of `terms` by name."""
        return torch.stack([getattr(self, name) * value for name, value in terms.items()]).sum(0)


def moments_term(found: Sequence[Moments], wanted: Sequence[Moments]) -> Tensor:
    """sum_l mean_c [(m_lc - M_lc)^2 + (v_lc - V_lc)^2], a number or (n,).

    m and v are mean and variance of what enters layer l with the images; M and V what they were in training: for BatchNorm
    the running statistics (Lee 2025, stage 1, term 1; Yin et al. 2020, section 3.2, with squared differences), for LayerNorm 0
    and 1.
    """
    return torch.stack(
        [
            ((here.mean - there.mean).square() + (here.variance - there.variance).square()).mean(-1)
            for here, there in zip(found, wanted, strict=True)
        ]
    ).sum(0)


def standardised_moments_term(found: Sequence[Moments], wanted: Sequence[Moments], epsilons: Sequence[float]) -> Tensor:
    """sum_l mean_c [(m_lc - M_lc)^2 / (V_lc + eps_l) + ((v_lc - V_lc) / (V_lc + eps_l))^2], a number or (n,).

    `moments_term` in units of what the channel varies, as the layer itself sees it (eps is BatchNorm's own), so that a channel of
    small numbers says as much as one of large ones.
    """
    layers = []
    for here, there, epsilon in zip(found, wanted, epsilons, strict=True):
        unit = there.variance + epsilon
        means, variances = (here.mean - there.mean).square() / unit, ((here.variance - there.variance) / unit).square()
        layers.append((means + variances).mean(-1))
    return torch.stack(layers).sum(0)


def late_features_term(found: Moments) -> Tensor:
    """mean_c [(v_c - 1)^2 + exp(-m_c^2)], a number or (n,): "unit variance and non-zero mean" of a late layer's channels.

    The paper gives no formula. The second summand is 1 at a mean of 0 and falls towards 0 away from it, so that no mean is
    pushed without end.
    """
    return ((found.variance - 1).square() + torch.exp(-found.mean.square())).mean(-1)


def logits_term(logits: Tensor, classes: Tensor) -> Tensor:
    """Cross-entropy in nats, (n,), of raw `logits` (n, 1) or (n, classes) with the wanted `classes` (n,).

    One logit speaks of classes 0 and 1 through a sigmoid, which is applied here and only here.
    """
    logits = logits.float()
    if logits.shape[1] == 1:
        return functional.binary_cross_entropy_with_logits(logits[:, 0], classes.to(logits.dtype), reduction="none")
    return functional.cross_entropy(logits, classes, reduction="none")


def likeliest_class_term(logits: Tensor) -> Tensor:
    """`logits_term`, (n,), for the class that the target itself finds likeliest."""
    both = torch.cat([torch.zeros_like(logits), logits], 1) if logits.shape[1] == 1 else logits
    return logits_term(logits, both.argmax(1))


def class_token_term(token: Tensor) -> Tensor:
    """Euclidean norm, (n,), of the class token (n, width) after the last encoder block."""
    return token.norm(dim=1)


def attention_entropy_term(attentions: Sequence[Tensor]) -> Tensor:
    """Mean over layers, heads and rows of -sum_j p_j log(p_j + eps) in nats, (n,); each of `attentions` is (n, heads, t, t)."""
    return torch.stack([-(p * (p + EPSILON).log()).sum(-1).mean((1, 2)) for p in attentions]).mean(0)


def head_similarity_term(attentions: Sequence[Tensor]) -> Tensor:
    """Mean cosine similarity, (n,), of the attention maps of two heads of one layer, over pairs of heads and layers.

    Each of `attentions` is (n, heads, t, t). A single head has nobody to be similar to: 0.
    """
    values = []
    for attention in attentions:
        heads = attention.shape[1]
        unit = functional.normalize(attention.flatten(2), dim=2)
        similarity = unit @ unit.transpose(1, 2)
        others = similarity.sum((1, 2)) - similarity.diagonal(dim1=1, dim2=2).sum(1)
        values.append(others / max(heads * (heads - 1), 1))
    return torch.stack(values).mean(0)


def total_variation_term(images: Tensor) -> Tensor:
    """sum_ij |x_i+1,j - x_ij| + |x_i,j+1 - x_ij|, (n,), of (n, 1, N, N)."""
    images = images.float()
    return images.diff(dim=2).abs().sum((1, 2, 3)) + images.diff(dim=3).abs().sum((1, 2, 3))
