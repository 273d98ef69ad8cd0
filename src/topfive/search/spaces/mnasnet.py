"""The factorised hierarchical space of Tan et al. 2018, arXiv:1807.11626, sec. 4.1: seven blocks like MobileNetV2's,
each with an operation, a kernel, squeeze and excitation, a way around, channels and depth of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace

from topfive.models.mnasnet import OPERATIONS, SKIPS, Block, Network
from topfive.nn.rounding import divisible
from topfive.search.space import Choices, Decision, SearchSpace

KERNELS = (3, 5)
SQUEEZED = (False, True)  # to a quarter, or not at all
WIDTHS = (0.75, 1.0, 1.25)  # of the channels of the reference
DEPTHS = (-1, 0, 1)  # more layers than the reference, of which one is left at least


@dataclass(frozen=True)
class Reference:
    """Channels, depth and stride of each block that the search varies, and what stands around them."""

    stem_channels: int
    stem_stride: int
    last_channels: int
    blocks: tuple[tuple[int, int, int], ...]

    def decisions(self) -> Iterator[Decision]:
        for number in range(1, len(self.blocks) + 1):
            yield Decision(f"block {number} operation", tuple(OPERATIONS))
            yield Decision(f"block {number} kernel", tuple(map(str, KERNELS)))
            yield Decision(f"block {number} squeeze and excitation", ("0", "0.25"))
            yield Decision(f"block {number} skip", tuple(SKIPS))
            yield Decision(f"block {number} width", tuple(map(str, WIDTHS)))
            yield Decision(f"block {number} depth", tuple(f"{more:+d}" for more in DEPTHS))

    def network(self, choices: Choices, side: int, channels: int) -> Network:
        blocks: list[Block] = []
        before = self.stem_channels
        for number, (width, depth, stride) in enumerate(self.blocks):
            operation, kernel, squeezed, skip, factor, more = choices[6 * number : 6 * number + 6]
            block = Block(
                operation=list(OPERATIONS)[operation],
                kernel=KERNELS[kernel],
                squeezed=SQUEEZED[squeezed],
                skip=list(SKIPS)[skip],
                channels=divisible(WIDTHS[factor] * width),
                depth=max(1, depth + DEPTHS[more]),
                stride=stride,
            )
            blocks.append(plain(block, before))
            before = block.channels
        return Network(side, channels, self.stem_channels, self.stem_stride, self.last_channels, tuple(blocks))


def plain(block: Block, in_channels: int) -> Block:
    """The same block, with the identity for a way around that no layer of it can take."""
    if block.depth > 1 or block.skip == "identity":
        return block
    pooled = block.skip == "pool" and block.channels == in_channels
    bare = block.skip == "bare" and block.channels == in_channels and block.stride == 1
    return block if pooled or bare else replace(block, skip="identity")


# Depths, channels and strides are MobileNetV2's (Sandler et al. 2018, arXiv:1801.04381, table 2).  The paper's own A1
# and B1 have a block each that no factor of the text reaches: 112 channels where 1.25 times 96 are 120, and 192 where
# 1.25 times 160 are 200.
MOBILENET_V2 = Reference(
    stem_channels=32,
    stem_stride=2,
    last_channels=1280,
    blocks=((16, 1, 1), (24, 2, 2), (32, 3, 2), (64, 4, 2), (96, 3, 1), (160, 3, 2), (320, 1, 1)),
)
# Halves the image twice, at the second and the third block.
SMALL = Reference(
    stem_channels=8, stem_stride=1, last_channels=64, blocks=((8, 1, 1), (16, 2, 2), (24, 2, 2), (32, 1, 1))
)


def mnasnet(name: str, reference: Reference, side: int, channels: int) -> SearchSpace:
    """Complete at its last decision alone."""
    decisions = tuple(reference.decisions())
    return SearchSpace(
        name=name,
        decisions=decisions,
        model=lambda choices: reference.network(choices, side, channels).name,
        structure=lambda choices: reference.network(choices, side, channels).name,
        levels=(len(decisions),),
        settings={**asdict(reference), "side": side, "channels": channels},
    )
