"""The Vision Transformer (Dosovitskiy et al. 2021) under torchvision's names, at any size."""

import math
from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from remnant.base.errors import RemnantError

EPS = 1e-6


class SelfAttention(nn.MultiheadAttention):
    """Every head's softmax(Q K^T / sqrt(d)) V (Vaswani et al. 2017, equation 1), joined and projected.

    On a CPU the attention itself is computed in float32, also where the projections around it run in bfloat16: its small
    products there take twice as long, for the copies, and the way back through the fused kernel six times.

    The module `attention` stands for the weights (n, heads, tokens, tokens): a forward hook on it sees them. Where there is
    none, they are never written down.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.attention = nn.Identity()

    def forward(self, tokens: Tensor) -> Tensor:
        """(n, tokens, width) to the same shape."""
        projected = functional.linear(tokens, self.in_proj_weight, self.in_proj_bias)
        heads = projected.unflatten(2, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4)
        with torch.autocast("cpu", enabled=False):
            exact = torch.promote_types(heads.dtype, torch.float32) if heads.device.type == "cpu" else heads.dtype
            query, key, value = heads.to(exact)
            if self.attention._forward_hooks:
                scores = query @ key.transpose(-2, -1) * query.shape[-1] ** -0.5
                attended = self.attention(scores.softmax(-1)) @ value
            else:
                attended = functional.scaled_dot_product_attention(query, key, value)
        return self.out_proj(attended.transpose(1, 2).flatten(2))


class EncoderBlock(nn.Module):
    """Self-attention and a perceptron, each behind a LayerNorm and around a shortcut (equations 2 and 3)."""

    def __init__(self, width: int, heads: int, mlp: int, dropout: float) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(width, eps=EPS)
        self.self_attention = SelfAttention(width, heads, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.ln_2 = nn.LayerNorm(width, eps=EPS)
        self.mlp = nn.Sequential(
            nn.Linear(width, mlp), nn.GELU(), nn.Dropout(dropout), nn.Linear(mlp, width), nn.Dropout(dropout)
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """(n, tokens, width) to the same shape."""
        tokens = tokens + self.dropout(self.self_attention(self.ln_1(tokens)))
        return tokens + self.mlp(self.ln_2(tokens))


class TokenEncoder(nn.Module):
    """Learnt positions added to the tokens, then the blocks, then a LayerNorm (equations 1 and 4)."""

    def __init__(self, tokens: int, blocks: int, width: int, heads: int, mlp: int, dropout: float) -> None:
        super().__init__()
        self.pos_embedding = nn.Parameter(torch.empty(1, tokens, width).normal_(std=0.02))
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.Sequential(
            OrderedDict((f"encoder_layer_{i}", EncoderBlock(width, heads, mlp, dropout)) for i in range(blocks))
        )
        self.ln = nn.LayerNorm(width, eps=EPS)

    def forward(self, tokens: Tensor) -> Tensor:
        """(n, tokens, width) to the same shape."""
        return self.ln(self.layers(self.dropout(tokens + self.pos_embedding)))


class ViT(nn.Module):
    """Square patches as tokens, a class token before them, and a linear head on it.

    `image_size` and `patch` in pixels, `width` of a token, `mlp` units of a block's perceptron. `dropout` acts where
    torchvision's argument of that name does: behind the positions, the attention and both layers of the perceptron.
    Raises `RemnantError` when `patch` does not divide `image_size`, or `heads` not `width`.
    """

    def __init__(
        self,
        image_size: int,
        patch: int,
        blocks: int,
        width: int,
        heads: int,
        mlp: int,
        channels: int = 3,
        classes: int = 1,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        for larger, part in ((("image_size", image_size), ("patch", patch)), (("width", width), ("heads", heads))):
            if part[1] < 1 or larger[1] < 1 or larger[1] % part[1]:
                raise RemnantError(
                    f"A ViT's {larger[0]} must be a multiple of its {part[0]}. Got {larger[1]} and {part[1]} instead."
                )
        self.image_size = image_size
        self.class_token = nn.Parameter(torch.zeros(1, 1, width))
        self.conv_proj = nn.Conv2d(channels, width, patch, stride=patch)
        self.encoder = TokenEncoder((image_size // patch) ** 2 + 1, blocks, width, heads, mlp, dropout)
        self.heads = nn.Sequential(OrderedDict(head=nn.Linear(width, classes)))
        self._initialise()

    def _initialise(self) -> None:
        """Xavier's weights throughout; torch has given them to `in_proj_weight` already."""
        for block in self.encoder.layers:
            for layer in (block.mlp[0], block.mlp[3], block.self_attention.out_proj):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)
        fan_in = self.conv_proj.weight[0].numel()
        nn.init.trunc_normal_(self.conv_proj.weight, std=math.sqrt(1 / fan_in))
        nn.init.zeros_(self.conv_proj.bias)
        # Not zero, as torchvision's head: an untrained target, a control of the audit, would pass no gradient.
        nn.init.trunc_normal_(self.heads.head.weight, std=0.02)
        nn.init.zeros_(self.heads.head.bias)

    def forward(self, image: Tensor) -> Tensor:
        """(n, channels, image_size, image_size) to logits (n, classes).

        Raises `RemnantError` when the image has another size, since the positions belong to one.
        """
        if image.shape[-2:] != (self.image_size, self.image_size):
            raise RemnantError(
                f"This ViT takes images of {self.image_size} x {self.image_size} pixels. Got "
                f"{image.shape[-2]} x {image.shape[-1]} instead; resize them."
            )
        patches = self.conv_proj(image).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.class_token.expand(len(image), -1, -1), patches], dim=1)
        return self.heads(self.encoder(tokens)[:, 0])
