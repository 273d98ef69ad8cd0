"""DeiT: the small vision transformer, trained on ImageNet alone.  Touvron et al. 2020, arXiv:2012.12877.

Images are [N, C, H, W], tokens [N, T, D].  Table 1 has narrower transformers than ViT's, with 64 channels a head as
there; ViT-S/16 is its DeiT-S.  The paper trains without dropout and with stochastic depth.
"""

from __future__ import annotations

from functools import partial

from topfive.models.vit import VisionTransformer
from topfive.preprocess import Preprocess
from topfive.spec import Facts, ModelSpec, Paper, Reported

PAPER = Paper(
    title="Training data-efficient image transformers & distillation through attention",
    authors="Touvron, Cord, Douze, Massa, Sablayrolles, Jégou",
    year=2020,
    month=12,
    arxiv="2012.12877",
)

VARIANTS = (
    ModelSpec(
        name="vit_s_16",
        family="ViT",
        paper=PAPER,
        build=partial(VisionTransformer, 384, 12, 6, drop_rate=0.1),
        preprocess=Preprocess(interpolation="bicubic"),
        facts=Facts(
            22_050_664,
            4_598_882_304,
            reported=(
                Reported("top1_error", 0.201, "table 5, recalled", "ImageNet val, 1 crop"),
                Reported("top5_error", 0.05, "table 5, recalled", "ImageNet val, 1 crop"),
            ),
        ),
        fact="vit_s16",
    ),
)
