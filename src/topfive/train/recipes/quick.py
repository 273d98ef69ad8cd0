"""quick: a good network soon, from scratch."""

from __future__ import annotations

from topfive.data import ArrayDataset, Splits
from topfive.recipe import Recipe
from topfive.spec import ModelSpec
from topfive.train.recipes.training import SMALL_SIDE

GROWING = 24  # pixels, from which on small images may begin smaller


def quick(spec: ModelSpec, splits: Splits) -> Recipe:
    """What suits this network and these images in little time.

    No paper's table, but the parts that papers agree on, with epochs for minutes on a processor.
    """
    if spec.family == "LeNet":
        return lenet(spec, splits)
    return small_images(spec, splits) if spec.facts.input_size <= SMALL_SIDE else photographs(spec, splits)


def lenet(spec: ModelSpec, splits: Splits) -> Recipe:
    """Networks without normalisation: AdamW, which forgives, and its average.

    The original learns the paper's squared error to the code of its class (LeCun et al. 1998, eq. 8).
    """
    return Recipe(
        model=spec.name,
        epochs=20,
        batch_size=64,
        opt="adamw",
        lr=2e-3,
        weight_decay=0.02,
        warmup_epochs=1,
        loss="rbf_mse" if spec.name == "lenet5_original" else "cross_entropy",
        model_ema=0.998,
        shift=1,
        hflip=0.5 if splits.mirror else 0.0,
    )


def small_images(spec: ModelSpec, splits: Splits) -> Recipe:
    """ResNet's on CIFAR (He et al. 2015, sec. 4.2: crops, mirrors) with a cosine, Muon for SGD and half of its batch.

    Of 45,000 training images of Fashion-MNIST a ResNet-20 learnt with Muon in 8 epochs what took SGD 9 to 10, and such
    an epoch takes a twentieth longer: on 10,000 others 93.7% after 8, with SGD 93.1% after 8 and 93.8% after 10.

    The rest was chosen with SGD.  What was learnt of 50,000 in 500 seconds of one core, on the other 10,000: batches of
    64 and shifts of one pixel 93.2%, of 128 and two 92.5%; one of these alone 92.9%; a rate of 0.05 92.7%, of 0.2
    93.3%.  Images of 24 pixels and more are seen at four sevenths of their side at first: six such epochs cost as much
    as four whole ones and taught more (92.5% and 92.2%).  The average is ahead of the weights until the rate is low (a
    fifth before the end 93.5% and 93.3%), so that a run cut short by its time ends well too.  Norms over half of
    a batch teach more soon (Hoffer et al. 2017, arXiv:1705.08741; of 10 epochs the seventh ended at 93.5% and the last
    at 94.2%; two other seeds, with norms over all of it, at 93.0% and 93.1% and at 93.8% and 94.0%), and the halves go
    through the network side by side.
    """
    native = splits.train.images.shape[2] if isinstance(splits.train, ArrayDataset) else 0
    return Recipe(
        model=spec.name,
        epochs=30,
        batch_size=64,
        grad_accum_steps=2,
        opt="muon",
        lr=0.1,
        weight_decay=5e-4,
        model_ema=0.998,
        warmup_epochs=1,
        start_size=native * 4 // 7 if GROWING <= native <= SMALL_SIDE else None,
        shift=1,
        hflip=0.5 if splits.mirror else 0.0,
    )


def photographs(spec: ModelSpec, splits: Splits) -> Recipe:
    """From scratch on photographs: SGD with Nesterov and cosine, random crops as Inception's, label smoothing."""
    return Recipe(
        model=spec.name,
        epochs=60,
        batch_size=64,
        opt="sgd",
        lr=0.05,
        weight_decay=1e-4,
        warmup_epochs=3,
        clip_grad=5.0,
        smoothing=0.1,
        scale=(0.25, 1.0),
        hflip=0.5 if splits.mirror else 0.0,
    )
