"""Vision Transformer: an image as a sentence of patches.  Dosovitskiy et al. 2020, arXiv:2010.11929.

Images are [N, C, H, W], tokens [N, T, D].  Sec. 3.1: each patch of 16 x 16 pixels becomes a token by one linear map; a
learned class token goes before them and learned positions are added; blocks of attention and of a perceptron follow,
each normalised before and added to what came in; the class token is the embedding.  At another size than 224 the
positions are interpolated (sec. 3.2).
"""

from __future__ import annotations

from collections import OrderedDict
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from topfive.nn.classifier import Classifier
from topfive.nn.stochastic_depth import StochasticDepth, set_drop_path
from topfive.preprocess import Preprocess
from topfive.spec import Facts, ModelSpec, Paper, Reported

PAPER = Paper(
    title="An Image is Worth 16x16 Words: Transformers for Image Recognition at Scale",
    authors="Dosovitskiy, Beyer, Kolesnikov, Weissenborn, Zhai, Unterthiner, Dehghani, Minderer, Heigold, Gelly, "
    "Uszkoreit, Houlsby",
    year=2020,
    month=10,
    arxiv="2010.11929",
)

layer_norm = partial(nn.LayerNorm, eps=1e-6)


class Attention(nn.Module):
    """Every token asks all tokens, in `heads` ways side by side, eq. 5 to 8."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.project = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        images, tokens, width = x.shape
        parts = self.qkv(x).reshape(images, tokens, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)  # each [N, heads, T, D / heads]
        mixed = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).reshape(images, tokens, width)
        return cast(Tensor, self.project(mixed))


class Block(nn.Module):
    """x + attention, then x + perceptron, eq. 2 and 3; `share` is that of stochastic depth."""

    def __init__(self, width: int, heads: int, dropout: float, share: float):
        super().__init__()
        self.attention_norm = layer_norm(width)
        self.attention = Attention(width, heads)
        self.mlp_norm = layer_norm(width)
        self.mlp = nn.Sequential(
            OrderedDict(
                expand=nn.Linear(width, 4 * width),
                activation=nn.GELU(),
                dropout=nn.Dropout(dropout),
                project=nn.Linear(4 * width, width),
            )
        )
        self.dropout = nn.Dropout(dropout)
        self.drop = StochasticDepth(share=share)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.drop(self.dropout(self.attention(self.attention_norm(x))))
        return x + cast(Tensor, self.drop(self.dropout(self.mlp(self.mlp_norm(x)))))


class VisionTransformer(Classifier):
    """`grid` is the number of patches on a side for which positions are learned.

    Block i of n is dropped at `drop_rate` * i / (n - 1).
    """

    def __init__(
        self,
        width: int,
        depth: int,
        heads: int,
        *,
        num_classes: int,
        in_channels: int,
        patch: int = 16,
        grid: int = 14,
        dropout: float = 0.0,
        drop_rate: float = 0.0,
    ):
        super().__init__(num_classes, in_channels)
        self.patches = nn.Conv2d(in_channels, width, patch, patch)
        self.class_token = nn.Parameter(torch.zeros(1, 1, width))
        self.positions = nn.Parameter(torch.empty(1, 1 + grid**2, width))
        self.grid = grid
        self.spread = nn.Dropout(dropout)
        shares = [index / max(1, depth - 1) for index in range(depth)]
        self.blocks = nn.Sequential(*(Block(width, heads, dropout, share) for share in shares))
        set_drop_path(self, drop_rate)
        self.last = layer_norm(width)
        self.head = nn.Linear(width, num_classes)
        nn.init.normal_(self.positions, std=0.02)
        self.apply(self.initialise)

    def positions_at(self, height: int, width: int) -> Tensor:
        """The learned positions, [1, 1 + height * width, D]; the class token's own stays as it is."""
        if (height, width) == (self.grid, self.grid):
            return self.positions
        learned = self.positions[:, 1:].transpose(1, 2).reshape(1, -1, self.grid, self.grid)
        fitted = F.interpolate(learned, (height, width), mode="bicubic", antialias=True)
        return torch.cat([self.positions[:, :1], fitted.flatten(2).transpose(1, 2)], 1)

    def tokens(self, images: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """All tokens after the last block [N, 1 + h * w, D], the class token first, and (h, w)."""
        patches = self.patches(images)
        height, width = patches.shape[-2:]
        sentence = torch.cat([self.class_token.expand(images.shape[0], -1, -1), patches.flatten(2).transpose(1, 2)], 1)
        x = self.spread(sentence + self.positions_at(height, width))
        return self.last(self.blocks(x)), (height, width)

    def features(self, images: Tensor) -> Tensor:
        tokens, (height, width) = self.tokens(images)
        return tokens[:, 1:].transpose(1, 2).reshape(images.shape[0], -1, height, width)

    def embed(self, images: Tensor) -> Tensor:
        return self.tokens(images)[0][:, 0]

    def initialise(self, module: nn.Module) -> None:
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.trunc_normal_(module.weight, std=0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


VARIANTS = (
    ModelSpec(
        name="vit_b_16",
        family="ViT",
        paper=PAPER,
        build=partial(VisionTransformer, 768, 12, 12, dropout=0.1),
        preprocess=Preprocess(),
        facts=Facts(
            86_567_656,
            17_563_828_224,
            reported=(
                Reported("top1_error", 0.221, "table 5, recalled", "ImageNet val at 384, trained on ImageNet alone"),
            ),
        ),
        fact="vit_b16",
        departs="normalises by ImageNet's mean and deviation, as torchvision does; the authors map to [-1, 1]",
    ),
)
