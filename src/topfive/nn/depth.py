"""A network from stem to head, for rates of learning that fall towards the stem."""

from __future__ import annotations

from torch import nn

from topfive.nn.classifier import Classifier

TRUNKS = ("trunk", "stages", "cells", "blocks")  # what networks call the sequence that is most of them
HEADS = ("head", "sides")


def depth_groups(model: Classifier) -> list[list[nn.Parameter]]:
    """All parameters, each once, in groups from the stem to the head.

    The trunk gives a group for each stage, cell, transformer block or, where it has none of these, layer; the head and
    the side classifiers are the last.  Parameters outside all layers, as a class token, go with the stem.
    """
    parts: list[nn.Module] = []
    for name, part in model.named_children():
        if name not in HEADS:
            parts += part.children() if name in TRUNKS else [part]
    groups = [list(part.parameters()) for part in parts]
    groups = [group for group in groups if group]
    groups[0] = [*model.parameters(recurse=False), *groups[0]]
    last = [parameter for name in HEADS for parameter in model.get_submodule(name).parameters()]
    return [*groups, last] if last else groups
