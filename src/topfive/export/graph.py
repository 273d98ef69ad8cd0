"""One of our networks -> the bytes of an ONNX model that still has its parameters under their own names.

Batch normalisation stays as it is, so that training can start from the file; the engine fuses it when it loads.
"""

from __future__ import annotations

import contextlib
import copy
import io
import logging
import re
import warnings
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from topfive.artifact import CONSTANT
from topfive.errors import RefusedError, TopfiveError, need
from topfive.nn.classifier import Classifier

OPSET = 20  # onnxruntime has read it since 1.17
MAXIMUM_BYTES = 2_000_000_000  # of weights; the format ends at 2 GiB
_EXAMPLES = 2  # a batch of one would be taken for a constant
_UNUSED = "num_batches_tracked"  # batch normalisation's own count, which inference does not read
_LOGGERS = ("torch.onnx", "torch.export", "torch.fx", "torch._dynamo", "onnxscript", "onnx_ir")


class _Outputs(nn.Module):
    """The two outputs of the graph from one pass."""

    def __init__(self, model: Classifier):
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        return self.model.outputs(images)


def frozen(model: Classifier) -> Classifier:
    """A copy for inference: evaluation mode, float32, on the processor, in torch's usual memory format."""
    total = sum(tensor.numel() for tensor in model.state_dict().values()) * 4
    if total > MAXIMUM_BYTES:
        raise RefusedError("model", None, f"{total:,} bytes of weights, and one ONNX file holds {MAXIMUM_BYTES:,}")
    twin = copy.deepcopy(model).to("cpu", torch.float32).to(memory_format=torch.contiguous_format).eval()
    for name, tensor in twin.state_dict().items():
        if not torch.isfinite(tensor).all():
            raise RefusedError(
                "model", None, f"{name} holds numbers that are not finite", "Train it again, or earlier weights"
            )
    return twin.requires_grad_(False)


def to_onnx(model: Classifier, side: int) -> bytes:
    """Serialise a `frozen` model that takes images [N, in_channels, side, side]; RefusedError if it has no ONNX form.

    Side classifiers are left out: they serve training alone.
    """
    need("onnx", "train")
    need("onnxscript", "train")
    wrapped = _Outputs(model).eval()
    examples = torch.zeros(_EXAMPLES, model.in_channels, side, side)
    try:
        with torch.no_grad(), _silence():
            program = torch.export.export(wrapped, (examples,), dynamic_shapes=({0: torch.export.Dim("N")},))
            exported = torch.onnx.export(
                program,
                dynamo=True,
                opset_version=OPSET,
                input_names=["images"],
                output_names=["logits", "embedding"],
                optimize=False,
                verbose=False,
            )
            assert exported is not None
            return _serialised(exported.model, wrapped)
    except (TopfiveError, MemoryError, KeyboardInterrupt):
        raise
    except Exception as error:  # the exporter's errors share no base class
        raise RefusedError(
            "model", None, f"it cannot be written as ONNX: {_reason(error)}", "Use other layers"
        ) from error


def _serialised(program: Any, wrapped: _Outputs) -> bytes:
    """Fold what is constant, give the parameters their own names, and drop the exporter's notes on this machine."""
    import onnx_ir
    from onnx_ir.passes import common
    from onnxscript import optimizer

    graph = program.graph
    state = {name for name in wrapped.state_dict() if not name.endswith(_UNUSED)}

    def may_fold(node: Any) -> bool | None:
        return False if any(value is not None and value.name in state for value in node.inputs) else None

    optimizer.fold_constants(program, should_fold=may_fold)
    _drop_zero_biases(graph, state)
    common.RemoveUnusedNodesPass()(program)
    constants = 0
    for name, value in list(graph.initializers.items()):
        if name in state:
            value.name = name.removeprefix("model.")
        else:
            value.name = f"{CONSTANT}{constants}"
            constants += 1
    program.producer_name, program.producer_version = "topfive", None
    for part in (program, graph, *graph.inputs, *graph.outputs, *graph.initializers.values()):
        part.metadata_props.clear()
        part.doc_string = None
    for index, node in enumerate(graph):
        node.name, node.doc_string = f"{node.op_type}_{index}", None
        node.metadata_props.clear()
        for value in node.outputs:
            value.metadata_props.clear()
            if value not in graph.outputs:
                value.shape = None  # runtimes infer it; the exporter's names of open sizes change from run to run
    for value in (*graph.inputs, *graph.outputs):
        value.shape = onnx_ir.Shape(["N", *value.shape[1:]])
    encoded: bytes = onnx_ir.to_proto(program).SerializeToString(deterministic=True)
    return encoded


def _drop_zero_biases(graph: Any, state: set[str]) -> None:
    """The exporter gives a convolution without bias a bias of zeros."""
    for node in graph:
        if node.op_type == "Conv" and len(node.inputs) == 3 and node.inputs[2].name not in state:
            constant = node.inputs[2].const_value
            if constant is not None and not constant.numpy().any():
                node.resize_inputs(2)


def _reason(error: BaseException) -> str:
    """The operator that has no ONNX form where one is named, else the first line of the innermost error."""
    chain = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None and cause not in chain:
        chain.append(cause)
    for text in map(str, chain):
        if operator := re.search(r"(?:torch\.ops\.|OpOverload\(op=')([\w.]+)", text):
            return f"no ONNX operator for {operator[1].rstrip('.')}"
    lines = str(chain[-1]).strip().splitlines() or [type(chain[-1]).__name__]
    return lines[0][:200]


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """The exporter warns, logs and prints about its own insides; what went wrong is raised all the same."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL)
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
