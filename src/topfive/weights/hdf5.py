"""An HDF5 file -> its arrays by path, read by a process that may crash."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topfive.errors import ResourceError, need, shown
from topfive.weights import hdf5_reader
from topfive.weights.files import refused
from topfive.weights.hdf5_reader import TOLD

TIMEOUT = 300.0  # seconds; a damaged file can also make HDF5's library search for ever
_ADVICE = "Save the weights again with Keras, without compression"


@dataclass(frozen=True)
class Tree:
    """`names` has the layer's own name for each group that says one; `layers` the paths of layers, in their order."""

    arrays: Mapping[str, NDArray[Any]] = field(repr=False)
    names: Mapping[str, str]
    layers: tuple[str, ...]


def read(path: Path, content: bytes) -> Tree:
    """RefusedError where it is damaged, or holds what no file of weights does."""
    need("h5py", "keras")
    command = [sys.executable, "-P", hdf5_reader.__file__]  # -P: the modules beside it are named as packages are
    try:
        child = subprocess.run(command, input=content, capture_output=True, timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired as error:
        raise refused(path, "a damaged HDF5 file: it cannot be read in any time", _ADVICE) from error
    except OSError as error:
        raise ResourceError("cannot start", sys.executable, error.strerror or str(error)) from error
    try:
        with np.load(io.BytesIO(child.stdout), allow_pickle=False) as found:
            told = json.loads(found[TOLD].tobytes())
            arrays = {name: found[name] for name in found.files if name != TOLD}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise refused(path, "a damaged HDF5 file, which stopped its reader", _ADVICE) from error
    if (why := told.get("why")) is not None:
        where = f"`{shown(told['where'])}` " if told.get("where") else ""
        raise refused(path, f"{where}{why}" if why else "a damaged HDF5 file, or cut short", _ADVICE)
    return Tree(arrays, told["names"], tuple(told["layers"]))
