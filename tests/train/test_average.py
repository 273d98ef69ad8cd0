from __future__ import annotations

import torch

from topfive.models import create_model
from topfive.train.average import Average


def test_average_follows_with_a_warmed_up_decay():
    model = create_model("resnet20_cifar")
    average = Average(model, 0.9)
    start = {name: tensor.clone() for name, tensor in average.model.state_dict().items()}
    with torch.no_grad():
        for tensor in model.state_dict().values():
            tensor.add_(1)
    average.update(step=0)
    weight = 1 - min(0.9, 1 / 10)
    for name, tensor in average.model.state_dict().items():
        step = weight if tensor.is_floating_point() else 1
        torch.testing.assert_close(tensor, (start[name] + step).to(tensor.dtype))
    before = average.model.head.weight.clone()
    average.update(step=1000)
    torch.testing.assert_close(average.model.head.weight, before.lerp(model.head.weight, 0.1))


def test_average_does_not_share_memory_and_needs_no_gradient():
    model = create_model("lenet5")
    average = Average(model, 0.9)
    assert not any(parameter.requires_grad for parameter in average.model.parameters())
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert model.head.weight.data_ptr() != average.model.head.weight.data_ptr()
