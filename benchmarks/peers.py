"""The loops that we are compared with, in the manner of torchvision's references/classification and of timm's train.py.

Written for these benchmarks: the same steps in the same order, without what neither needs on one processor (logging,
accuracy by step, many processes).  Each works through its library's own parts: transforms, loader, network where it
has one, optimizer and schedule.
"""

from __future__ import annotations

import gzip
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import timm
import torch
import torchvision
from measure import RUNS
from numpy.typing import NDArray
from PIL import Image
from timm.data import create_dataset, create_loader
from timm.optim import create_optimizer_v2
from timm.scheduler import create_scheduler_v2
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset
from torchvision import transforms as v1
from torchvision.transforms import v2

from topfive.data.named import NAMED, require
from topfive.models import create_model

WORKERS = 2
MOMENTUM = 0.9
TIMM_NAMES = {"mobilenet_v2": "mobilenetv2_100", "resnet18": "resnet18"}
FASHION = RUNS / "torchvision"  # a root as torchvision and timm want it
GENTLE = {"scale": (0.8, 1.0), "ratio": (0.9, 1 / 0.9)}  # timm has no padded crop; this is the nearest to one

Peer = Literal["torchvision-v1", "torchvision-v2", "timm"]


@dataclass(frozen=True)
class Task:
    """Images into a network: `padding` is that of a random crop of small images; None: a crop of random area."""

    model: str
    classes: int
    side: int
    padding: int | None
    mean: tuple[float, ...]
    std: tuple[float, ...]
    batch: int = 128
    rate: float = 0.01
    decay: float = 5e-4
    nesterov: bool = False


@dataclass(frozen=True)
class Loop:
    """A network in training; `after_step` gets the number of all steps so far, `after_epoch` of all epochs."""

    model: nn.Module
    loader: DataLoader[Any]
    optimizer: torch.optim.Optimizer
    after_step: Callable[[int], object]
    after_epoch: Callable[[int], object]

    def epoch(self, index: int) -> Iterator[int]:
        """Train one epoch, the `index`-th; gives the images of every step once it is taken."""
        self.model.train()
        criterion = nn.CrossEntropyLoss()
        for step, (images, targets) in enumerate(self.loader):
            loss = criterion(self.model(images), targets)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.after_step(index * len(self.loader) + step + 1)
            loss.item()
            yield len(images)
        self.after_epoch(index + 1)


class Pictures(Dataset[Any]):
    """Pictures uint8 [N, H, W, 3] in memory, each handed out as PIL's, as torchvision.datasets.CIFAR10 does it."""

    def __init__(self, pixels: NDArray[np.uint8], labels: NDArray[np.int64], transform: Callable[..., Any] | None):
        self.pixels, self.labels, self.transform = pixels, labels.tolist(), transform

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        picture = Image.fromarray(self.pixels[index])
        return picture if self.transform is None else self.transform(picture), self.labels[index]


Source = Path | Literal["fashion-mnist"] | tuple[NDArray[np.uint8], NDArray[np.int64]]  # a folder, a name, or pixels


def make_loop(peer: Peer, task: Task, source: Source, epochs: int, chosen: Sequence[int] | None = None) -> Loop:
    """The peer's loop over the images of `source`, of which only `chosen` where that is given."""
    if peer == "timm":
        return timm_loop(task, source, epochs, chosen)
    return torchvision_loop(task, source, epochs, chosen, newer=peer == "torchvision-v2")


def torchvision_loop(task: Task, source: Source, epochs: int, chosen: Sequence[int] | None, newer: bool) -> Loop:
    """SGD, a rate that falls by epoch, two workers that are started every epoch; networks of torchvision's."""
    transform = newer_transform(task) if newer else older_transform(task)
    dataset: Dataset[Any]
    if source == "fashion-mnist":
        dataset = torchvision.datasets.FashionMNIST(str(fashion_root()), train=True, transform=transform)
    elif isinstance(source, Path):
        dataset = torchvision.datasets.ImageFolder(str(source), transform)
    else:
        dataset = Pictures(*source, transform)
    dataset = dataset if chosen is None else Subset(dataset, chosen)
    known = task.model in torchvision.models.list_models()
    model = (torchvision.models.get_model if known else ours)(task.model, num_classes=task.classes, **channels(task))
    optimizer = torch.optim.SGD(
        model.parameters(), task.rate, momentum=MOMENTUM, weight_decay=task.decay, nesterov=task.nesterov
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=epochs)
    loader = DataLoader(dataset, batch_size=task.batch, shuffle=True, num_workers=WORKERS)
    return Loop(model, loader, optimizer, lambda step: None, lambda epoch: schedule.step())


def older_transform(task: Task) -> Callable[..., Any]:
    return v1.Compose(
        [
            v1.RandomResizedCrop(task.side, antialias=True)
            if task.padding is None
            else v1.RandomCrop(task.side, padding=task.padding),
            v1.RandomHorizontalFlip(),
            v1.PILToTensor(),
            v1.ConvertImageDtype(torch.float32),
            v1.Normalize(task.mean, task.std),
        ]
    )


def newer_transform(task: Task) -> Callable[..., Any]:
    return v2.Compose(
        [
            v2.RandomResizedCrop(task.side, antialias=True)
            if task.padding is None
            else v2.RandomCrop(task.side, padding=task.padding),
            v2.RandomHorizontalFlip(),
            v2.PILToTensor(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(task.mean, task.std),
            v2.ToPureTensor(),
        ]
    )


def timm_loop(task: Task, source: Source, epochs: int, chosen: Sequence[int] | None) -> Loop:
    """timm's loader without its prefetcher, which is for GPUs; optimizer and schedule of its factories, by update."""
    if source == "fashion-mnist":
        dataset = create_dataset("torch/fashion_mnist", str(fashion_root()), split="train")
    elif isinstance(source, Path):
        dataset = create_dataset("", str(source), split="train")
    else:
        dataset = Pictures(*source, None)
    loader = create_loader(
        dataset,
        input_size=(len(task.mean), task.side, task.side),
        batch_size=task.batch,
        is_training=True,
        mean=task.mean,
        std=task.std,
        color_jitter=None,
        num_workers=WORKERS,
        use_prefetcher=False,
        device=torch.device("cpu"),
        **({} if task.padding is None else GENTLE),
    )
    if chosen is not None:  # the loader has put its transform into the data set
        loader = DataLoader(
            Subset(dataset, chosen), task.batch, shuffle=True, num_workers=WORKERS, drop_last=True,
            persistent_workers=True,
        )  # fmt: skip
    if task.model in TIMM_NAMES:
        model = timm.create_model(TIMM_NAMES[task.model], num_classes=task.classes)
    else:
        model = ours(task.model, num_classes=task.classes, **channels(task))
    rule = "sgd" if task.nesterov else "momentum"  # of timm's two names the first is Nesterov's
    optimizer = create_optimizer_v2(model, opt=rule, lr=task.rate, weight_decay=task.decay, momentum=MOMENTUM)
    schedule, _ = create_scheduler_v2(
        optimizer, sched="cosine", num_epochs=epochs, step_on_epochs=False, updates_per_epoch=len(loader)
    )
    return Loop(model, loader, optimizer, schedule.step_update, schedule.step)


def ours(name: str, **settings: Any) -> nn.Module:
    return create_model(name, **settings)


def channels(task: Task) -> dict[str, int]:
    """Grey images go into networks of one channel, which is the cheapest; colour is what all expect."""
    return {"in_channels": 1} if len(task.mean) == 1 else {}


def fashion_root() -> Path:
    """Fashion-MNIST as both libraries want to find it: four plain files in FashionMNIST/raw."""
    raw = FASHION / "FashionMNIST" / "raw"
    for packed in require(NAMED["fashion-mnist"], None).glob("*-ubyte*"):
        plain = raw / packed.name.removesuffix(".gz")
        if plain.exists():
            continue
        raw.mkdir(parents=True, exist_ok=True)
        half = plain.with_name(f"{plain.name}.{os.getpid()}")  # another arm may be at it too
        with (gzip.open if packed.suffix == ".gz" else open)(packed, "rb") as source, open(half, "wb") as file:
            shutil.copyfileobj(source, file)
        half.rename(plain)
    return FASHION
