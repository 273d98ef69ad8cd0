"""Images too small for a network: an error that says how large they must be, and no other error disguised as one."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from topfive.errors import UsageError
from topfive.models import create_model
from topfive.nn.classifier import Classifier
from topfive.nn.smallest import smallest

LEAST = {"zfnet": 47, "darknet19": 32, "squeezenet1_1": 17, "vgg11": 32, "convnext_tiny": 32}


class Shrinking(Classifier):
    """Takes 9 pixels: two convolutions without zeros around them, 5x5 each."""

    def __init__(self) -> None:
        super().__init__(2, 1)
        self.convs = nn.Sequential(nn.Conv2d(1, 3, 5), nn.Conv2d(3, 3, 5))
        self.norm = nn.BatchNorm2d(3)
        self.head = nn.Linear(3, 2)

    def features(self, images: Tensor) -> Tensor:
        return self.norm(self.convs(images))  # type: ignore[no-any-return]


@pytest.mark.parametrize("call", ["__call__", "features", "embed", "outputs", "training_outputs"])
@pytest.mark.parametrize(("height", "width"), [(8, 8), (1, 30), (9, 7)])
def test_every_way_in_says_the_least_size(call: str, height: int, width: int) -> None:
    model = Shrinking().eval()
    with pytest.raises(UsageError, match=rf"^image too small {height}x{width}: Shrinking needs 9 pixels a side$"):
        getattr(model, call)(torch.zeros(2, 1, height, width))
    assert getattr(model, call)(torch.zeros(2, 1, 9, 30)) is not None


def test_in_training_one_image_must_be_larger() -> None:
    """Batch normalisation needs more than one value."""
    model = Shrinking().train()
    assert model(torch.zeros(2, 1, 9, 9)).shape == (2, 2)
    before = model.norm.running_mean.clone()
    with pytest.raises(UsageError, match="needs 10 pixels"):
        model(torch.zeros(1, 1, 9, 9))
    assert torch.equal(model.norm.running_mean, before)  # the question left no trace
    assert not any(tensor.is_meta for tensor in model.state_dict().values())


@pytest.mark.parametrize("images", [torch.zeros(2, 3, 4, 4), torch.zeros(2, 1, 12, 12).double(), torch.zeros(1, 4, 4)])
def test_other_faults_keep_their_own_words(images: Tensor) -> None:
    """Wrong channels, wrong precision, no batch."""
    with pytest.raises(RuntimeError):
        Shrinking().eval().features(images)


@pytest.mark.parametrize("name", LEAST)
def test_least_sizes_of_the_lineage(name: str) -> None:
    with torch.device("meta"):
        model = create_model(name, num_classes=2).eval()
        assert smallest(model, torch.zeros(1, 3, 1, 1)) == LEAST[name]


def test_inceptions_least_size() -> None:
    model = create_model("inception_v3", num_classes=2).eval()
    with pytest.raises(UsageError, match="image too small 74x74: Inception needs 75 pixels a side"):
        model.embed(torch.zeros(1, 3, 74, 74))
    with torch.no_grad():
        assert model.embed(torch.zeros(1, 3, 75, 75)).shape == (1, 2048)


def test_compiles_in_one_graph() -> None:
    model = create_model("resnet20_cifar").eval()
    images = torch.randn(2, 3, 16, 16)
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    with torch.no_grad():
        assert torch.equal(compiled(images), model(images))
