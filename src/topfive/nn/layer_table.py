"""A network as a table of its layers: output shape, parameters and multiply-accumulates of each, adding up exactly."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from topfive.nn.classifier import Classifier

Shape = tuple[int, ...]  # of one image: without the batch

CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
IDLE = (nn.Identity, nn.Dropout, nn.Flatten)  # no row of their own
UNNAMED = (*IDLE, nn.modules.batchnorm._BatchNorm)  # not worth a word beside their convolution
UNNAMED_MODULES = ("torch.nn.modules.activation",)


@dataclass(frozen=True)
class Row:
    """A layer, or neighbours of one kind: `outputs` are of the last, () where evaluation never runs it."""

    name: str
    layer: str
    outputs: tuple[Shape, ...]
    params: int
    macs: int


@dataclass(frozen=True)
class Layer:
    """A module after one image: its own counts are those that none of its `parts` has.

    `finished` is its turn to return, -1 where evaluation never calls it.
    """

    name: str
    module: nn.Module
    parts: tuple[Layer, ...]
    own_params: int
    own_macs: int
    own_outputs: tuple[Shape, ...]
    finished: int

    @property
    def params(self) -> int:
        return self.own_params + sum(part.params for part in self.parts)

    @property
    def macs(self) -> int:
        return self.own_macs + sum(part.macs for part in self.parts)

    @property
    def outputs(self) -> tuple[Shape, ...]:
        """Where the module itself is not called, as a ModuleList, those of its part that ran last."""
        if self.own_outputs or not self.parts:
            return self.own_outputs
        return max(self.parts, key=lambda part: part.last).outputs

    @property
    def last(self) -> int:
        """When it, or the last of its parts, returned; -1 where evaluation never runs it."""
        return max([self.finished, *(part.last for part in self.parts)])

    @property
    def weights(self) -> int:
        """How many convolutions, matrix products and the like are in it."""
        own = self.own_macs > 0 or isinstance(self.module, nn.Conv2d | nn.Linear)
        return own + sum(part.weights for part in self.parts)

    @property
    def opens(self) -> bool:
        """Is it a list of blocks, of which each is to be seen?"""
        return type(self.module) in CONTAINERS and self.weights > 1

    @property
    def label(self) -> str:
        """What it is: its class, for a convolution its kernel and stride, for a short list what is in it."""
        module = self.module
        if isinstance(module, nn.Conv2d):
            return _convolution(module)
        if type(module) in CONTAINERS:
            inside = [part.label for part in self.parts if not _unnamed(part)]
            return ", ".join(inside or [part.label for part in self.parts[:1]])
        return type(module).__name__


def measured(model: Classifier, input_size: int) -> Layer:
    """The tree of `model`'s layers, in the order in which they return, after one `input_size` x `input_size` image.

    A product counts where it is made: in the module called last, whatever the function.  The meta device computes none.
    """
    macs: dict[nn.Module, int] = {}
    outputs: dict[nn.Module, tuple[Shape, ...]] = {}
    order: dict[nn.Module, int] = {}
    running: list[list[int]] = []  # of each module that has not returned: operations before it, and in its parts

    def before(module: nn.Module, _: object) -> None:
        running.append([int(counter.get_total_flops()), 0])

    def after(module: nn.Module, _: object, result: object) -> None:
        start, inside = running.pop()
        operations = int(counter.get_total_flops()) - start
        if running:
            running[-1][1] += operations
        macs[module] = macs.get(module, 0) + (operations - inside) // 2
        outputs[module] = tuple(_shapes(result))
        order[module] = len(order)

    weight = next(model.parameters())
    images = torch.zeros(1, model.in_channels, input_size, input_size, device=weight.device, dtype=weight.dtype)
    handles = [
        handle
        for module in model.modules()
        for handle in (module.register_forward_pre_hook(before), module.register_forward_hook(after))
    ]
    training = model.training
    model.eval()
    try:
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            model(images)
    finally:
        model.train(training)
        for handle in handles:
            handle.remove()

    seen: set[int] = set()

    def new(thing: nn.Module | nn.Parameter) -> bool:
        """Is it met for the first time?  What two modules share counts once."""
        known = id(thing) in seen
        seen.add(id(thing))
        return not known

    def tree(name: str, module: nn.Module) -> Layer:
        own = [tensor for tensor in module.parameters(recurse=False) if new(tensor) and tensor.requires_grad]
        parts = [tree(f"{name}.{part}".lstrip("."), child) for part, child in module.named_children() if new(child)]
        return Layer(
            name=name,
            module=module,
            parts=tuple(sorted(parts, key=lambda part: (part.last < 0, part.last))),
            own_params=sum(tensor.numel() for tensor in own),
            own_macs=macs.get(module, 0),
            own_outputs=outputs.get(module, ()),
            finished=order.get(module, -1),
        )

    return tree("", model)


def stages(root: Layer) -> list[Row]:
    """The network as its paper's table has it: neighbouring blocks of one kind and resolution are a row."""
    rows = [
        _row(parent, members)
        for parent, blocks in groupby(_blocks(root), key=lambda pair: pair[0])
        for members in _alike([block for _, block in blocks])
    ]
    return [row for row in rows if row is not None] + _own(root)


def layers(root: Layer) -> list[Row]:
    """Every layer that has parameters, multiplies or changes a shape."""
    return [_single(layer) for layer in _leaves(root)] + _own(root)


def _blocks(layer: Layer) -> Iterator[tuple[Layer, Layer]]:
    """(list, block) of everything inside, lists of lists opened."""
    for part in layer.parts:
        if part.opens:
            yield from _blocks(part)
        else:
            yield layer, part


def _leaves(layer: Layer) -> Iterator[Layer]:
    for part in layer.parts:
        if part.parts:
            yield from _leaves(part)
        if part.own_params or part.own_macs or (not part.parts and "Pool" in part.label):
            yield part


def _alike(blocks: list[Layer]) -> list[list[Layer]]:
    groups: list[list[Layer]] = []
    for block in blocks:
        if groups and _continues(groups[-1], block):
            groups[-1].append(block)
        else:
            groups.append([block])
    return groups


def _continues(group: list[Layer], block: Layer) -> bool:
    leader = next((member for member in group if member.weights), group[0])
    if not block.weights:
        return block.outputs == group[-1].outputs or not block.outputs
    if block.label != leader.label:
        return False
    if block.weights == 1:
        return block.outputs == leader.outputs
    return _resolution(block) == _resolution(leader)


def _resolution(block: Layer) -> Shape:
    return block.outputs[0][1:] if block.outputs else ()


def _row(parent: Layer, members: list[Layer]) -> Row | None:
    weighted = [member for member in members if member.weights]
    kept = weighted or [member for member in members if not isinstance(member.module, IDLE)]
    params = sum(member.params for member in members)
    if not kept or (not weighted and not params and not any("Pool" in member.label for member in members)):
        return None
    if parent.name and len(members) == len(parent.parts):
        name = parent.name
    elif len(kept) == 1:
        name = kept[0].name
    else:
        name = f"{kept[0].name}-{kept[-1].name.rpartition('.')[2]}"
    count = f"{len(kept)} " if len(kept) > 1 and weighted else ""
    outputs = next((member.outputs for member in reversed(members) if member.outputs), ())
    return Row(name, count + kept[0].label, outputs, params, sum(member.macs for member in members))


def _single(layer: Layer) -> Row:
    return Row(layer.name, layer.label, layer.outputs, layer.own_params, layer.own_macs)


def _own(root: Layer) -> list[Row]:
    """What the network has or does outside all of its layers, such as the position embedding of a transformer."""
    if not (root.own_params or root.own_macs):
        return []
    return [Row("(itself)", type(root.module).__name__, root.outputs, root.own_params, root.own_macs)]


def _unnamed(layer: Layer) -> bool:
    return isinstance(layer.module, UNNAMED) or type(layer.module).__module__ in UNNAMED_MODULES


def _convolution(module: nn.Conv2d) -> str:
    height, width = module.kernel_size
    stride = f"/{module.stride[0]}" if module.stride[0] > 1 else ""
    groups = f", {module.groups} groups"
    if module.groups == module.in_channels > 1:
        groups = ", depthwise"
    return f"Conv2d {height}x{width}{stride}" + (groups if module.groups > 1 else "")


def _shapes(result: object) -> Iterator[Shape]:
    if isinstance(result, Tensor):
        yield tuple(result.shape[1:])
    elif isinstance(result, list | tuple):
        for part in result:
            yield from _shapes(part)
    elif isinstance(result, dict):
        yield from _shapes(list(result.values()))
