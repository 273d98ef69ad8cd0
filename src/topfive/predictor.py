"""Images in, predictions out: decoding, preprocessing, the engine and the names of the classes, put together."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from topfive import artifact, builtin
from topfive.artifact import Activation, Metadata
from topfive.engine import Engine, OnnxEngine
from topfive.errors import RefusedError, UsageError
from topfive.images import ImageError
from topfive.labels import Labels
from topfive.preprocess import Pixels, Preprocess

Source = str | os.PathLike[str] | bytes | Pixels  # a path, an encoded image, or pixels uint8 [H, W, 3] or [H, W]
BATCH_SIZE = 16
LIKELY = 0.5  # the threshold of a class of several, where the artifact gives none
_Item = TypeVar("_Item")


@dataclass(frozen=True)
class Class:
    """One class of an answer; `synset` is None where the labels have none."""

    index: int
    synset: str | None
    label: str
    probability: float


@dataclass(frozen=True)
class Prediction:
    """The classes of one image, best first: the most probable, or where it may have several, all likely ones."""

    source: Source
    top: tuple[Class, ...]


@dataclass(frozen=True)
class Refusal:
    """An input that could not be read as an image, and why."""

    source: Source
    reason: str


class Predictor:
    """Answers for images, `batch_size` at a time; `threads` decode ahead of the engine.

    `thresholds` are one probability a class below which it is not reported; with sigmoid, 0.5 by default.
    """

    def __init__(
        self,
        engine: Engine,
        preprocess: Preprocess,
        labels: Labels,
        temperature: float = 1.0,
        *,
        activation: Activation = "softmax",
        thresholds: tuple[float, ...] = (),
        batch_size: int = BATCH_SIZE,
        threads: int | None = None,
    ):
        if batch_size < 1:
            raise UsageError("batch size", str(batch_size), "it must be 1 or more")
        self.engine = engine
        self.preprocess = preprocess
        self.labels = labels
        self.temperature = temperature
        self.activation = activation
        self.thresholds = thresholds or (LIKELY if activation == "sigmoid" else 0.0,) * len(labels)
        self.batch_size = batch_size
        self.threads = _threads(threads)

    @classmethod
    def load(
        cls, path: str | os.PathLike[str] | None = None, threads: int | None = None, batch_size: int = BATCH_SIZE
    ) -> Predictor:
        """Of an artifact file; None is the built-in ImageNet classifier."""
        model = artifact.read(builtin.PATH if path is None else path)
        if path is None and model.digest != builtin.SHA256:
            raise RefusedError(
                "built-in classifier", builtin.PATH, "not the file that was shipped", "Reinstall topfive"
            )
        return cls.of(model, OnnxEngine(model, _threads(threads)), threads=threads, batch_size=batch_size)

    @classmethod
    def of(
        cls, metadata: Metadata, engine: Engine, *, threads: int | None = None, batch_size: int = BATCH_SIZE
    ) -> Predictor:
        """Of an engine and what its artifact says."""
        return cls(
            engine,
            metadata.preprocess,
            metadata.labels,
            metadata.temperature,
            activation=metadata.activation,
            thresholds=metadata.thresholds,
            batch_size=batch_size,
            threads=threads,
        )

    def predict(self, sources: Iterable[Source], top: int = 5) -> Iterator[Prediction | Refusal]:
        """One result for each source, in order; a source that is no image is refused and the rest goes on.

        At most `top` classes are named, but of a predictor of several labels all that reach their thresholds.
        """
        if top < 1:
            raise UsageError("top", str(top), "it must be 1 or more")
        for source, answer in self.probabilities(sources, self._load):
            if isinstance(answer, ImageError):
                yield Refusal(source, answer.reason)
            else:
                yield Prediction(source, self._best(answer, top))

    def probabilities(
        self, items: Iterable[_Item], load: Callable[[_Item], Pixels]
    ) -> Iterator[tuple[_Item, NDArray[np.float64] | ImageError]]:
        """Each item with its probabilities [classes], averaged over its views, or with the ImageError of its loading.

        `load` gives the views [views, C, side, side] of one item; it is called in other threads, a bounded number of
        items ahead.
        """
        waiting: list[tuple[_Item, Pixels | ImageError]] = []
        views = 0
        for item, loaded in self._ahead(items, load):
            waiting.append((item, loaded))
            views += 0 if isinstance(loaded, ImageError) else len(loaded)
            if views >= self.batch_size or len(waiting) >= self.batch_size:
                yield from self._answers(waiting)
                waiting, views = [], 0
        yield from self._answers(waiting)

    def _load(self, source: Source) -> Pixels:
        loaded = self.preprocess.pixels(source) if isinstance(source, np.ndarray) else self.preprocess.load(source)
        return loaded[None]

    def _ahead(
        self, items: Iterable[_Item], load: Callable[[_Item], Pixels]
    ) -> Iterator[tuple[_Item, Pixels | ImageError]]:
        """The items in order, each loaded by a pool that works at most a batch ahead."""

        def careful(item: _Item) -> Pixels | ImageError:
            try:
                return load(item)
            except ImageError as error:
                return error

        pending: deque[tuple[_Item, Future[Pixels | ImageError]]] = deque()
        pool = ThreadPoolExecutor(self.threads, thread_name_prefix="topfive-decode")
        try:
            for item in items:
                pending.append((item, pool.submit(careful, item)))
                if len(pending) > self.batch_size + self.threads:
                    first, future = pending.popleft()
                    yield first, future.result()
            while pending:
                first, future = pending.popleft()
                yield first, future.result()
        finally:
            pool.shutdown(cancel_futures=True)

    def _answers(
        self, loaded: list[tuple[_Item, Pixels | ImageError]]
    ) -> Iterator[tuple[_Item, NDArray[np.float64] | ImageError]]:
        images = [views for _, views in loaded if not isinstance(views, ImageError)]
        if not images:
            yield from ((item, error) for item, error in loaded if isinstance(error, ImageError))
            return
        pixels = np.concatenate(images)
        logits = np.concatenate(
            [
                self.engine.logits(self.preprocess.normalise(pixels[start : start + self.batch_size]))
                for start in range(0, len(pixels), self.batch_size)
            ]
        )
        answers = (softmax if self.activation == "softmax" else sigmoid)(logits, self.temperature)
        start = 0
        for item, views in loaded:
            if isinstance(views, ImageError):
                yield item, views
                continue
            yield item, answers[start : start + len(views)].mean(axis=0)
            start += len(views)

    def _best(self, probabilities: NDArray[np.float64], top: int) -> tuple[Class, ...]:
        order = np.argsort(-probabilities, kind="stable")
        best = order if self.activation == "sigmoid" else order[:top]
        return tuple(
            Class(int(i), self.labels.synset(i), self.labels.names[i], float(probabilities[i]))
            for i in best
            if probabilities[i] >= self.thresholds[i]
        )


def softmax(logits: NDArray[np.floating], temperature: float = 1.0) -> NDArray[np.float64]:
    """Probabilities along the last axis of logits / temperature."""
    scaled = np.asarray(logits, np.float64) / temperature
    powers = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    total: NDArray[np.float64] = powers / powers.sum(axis=-1, keepdims=True)
    return total


def sigmoid(logits: NDArray[np.floating], temperature: float = 1.0) -> NDArray[np.float64]:
    """The probability of each label by itself: 1 / (1 + exp(-logits / temperature))."""
    halved = np.asarray(logits, np.float64) / (2 * temperature)
    probabilities: NDArray[np.float64] = (1 + np.tanh(halved)) / 2  # exp would overflow
    return probabilities


def _threads(threads: int | None) -> int:
    """By default the processors that this process may use."""
    if threads is not None and threads < 1:
        raise UsageError("threads", str(threads), "it must be 1 or more")
    return threads or len(os.sched_getaffinity(0))
