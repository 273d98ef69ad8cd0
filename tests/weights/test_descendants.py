from __future__ import annotations

import pytest
import timm
import torch
from torch import nn

from topfive.errors import RefusedError
from topfive.models.darknet53 import Darknet53, leaky_layer, slight_layer
from topfive.nn.conv import ConvNorm
from topfive.weights import load_weights

ONE_EACH = (1, 1, 1, 1, 1)


def darknet(layer: ConvNorm) -> Darknet53:
    with torch.device("meta"):
        return Darknet53(layer, ONE_EACH, num_classes=1000, in_channels=3).to_empty(device="cpu")


def test_weights_for_another_slope_are_refused_though_every_name_fits() -> None:
    theirs: nn.Module = timm.create_model("darknet17", pretrained=False)
    assert load_weights(darknet(slight_layer), theirs.state_dict()).fresh == ()
    with pytest.raises(RefusedError, match=r"not the arithmetic.*slope 0\.01"):
        load_weights(darknet(leaky_layer), theirs.state_dict())
