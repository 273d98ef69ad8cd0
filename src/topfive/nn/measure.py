"""Counting a network: parameters and multiply-accumulates, on any device, the meta device included."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from topfive.nn.classifier import Classifier
from topfive.spec import Build, Facts


def count_params(model: nn.Module) -> int:
    """Trainable parameters; running statistics and fixed codes do not count."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def _attention(query: torch.Size, key: torch.Size, value: torch.Size, *_: object, **__: object) -> int:
    """Operations of both products; each shape is [N, heads, T, D]."""
    return 2 * query[:-1].numel() * key[-2] * (query[-1] + value[-1])


_FUSED = {torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention}  # which torch counts as nothing


def count_macs(model: Classifier, input_size: int) -> int:
    """Multiply-accumulates of convolutions and matrix products for one image of `input_size` x `input_size`."""
    weight = next(model.parameters())
    images = torch.zeros(1, model.in_channels, input_size, input_size, device=weight.device, dtype=weight.dtype)
    training = model.training
    model.eval()
    try:
        with torch.no_grad(), FlopCounterMode(display=False, custom_mapping=_FUSED) as counter:
            model(images)
    finally:
        model.train(training)
    return int(counter.get_total_flops()) // 2


def count_facts(build: Build, input_size: int, num_classes: int = 1000, in_channels: int = 3) -> Facts:
    """The counts of a network that stands in no table, such as one at an odd width; nothing is computed."""
    with torch.device("meta"):
        model = build(num_classes=num_classes, in_channels=in_channels)
    return Facts(count_params(model), count_macs(model, input_size), num_classes, in_channels, input_size)
