"""The file of a found architecture: what is written is read, and nothing else is believed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topfive.errors import RefusedError, UsageError
from topfive.recipe import recipe_from
from topfive.train.found import MAXIMUM_BYTES, Found, read_found, with_found, write_found

FOUND = Found(
    model="resnet20_cifar", space="pnas", choices=(1, 0), answers={"left": "identity"}, measured={"accuracy": 0.9}
)


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "genotype.json"
    write_found(path, FOUND)
    assert read_found(path) == FOUND
    assert with_found({"model": str(path), "lr": 0.1}) == {"model": "resnet20_cifar", "lr": 0.1}
    assert recipe_from(with_found({"model": str(path)})).model == "resnet20_cifar"


def test_a_name_is_a_name():
    assert with_found({"model": "json"}) == {"model": "json"}
    assert with_found({"lr": 1.0}) == {"lr": 1.0}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "JSON"),
        (b"\x80\x02}", "JSON"),
        (b'{"model": "resnet20_cifar"', "JSON"),
        (b"[" * 100_000, "JSON"),
        (b"[]", "(object|dictionary)"),
        (b"{}", "model"),
        (b'{"model": 3}', "model"),
        (b'{"model": ""}', "model"),
        (b'{"format": 2, "model": "resnet20_cifar"}', "format"),
        (b'{"model": "resnet20_cifra"}', "did you mean 'resnet20_cifar'"),
        (b'{"model": "' + b"x" * MAXIMUM_BYTES + b'"}', "bytes"),
    ],
)
def test_a_foreign_file_is_refused_in_one_line(tmp_path, content, why):
    path = tmp_path / "genotype.json"
    path.write_bytes(content)
    with pytest.raises(RefusedError, match=why) as error:
        with_found({"model": str(path)})
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 1000


def test_a_folder_is_refused_and_a_file_that_is_not_there_is_a_slip(tmp_path):
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(RefusedError, match="directory"):
        read_found(tmp_path / "folder.json")
    with pytest.raises(UsageError, match="no such file"):
        read_found(tmp_path / "genotype.json")


KEYS = st.sampled_from(["model", "choices", "space", "answers", "measured", "format"]) | st.text(max_size=3)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text()


@given(st.recursive(LEAVES, lambda part: st.lists(part) | st.dictionaries(KEYS, part)))
def test_no_other_json_is_believed(tmp_path_factory, value):
    path = tmp_path_factory.mktemp("found") / "genotype.json"
    path.write_text(json.dumps(value))
    with pytest.raises(RefusedError):
        read_found(path)
