from __future__ import annotations

import logging
import os
import subprocess
import sys
import warnings
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from topfive.artifact import Card, parameters, read
from topfive.data import ArrayDataset
from topfive.engine import OnnxEngine
from topfive.errors import RefusedError, UsageError
from topfive.export import artifact as exporting
from topfive.export import encode, export, golden_images, parity
from topfive.export.graph import OPSET, frozen, to_onnx
from topfive.labels import Labels
from topfive.models import create_model, spec
from topfive.nn.classifier import Classifier
from topfive.predictor import Prediction, Predictor
from topfive.preprocess import Preprocess
from topfive.weights import load_weights

DRAW = np.random.default_rng(0)
IMAGES = tuple(encode(DRAW.integers(0, 256, (3, 40, 50), dtype=np.uint8)) for _ in range(3))
SMALL = Preprocess(size=32, crop=0.875)
# One of each family, and each kind of part that the families do not share; small images where the paper allows them.
NETWORKS = {
    "lenet5_original": None,
    "lenet5": None,
    "resnet20_cifar": None,
    "resnet18": SMALL,
    "mobilenet_v2": SMALL,
}
MORE_NETWORKS = {
    "alexnet_paper": None,
    "alexnet": None,
    "vgg11_bn": None,
    "resnet50_v1": SMALL,
    "preresnet50": SMALL,
    "wrn16_10_cifar": None,
    "densenet121": SMALL,
    "resnext50_32x4d": SMALL,
    "darknet19": SMALL,
    "se_resnet50": replace(SMALL, size=33),
    "se_bn_inception": SMALL,
    "darknet53": SMALL,
    "resnet50d": SMALL,
    "regnety_002": SMALL,
    "vit_s_16": SMALL,  # with its positions interpolated
    "convnext_tiny": SMALL,
    "efficientnet_b0": SMALL,
    "tf_efficientnet_b0": replace(SMALL, size=33),
    "tf_efficientnet_lite0": SMALL,
}


def randomised(model: Classifier) -> Classifier:
    """Every one-dimensional parameter and statistic away from its initial value, so that none can be lost unseen."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for tensor in model.state_dict().values():
            if tensor.ndim == 1:
                tensor.copy_(0.5 + torch.rand(tensor.shape, generator=generator))
    return model.eval()


class Tiny(Classifier):
    """A network with a part to be replaced."""

    def __init__(self, part: nn.Module | None = None, num_classes: int = 3):
        super().__init__(num_classes, 3)
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), part or nn.ReLU())
        self.head = nn.Linear(4, num_classes)

    def features(self, images: Tensor) -> Tensor:
        return self.body(images)


def shipped(path, model=None, **changes):
    model = model or randomised(Tiny())
    settings = {
        "preprocess": SMALL,
        "labels": Labels(tuple(f"class {index}" for index in range(model.num_classes))),
        "card": Card(architecture="tiny"),
        "golden": IMAGES,
    }
    return export(model, path, **(settings | changes))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.onnx"


@pytest.mark.parametrize("name", [*NETWORKS, *(pytest.param(name, marks=pytest.mark.slow) for name in MORE_NETWORKS)])
def test_every_family_survives_the_way_and_back(path, name):
    torch.manual_seed(0)
    preprocess = (NETWORKS | MORE_NETWORKS)[name] or spec(name).preprocess
    model = randomised(create_model(name, num_classes=7))
    result = shipped(path, model, preprocess=preprocess, card=Card(architecture=name))
    assert result.difference < result.tolerance
    assert result.top1_agreement == 1.0
    stored, state = parameters(path), model.state_dict()
    counted = {key for key in state if not key.endswith("num_batches_tracked")}
    assert set(stored) == counted
    for key in counted:
        np.testing.assert_array_equal(stored[key], state[key].numpy(), err_msg=key)
    fresh = create_model(name, num_classes=7)
    loaded = load_weights(fresh, path)
    assert not loaded.fresh
    pixels = torch.from_numpy(parity.pixels(preprocess, IMAGES))
    with torch.no_grad():
        assert torch.equal(fresh.eval()(pixels), model(pixels))


def test_what_is_told_is_in_the_file(path):
    shipped(path, temperature=1.7, card=Card(architecture="tiny", licence="CC0"))
    found = read(path)
    assert (found.temperature, found.card.licence, found.preprocess) == (1.7, "CC0", SMALL)
    assert found.card.created_with["torch"] == torch.__version__
    assert [golden.image for golden in found.golden] == list(IMAGES)
    assert OnnxEngine(found).verify() < 1e-5


def test_the_file_is_valid_onnx_of_the_stated_opset_with_batchnorm_unfolded(path):
    shipped(path)
    proto = onnx.load(path)
    onnx.checker.check_model(proto, full_check=True)
    assert [(entry.domain, entry.version) for entry in proto.opset_import] == [("", OPSET)]
    assert "BatchNormalization" in {node.op_type for node in proto.graph.node}
    assert proto.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "N"


def test_the_engine_fuses_batchnorm_when_it_loads(path, tmp_path):
    shipped(path)
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "fused.onnx")
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.log_severity_level = 4
    onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    assert "BatchNormalization" in {node.op_type for node in onnx.load(path).graph.node}
    assert "BatchNormalization" not in {node.op_type for node in onnx.load(tmp_path / "fused.onnx").graph.node}


def test_nothing_of_this_machine_is_in_the_graph(path):
    contents = to_onnx(frozen(randomised(Tiny())), 32)
    for trace in (os.getcwd(), "site-packages", 'File "', os.path.expanduser("~")):
        assert trace.encode() not in contents


def test_the_same_network_gives_the_same_bytes(path, tmp_path):
    model = randomised(Tiny())
    shipped(path, model)
    shipped(tmp_path / "again.onnx", model)
    assert path.read_bytes() == (tmp_path / "again.onnx").read_bytes()


def test_the_network_is_left_as_it_was(path):
    model = Tiny().train().to(memory_format=torch.channels_last)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    shipped(path, model)
    assert model.training
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert model.body[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_half_precision_is_shipped_as_float32(path):
    shipped(path, randomised(Tiny()).to(torch.bfloat16))
    assert parameters(path)["head.weight"].dtype == np.float32


def test_dropout_is_off(path):
    shipped(path, randomised(Tiny(nn.Dropout(0.5))).train())
    assert "Dropout" not in {node.op_type for node in onnx.load(path).graph.node}


def test_prediction_equals_the_network(path):
    model = randomised(Tiny())
    shipped(path, model, temperature=2.0)
    (result,) = Predictor.load(path).predict([IMAGES[0]])
    assert isinstance(result, Prediction)
    pixels = torch.from_numpy(SMALL.normalise(SMALL.load(IMAGES[0])[None]))
    with torch.no_grad():
        expected = (model(pixels)[0] / 2.0).softmax(0).max().item()
    assert result.top[0].probability == pytest.approx(expected, rel=1e-4)


def _nudge(model: onnx.ModelProto, name: str, by: float) -> bytes:
    for tensor in model.graph.initializer:
        if tensor.name == name:
            values = onnx.numpy_helper.to_array(tensor).copy()
            values.flat[0] += by
            tensor.CopyFrom(onnx.numpy_helper.from_array(values, name))
            return model.SerializeToString()
    raise AssertionError(f"no {name}")


WEIGHTS = ("body.0.weight", "body.1.weight", "body.1.bias", "body.1.running_mean", "body.1.running_var", "head.bias")


@pytest.mark.parametrize("name", WEIGHTS)
def test_sabotage_of_one_number_is_refused_and_nothing_is_touched(path, monkeypatch, name):
    monkeypatch.setattr(
        exporting, "to_onnx", lambda model, side: _nudge(onnx.load_from_string(to_onnx(model, side)), name, 0.05)
    )
    path.write_bytes(b"what was there")
    with pytest.raises(RefusedError, match="answers differ by"):
        shipped(path)
    assert path.read_bytes() == b"what was there"
    assert os.listdir(path.parent) == [path.name]


def test_sabotage_of_the_embedding_alone_is_refused(path, monkeypatch):
    def other_embedding(model: nn.Module, side: int) -> bytes:
        proto = onnx.load_from_string(to_onnx(model, side))
        proto.graph.node.append(onnx.helper.make_node("Relu", ["embedding"], ["unused"]))
        for node in proto.graph.node:
            node.output[:] = ["plain" if name == "embedding" else name for name in node.output]
            node.input[:] = ["plain" if name == "embedding" else name for name in node.input]
        proto.graph.node.append(onnx.helper.make_node("Neg", ["plain"], ["embedding"]))
        return proto.SerializeToString()

    monkeypatch.setattr(exporting, "to_onnx", other_embedding)
    with pytest.raises(RefusedError, match="answers differ by"):
        shipped(path)


def test_sabotage_of_large_batches_alone_is_refused():
    """An engine that is right for one image and wrong for the eighth of a batch."""

    class Wrong:
        identity = "wrong"

        def logits(self, images):
            answer = images.mean(axis=(2, 3))
            answer[7:] += 1
            return answer

        embeddings = logits

    images = parity.pixels(SMALL, IMAGES)
    expected = (images.mean(axis=(2, 3)),) * 2
    with pytest.raises(RefusedError):
        parity.compare(Wrong(), images, expected, real=3)


def test_the_tolerance_is_obeyed(path):
    with pytest.raises(RefusedError, match="allowed"):
        shipped(path, create_model("lenet5"), preprocess=spec("lenet5").preprocess, tolerance=1e-12)
    assert not path.exists()


class _Unsupported(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.special.bessel_j0(x)


class _Branching(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x if x.sum() > 0 else -x


class _NotANumber(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x / x.std(dim=(2, 3), keepdim=True)


@pytest.mark.parametrize(
    ("part", "says"),
    [(_Unsupported(), "no ONNX operator for prims.bessel_j0"), (_Branching(), "cannot be written as ONNX")],
)
def test_what_has_no_onnx_form_is_one_line(path, capfd, part, says):
    with pytest.raises(RefusedError) as refused:
        shipped(path, randomised(Tiny(part)))
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)
    assert os.listdir(path.parent) == []
    assert capfd.readouterr() == ("", "")


def test_a_nan_on_a_black_image_is_refused(path):
    """The real images are fine; a constant one has no deviation."""
    with pytest.raises(RefusedError, match="not finite"):
        shipped(path, Tiny(_NotANumber()).eval())
    assert not path.exists()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused_by_name(path, value):
    model = randomised(Tiny())
    with torch.no_grad():
        model.body[1].weight[2] = value
    with pytest.raises(RefusedError, match=r"body\.1\.weight"):
        shipped(path, model)


def test_labels_that_do_not_fit_are_refused(path):
    with pytest.raises(RefusedError, match="2"):
        shipped(path, labels=Labels(("a", "b")))


def test_without_an_image_there_is_no_check(path):
    with pytest.raises(UsageError, match="image"):
        shipped(path, golden=())


def test_a_network_beyond_the_format_is_refused_without_being_built(path):
    with torch.device("meta"):
        model = Tiny()
        model.huge = nn.Linear(40_000, 20_000)
    with pytest.raises(RefusedError, match="bytes of weights"):
        shipped(path, model)


def test_a_folder_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(Exception, match="No such file") as refused:
        shipped(tmp_path / "none" / "model.onnx")
    assert refused.value.exit_code == 5


def test_the_exporter_is_silent_and_leaves_logging_alone(path, capfd):
    levels = logging.getLogger("onnxscript").level, logging.getLogger("torch.onnx").level
    shipped(path)
    filters = list(warnings.filters)  # imports have added theirs by now
    shipped(path)
    assert capfd.readouterr() == ("", "")
    assert (logging.getLogger("onnxscript").level, logging.getLogger("torch.onnx").level) == levels
    assert warnings.filters == filters


def test_the_exporter_is_silent_in_a_fresh_process(path):
    code = f"""
from topfive.artifact import Card
from topfive.export import encode, export
from topfive.labels import Labels
from topfive.models import create_model, spec
import numpy as np
export(create_model("lenet5"), {str(path)!r}, preprocess=spec("lenet5").preprocess, card=Card(),
       labels=Labels(tuple("abcdefghij")), golden=[encode(np.zeros((1, 28, 28), np.uint8))])
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def dataset(shape=(1, 8, 8), count=30):
    images = DRAW.integers(0, 256, (count, *shape), dtype=np.uint8)
    return ArrayDataset(images, np.sort(np.arange(count) % 3), ("a", "b", "c"), "drawn")


@pytest.mark.parametrize("channels", [1, 3])
def test_golden_images_are_the_data_sets_own_pixels(channels):
    data = dataset((channels, 8, 9))
    grey = Preprocess(size=8, crop=1.0, mean=(0.5,) * channels, std=(0.5,) * channels)
    chosen = golden_images(data, grey, count=3)
    assert len(set(chosen)) == 3
    pixels = [grey.load(image) for image in chosen]
    own = [grey.pixels(image[0] if channels == 1 else image.transpose(1, 2, 0)) for image in data.images]
    assert all(any(np.array_equal(one, other) for other in own) for one in pixels)


def test_golden_images_are_of_different_classes():
    data = dataset(count=30)
    data.images[:] = data.labels[:, None, None, None]
    grey = Preprocess(size=8, crop=1.0, mean=(0.5,), std=(0.5,))
    assert sorted(int(grey.load(image).max()) for image in golden_images(data, grey, count=3)) == [0, 1, 2]


def test_large_golden_images_are_scaled_down():
    from topfive.images import decode

    (image,) = golden_images(dataset((3, 600, 900), count=1), SMALL, count=4)
    assert decode(image).size == (72, 48)


def test_no_golden_image_of_no_data():
    empty = ArrayDataset(np.empty((0, 1, 8, 8), np.uint8), np.empty(0, np.int64), ("a",), "x")
    assert golden_images(empty, SMALL) == ()
