"""Images as a classifier sees them: unit vectors, near each other where pictures are like."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from topfive.data.check import CHUNK, Contents, Progress
from topfive.data.memory import Memory
from topfive.images import ImageError
from topfive.predictor import Predictor

Floats = NDArray[np.float32]
BATCH_SIZE = 16


def embedder(
    predictor: Predictor, cache: Path | None = None
) -> Callable[[Contents, NDArray[np.intp], Progress], Floats]:
    """What gives [N, D], each of length 1 (0 for a picture that does not decode), known again from the user's cache."""

    def embed(images: Contents, chosen: NDArray[np.intp], progress: Progress) -> Floats:
        found: list[Floats] = []
        kind = f"embedding {predictor.engine.identity[:16]}"
        with Memory(kind, cache) as memory, ThreadPoolExecutor(predictor.threads) as pool:
            for start in range(0, len(chosen), BATCH_SIZE):
                batch = chosen[start : start + BATCH_SIZE].tolist()
                known = [memory.recall(images.path(index), images.stamp(index)) for index in batch]
                unknown = [index for index, packed in zip(batch, known, strict=True) if packed is None]
                fresh = iter(_embedded(predictor, pool, images, unknown))
                for index, packed in zip(batch, known, strict=True):
                    if packed is None:
                        vector = next(fresh)
                        memory.store(images.path(index), images.stamp(index), vector.astype("<f2").tobytes())
                    else:
                        vector = np.frombuffer(packed, "<f2").astype(np.float32)
                    found.append(vector)
                if start // CHUNK != (start + BATCH_SIZE) // CHUNK:
                    memory.commit()
                progress(min(start + BATCH_SIZE, len(chosen)), len(chosen))
        vectors = np.stack(found)
        unit: Floats = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.float32(1e-6))
        return unit

    return embed


def _embedded(predictor: Predictor, pool: ThreadPoolExecutor, images: Contents, chosen: list[int]) -> Floats:
    preprocess = predictor.preprocess

    def load(index: int) -> NDArray[np.uint8] | None:
        content = images.read(index)
        try:
            return None if isinstance(content, str) else preprocess.load(content)
        except ImageError:
            return None  # it decoded a moment ago

    if not chosen:
        return np.empty((0, 0), np.float32)
    empty = np.zeros((preprocess.channels, preprocess.side, preprocess.side), np.uint8)
    loaded = list(pool.map(load, chosen))
    pixels = np.stack([empty if one is None else one for one in loaded])
    vectors = predictor.engine.embeddings(preprocess.normalise(pixels))
    vectors[[index for index, one in enumerate(loaded) if one is None]] = 0
    return vectors
