from __future__ import annotations

import contextlib
import io
import pickle
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import timm
import torch
import torchvision
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor

import topfive
from faults import checkpoints
from faults.checkpoints import torch_file
from topfive import artifact, builtin
from topfive.errors import RefusedError, UsageError, shown
from topfive.labels import imagenet
from topfive.models import create_model, spec
from topfive.nn.classifier import Classifier
from topfive.weights import load_weights, resolve
from topfive.weights.recognise import recognise

StateDict = dict[str, Tensor]
TENSOR_COUNT = 10  # of lenet5


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def copied(model: Classifier) -> StateDict:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def equal(first: StateDict, second: StateDict) -> bool:
    return list(first) == list(second) and all(torch.equal(first[name], second[name]) for name in first)


def lenet() -> StateDict:
    torch.manual_seed(1)
    return copied(create_model("lenet5"))


# What is accepted


@pytest.mark.parametrize("name", ["lenet5", "lenet5_original", "resnet20_cifar", "mobilenet_v2"])
def test_our_own_names_come_back_bit_for_bit(name: str, tmp_path: Path) -> None:
    source, model = create_model(name), create_model(name)
    assert not equal(copied(source), copied(model))
    save_file(source.state_dict(), tmp_path / "a.safetensors")
    loaded = load_weights(model, tmp_path / "a.safetensors")
    assert equal(copied(source), copied(model))
    assert (loaded.layout, loaded.fresh, loaded.matched) == ("topfive", (), len(source.state_dict()))


def test_weights_imagenet_are_the_built_in_ones() -> None:
    model = create_model("tf_efficientnet_lite0")
    loaded = load_weights(model, resolve("imagenet"))
    expected = artifact.parameters(builtin.PATH)
    assert all(torch.equal(model.state_dict()[name], torch.tensor(array)) for name, array in expected.items())
    assert loaded.matched == len(expected)
    assert loaded.preprocess == spec("tf_efficientnet_lite0").preprocess
    assert loaded.labels == imagenet()
    assert loaded.summary().startswith("weights imagenet (topfive names, made for tf_efficientnet_lite0): 247 tensors")


@pytest.mark.parametrize("name", ["efficientnet_lite0", "tf_efficientnet_lite1", "lenet5"])
def test_weights_imagenet_say_which_network_they_are_for(name: str) -> None:
    model = create_model(name)
    before = copied(model)
    with pytest.raises(RefusedError, match="are for tf_efficientnet_lite0, and the network is another"):
        load_weights(model, resolve("imagenet"))
    assert equal(before, copied(model))


def test_another_number_of_classes_leaves_the_head_alone() -> None:
    model = create_model("tf_efficientnet_lite0", num_classes=7)
    head = model.head.weight.detach().clone()
    loaded = load_weights(model, resolve("imagenet"))
    assert loaded.fresh == ("head.weight", "head.bias")
    assert torch.equal(model.head.weight, head)
    assert "fresh, for another number of classes: head.weight, head.bias" in loaded.summary()
    assert torch.equal(
        model.state_dict()["stem.conv.weight"], torch.tensor(artifact.parameters(builtin.PATH)["stem.conv.weight"])
    )


def test_another_number_of_classes_in_codes_too() -> None:
    model = create_model("lenet5_original", num_classes=12)
    assert load_weights(model, create_model("lenet5_original").state_dict()).fresh == ("head.codes",)


@pytest.mark.parametrize("classes", [1000, 7])
@pytest.mark.parametrize(
    ("name", "theirs", "fresh"),
    [
        ("resnet18", lambda: timm.create_model("resnet18", pretrained=False, num_classes=0), ("head.",)),
        ("resnet18", lambda: create_model("resnet18"), ("head.",)),
        ("alexnet", lambda: torchvision.models.alexnet(weights=None), ("head.", "hidden.")),
    ],
)
def test_a_backbone_leaves_the_head_fresh_and_says_so(
    name: str, theirs: Callable[[], torch.nn.Module], fresh: tuple[str, ...], classes: int
) -> None:
    state = {k: v for k, v in theirs().state_dict().items() if not k.startswith(("fc.", "head.", "classifier."))}
    model = create_model(name, num_classes=classes)
    before = copied(model)
    loaded = load_weights(model, state)
    expected = tuple(key for key in before if key.startswith(fresh))
    assert sorted(loaded.fresh) == sorted(expected)
    assert "fresh, absent there: head.weight" in loaded.summary()
    names = recognise(before, state).names
    for key, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[key] if key in expected else state[names[key]]), key


def test_half_a_head_is_no_backbone(resnet18: StateDict) -> None:
    state = {name: tensor for name, tensor in resnet18.items() if name != "fc.bias"}
    assert "`fc.bias`: it is missing" in refusal(create_model("resnet18"), state)


def test_side_classifiers_may_be_absent_and_may_be_more_than_asked_for() -> None:
    """As torchvision's published GoogLeNet, which has them, and timm's Inception v3, which has none."""
    with_sides = torchvision.models.inception_v3(weights=None, init_weights=False).state_dict()
    plain, trained = create_model("inception_v3"), create_model("inception_v3_aux", num_classes=7)
    assert load_weights(plain, with_sides).fresh == ()
    loaded = load_weights(trained, with_sides)
    assert set(loaded.fresh) == {"head.weight", "head.bias", "sides.0.head.weight", "sides.0.head.bias"}
    without = {name: tensor for name, tensor in with_sides.items() if not name.startswith("AuxLogits.")}
    loaded = load_weights(create_model("inception_v3_aux"), without)
    assert loaded.fresh
    assert all(name.startswith("sides.0.") for name in loaded.fresh)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_are_converted(dtype: torch.dtype) -> None:
    source, model = {name: tensor.to(dtype) for name, tensor in lenet().items()}, create_model("lenet5")
    load_weights(model, source)
    assert equal({name: tensor.float() for name, tensor in source.items()}, copied(model))


def test_the_network_keeps_its_own_precision_format_and_gradients() -> None:
    model = create_model("resnet20_cifar").double().to(memory_format=torch.channels_last)
    load_weights(model, create_model("resnet20_cifar").state_dict())
    weight = model.get_parameter("stages.0.0.branch.0.conv.weight")
    assert weight.dtype == torch.float64
    assert weight.requires_grad
    assert weight.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {"state_dict": state, "epoch": 3},
        lambda state: {"model": state, "optimizer": {"state": {}}},
        lambda state: {"state_dict": {"a": torch.zeros(1)}, "state_dict_ema": state},
        lambda state: {f"module.{name}": tensor for name, tensor in state.items()},
        lambda state: {"state_dict": {f"module._orig_mod.{name}": tensor for name, tensor in state.items()}},
    ],
)
def test_wrappers_and_prefixes_come_off(wrap: Callable[[StateDict], object], legacy: bool, tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    path.write_bytes(torch_file(wrap(lenet()), legacy))
    model = create_model("lenet5")
    load_weights(model, path)
    assert equal(copied(model), lenet())


def test_batch_counters_may_be_absent_and_are_taken_where_present() -> None:
    source, model = create_model("resnet20_cifar"), create_model("resnet20_cifar")
    counter = "stem.norm.num_batches_tracked"
    source.state_dict()[counter].fill_(17)
    load_weights(model, source.state_dict())
    assert model.state_dict()[counter] == 17
    bare = {name: tensor for name, tensor in source.state_dict().items() if not name.endswith("tracked")}
    assert load_weights(create_model("resnet20_cifar"), bare).matched == len(bare)


def test_loaded_weights_do_not_share_memory_with_their_source() -> None:
    state, model = lenet(), create_model("lenet5")
    load_weights(model, state)
    state["head.bias"].fill_(7)
    assert equal(copied(model), lenet())


def test_the_package_offers_it() -> None:
    assert topfive.load_weights is load_weights


# What is refused


FAULTS = checkpoints.SAFETENSORS | checkpoints.PICKLES | checkpoints.OTHERS | checkpoints.TENSORS


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_one_line_with_exit_4_and_changes_nothing(name: str, tmp_path: Path) -> None:
    fault = FAULTS[name]
    path = fault.make(tmp_path, lenet())
    model = create_model("lenet5")
    before = copied(model)
    with pytest.raises(RefusedError) as caught:
        load_weights(model, path)
    line = str(caught.value)
    assert caught.value.exit_code == 4
    assert fault.says in line
    assert "\n" not in line
    assert len(line) < 700
    assert equal(before, copied(model))
    assert not (tmp_path / "marker").exists()
    if name in checkpoints.TENSORS:
        assert re.search(r"first misfit `(trunk.c1|head).weight`", line)


@pytest.mark.parametrize("name", [name for name, fault in FAULTS.items() if fault.runs])
def test_the_hostile_files_would_run_code_if_they_were_let(name: str, tmp_path: Path) -> None:
    path = FAULTS[name].make(tmp_path, lenet())
    content = (path / "pytorch_model.bin" if path.is_dir() else path).read_bytes()
    assert not (tmp_path / "marker").exists()
    if content.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            content = archive.read(next(entry for entry in archive.namelist() if entry.endswith("data.pkl")))
    stream = io.BytesIO(content)
    with contextlib.suppress(Exception):  # what follows the payload may fail
        while True:  # one pickle after the other, as old files have them
            _Careless(stream).load()
    assert (tmp_path / "marker").exists()


class _Careless(pickle.Unpickler):
    def persistent_load(self, _: object) -> object:
        return torch.UntypedStorage(0)


def test_nothing_is_written_where_only_the_last_number_is_wrong() -> None:
    state, model = lenet(), create_model("lenet5")
    before = copied(model)
    state[next(reversed(state))].view(-1)[-1] = float("inf")
    with pytest.raises(RefusedError, match=r"`head\.bias`: it holds numbers that are not finite"):
        load_weights(model, state)
    assert equal(before, copied(model))


def test_a_sound_file_of_each_kind_is_accepted(tmp_path: Path) -> None:
    """The faults above differ from these in their fault alone."""
    for number, content in enumerate((torch_file(lenet()), torch_file(lenet(), legacy=True))):
        (tmp_path / f"{number}.pt").write_bytes(content)
        assert load_weights(create_model("lenet5"), tmp_path / f"{number}.pt").matched == TENSOR_COUNT


def test_a_damaged_artifact_is_refused(tmp_path: Path) -> None:
    content = bytearray(builtin.PATH.read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "a.onnx").write_bytes(content)
    with pytest.raises(RefusedError, match="checksum"):
        load_weights(create_model("tf_efficientnet_lite0"), tmp_path / "a.onnx")


def test_a_network_on_the_meta_device_is_refused() -> None:
    with torch.device("meta"):
        model = create_model("lenet5")
    with pytest.raises(UsageError, match="meta device"):
        load_weights(model, lenet())


@pytest.fixture(scope="module")
def resnet18() -> StateDict:
    return dict(torchvision.models.resnet18(weights=None).state_dict())


def refusal(model: Classifier, source: object) -> str:
    with pytest.raises(RefusedError) as caught:
        load_weights(model, source)  # type: ignore[arg-type]
    return str(caught.value)


def test_the_first_misfit_is_named_as_the_source_names_it(resnet18: StateDict) -> None:
    model = create_model("resnet18")
    state = dict(resnet18)
    weight = state.pop("layer3.0.conv1.weight")
    assert "`layer3.0.conv1.weight`: it is missing. " in refusal(model, state)
    renamed = refusal(model, state | {"layer3.0.conv9.weight": weight})
    assert "`layer3.0.conv1.weight`: it is missing, and `layer3.0.conv9.weight` is unknown" in renamed
    assert "`layer3.0.conv9.weight`: the network has no such tensor" in refusal(
        model, resnet18 | {"layer3.0.conv9.weight": weight}
    )
    reshaped = refusal(model, resnet18 | {"layer3.0.conv1.weight": weight[:, :5]})
    assert "`layer3.0.conv1.weight`: its shape is [256, 5, 3, 3], and [256, 128, 3, 3] is needed" in reshaped
    assert "`layer3.0.conv1.weight`: it is a str" in refusal(model, resnet18 | {"layer3.0.conv1.weight": "x"})
    variance = {"layer3.0.bn1.running_var": -torch.ones(256)}
    assert "`layer3.0.bn1.running_var`: it holds a negative variance" in refusal(model, resnet18 | variance)


@pytest.mark.parametrize(
    ("ours", "theirs", "says"),
    [
        ("resnet18", lambda: torchvision.models.resnet50(weights=None), "`layer1.0.conv1.weight`: its shape is"),
        ("resnet50", lambda: torchvision.models.resnet18(weights=None), "`layer1.0.conv1.weight`: its shape is"),
        ("resnet18", lambda: torchvision.models.resnet34(weights=None), "`layer1.2.bn1.bias`: the network has no"),
        ("resnet18", lambda: torchvision.models.mobilenet_v2(weights=None), "those of torchvision's MobileNetV2"),
        ("mobilenet_v2", lambda: torchvision.models.resnet18(weights=None), "those of torchvision (or timm)'s ResNet"),
        ("resnet18", lambda: create_model("mobilenet_v2"), "topfive's own, for another network"),
        ("resnet18", lambda: torch.nn.Linear(2, 2), "`bias`: ResNet has no such tensor; the names are of no layout"),
        ("lenet5", lambda: create_model("lenet5_original"), "`trunk.c3.weight`: it is missing"),
    ],
)
def test_another_network_is_recognised(ours: str, theirs: Callable[[], torch.nn.Module], says: str) -> None:
    assert says in refusal(create_model(ours), theirs().state_dict())


def test_other_channels_are_refused_at_the_stem(resnet18: StateDict) -> None:
    line = refusal(create_model("resnet18", in_channels=1), resnet18)
    assert "`conv1.weight`: its shape is [64, 3, 7, 7], and [64, 1, 7, 7] is needed" in line


@pytest.mark.parametrize("source", [{}, {1: 2}, {"": None}, {"state_dict": {}}, {"\x1b[31m": torch.zeros(1)}])
def test_odd_mappings_are_refused(source: dict[object, object]) -> None:
    line = refusal(create_model("lenet5"), source)
    assert "first misfit `" in line
    assert line.isprintable()


@pytest.fixture(scope="module")
def victims(resnet18: StateDict) -> dict[str, tuple[StateDict, Classifier, StateDict]]:
    """By name: a sound state dict, a network, and what the network holds."""
    networks = {name: create_model(name) for name in ("lenet5", "resnet18")}
    sound = {"lenet5": lenet(), "resnet18": resnet18}
    return {name: (sound[name], network, copied(network)) for name, network in networks.items()}


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_whatever_is_removed_renamed_or_reshaped_is_refused_and_named(
    data: st.DataObject, victims: dict[str, tuple[StateDict, Classifier, StateDict]]
) -> None:
    """Of our own names and of foreign ones; a counter that is only removed is no fault, and neither is a whole head."""
    sound, model, before = victims[data.draw(st.sampled_from(sorted(victims)))]
    state = dict(sound)
    for change in data.draw(st.lists(st.sampled_from(["remove", "rename", "reshape"]), min_size=1, max_size=6)):
        key = data.draw(st.sampled_from(sorted(k for k in state if change != "remove" or not k.endswith("tracked"))))
        tensor = state.pop(key)
        if change == "rename":
            state[key + data.draw(st.text(min_size=1, max_size=8))] = tensor
        elif change == "reshape":
            state[key] = tensor[None] if data.draw(st.booleans()) or tensor.ndim == 0 else tensor.flatten()[:-1]
    assume(not sound.keys() - state.keys() >= {name for name in sound if name.startswith(("head.", "fc."))})
    line = refusal(model, state)
    named = re.search(r"first misfit `(.+?)`: ", line)
    assert named is not None
    assert named[1] in {shown(key) for key in (*sound, *state, *before)}
    assert equal(before, copied(model))


# Names and folders


@pytest.mark.parametrize("name", ["imagnet", "nowhere/model.onnx", "", "timm:resnet18"])
def test_an_unknown_name_says_what_to_give(name: str) -> None:
    with pytest.raises(RefusedError, match=r"no such file or folder.*'imagenet' for the built-in weights"):
        resolve(name)


def test_a_near_name_is_suggested() -> None:
    with pytest.raises(RefusedError, match=r"did you mean 'imagenet'\?"):
        resolve("imagnet")


def test_a_path_stays_a_path(tmp_path: Path) -> None:
    assert resolve(str(tmp_path)) == tmp_path
