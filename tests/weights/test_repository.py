from __future__ import annotations

import hashlib
import io
import json
import urllib.error
from pathlib import Path
from typing import IO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topfive.data.places import data_folder
from topfive.errors import RefusedError, ResourceError, UsageError
from topfive.weights import download, repository
from topfive.weights.repository import Repository, fetched, parsed

COMMIT = "0123456789abcdef0123456789abcdef01234567"
FILES = {"model.safetensors": b"weights", "config.json": b"{}", "README.md": b"words"}
NAME = "owner/some.net-1_2"


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOPFIVE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))


class Hub:
    """Answers as huggingface.co does; `asked` is every address in order."""

    def __init__(self) -> None:
        self.files = dict(FILES)
        self.asked: list[str] = []
        self.digests = {"model.safetensors": hashlib.sha256(FILES["model.safetensors"]).hexdigest()}

    def opened(self, url: str) -> IO[bytes]:
        self.asked.append(url)
        address = url.removeprefix("https://huggingface.co/")
        if address.startswith(f"api/models/{NAME}/revision/"):
            siblings = [
                {"rfilename": name, "lfs": {"sha256": self.digests[name]} if name in self.digests else None}
                for name in self.files
            ]
            return io.BytesIO(json.dumps({"sha": COMMIT, "siblings": siblings}).encode())
        return io.BytesIO(self.files[address.removeprefix(f"{NAME}/resolve/{COMMIT}/")])


@pytest.fixture
def online(monkeypatch: pytest.MonkeyPatch) -> Hub:
    server = Hub()
    monkeypatch.setattr(download, "opened", server.opened)
    return server


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(url: str) -> IO[bytes]:
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(download, "opened", opened)


def test_a_download_is_of_one_commit_and_is_kept(online: Hub) -> None:
    folder = fetched(parsed(NAME))
    assert folder == data_folder() / "weights" / NAME
    assert (folder / "model.safetensors").read_bytes() == b"weights"
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors", "origin.json"]
    assert all(f"/resolve/{COMMIT}/" in url for url in online.asked[1:])
    asked = len(online.asked)
    assert fetched(parsed(NAME)) == folder
    assert len(online.asked) == asked


def test_a_revision_has_a_folder_of_its_own(online: Hub) -> None:
    assert fetched(parsed(f"{NAME}@v1")) == data_folder() / "weights" / f"{NAME}@v1"
    assert online.asked[0].endswith("/revision/v1?blobs=true")


def test_other_content_than_the_hub_promises_is_not_kept(online: Hub) -> None:
    online.files["model.safetensors"] = b"others"
    with pytest.raises(RefusedError, match="was published"):
        fetched(parsed(NAME))
    assert not (data_folder() / "weights" / NAME / "model.safetensors").exists()


def test_what_was_downloaded_is_checked_each_time(online: Hub) -> None:
    path = fetched(parsed(NAME)) / "model.safetensors"
    path.write_bytes(b"weighty")
    with pytest.raises(RefusedError, match="damaged, or another file"):
        fetched(parsed(NAME))


def test_a_pickle_serves_where_there_is_nothing_better(online: Hub) -> None:
    online.files = {"pytorch_model.bin": b"a pickle"}
    online.digests = {}
    assert (fetched(parsed(NAME)) / "pytorch_model.bin").is_file()


def test_a_repository_without_weights_is_refused(online: Hub) -> None:
    online.files = {"README.md": b""}
    with pytest.raises(RefusedError, match=r"neither model\.safetensors nor pytorch_model\.bin"):
        fetched(parsed(NAME))


@pytest.mark.parametrize(
    "answer", [b"", b"[]", b"{}", b'{"sha": "main", "siblings": []}', b'{"sha": 3, "siblings": [1]}', b"[" * 100_000]
)
def test_another_answer_of_the_hub_is_no_crash(answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "opened", lambda _: io.BytesIO(answer))
    with pytest.raises(ResourceError, match="not what it used to be"):
        fetched(parsed(NAME))


@pytest.mark.usefixtures("offline")
class TestWithoutANetwork:
    def test_one_line_says_what_to_download_into_which_folder(self) -> None:
        with pytest.raises(ResourceError) as caught:
            fetched(parsed(NAME))
        line = str(caught.value)
        assert f"https://huggingface.co/{NAME}/resolve/main/model.safetensors" in line
        assert line.endswith(f"into {data_folder() / 'weights' / NAME}")
        assert "no network: no route to host" in line
        assert "\n" not in line
        assert caught.value.exit_code == 5

    def test_and_then_it_is_found_there(self) -> None:
        folder = data_folder() / "weights" / NAME
        folder.mkdir(parents=True)
        (folder / "model.safetensors").write_bytes(b"by hand")
        assert fetched(parsed(NAME)) == folder

    @pytest.mark.parametrize("revision", ["main", COMMIT])
    def test_the_cache_of_the_hub_serves(self, revision: str) -> None:
        snapshot = cached(b"weights")
        assert fetched(Repository(NAME, revision)) == snapshot

    def test_a_damaged_blob_there_is_refused(self) -> None:
        snapshot = cached(b"weights")
        (snapshot / "model.safetensors").resolve().write_bytes(b"weighty")
        with pytest.raises(RefusedError, match="damaged, or another file"):
            fetched(Repository(NAME))

    @pytest.mark.parametrize("reference", ["../../../etc", "", "x" * 40, "0" * 200])
    def test_a_reference_that_is_no_commit_is_nothing(self, reference: str) -> None:
        cached(b"weights", reference)
        with pytest.raises(ResourceError):
            fetched(Repository(NAME))


def cached(weights: bytes, reference: str = COMMIT) -> Path:
    """In the layout of huggingface_hub: a snapshot of links to files that are named by their sha256."""
    root = repository._cache() / f"models--{NAME.replace('/', '--')}"
    blob = root / "blobs" / hashlib.sha256(weights).hexdigest()
    snapshot = root / "snapshots" / COMMIT
    for folder in (blob.parent, snapshot, root / "refs"):
        folder.mkdir(parents=True)
    blob.write_bytes(weights)
    (snapshot / "model.safetensors").symlink_to(blob)
    (root / "refs" / "main").write_text(reference)
    return snapshot


@pytest.mark.parametrize("origin", [b"", b"[]", b'{"sha256": {"model.safetensors": "x"}}', b"[" * 100_000])
def test_an_origin_that_no_download_left_is_refused(origin: bytes) -> None:
    folder = data_folder() / "weights" / NAME
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"")
    (folder / "origin.json").write_bytes(origin)
    with pytest.raises(RefusedError, match="not what a download leaves"):
        fetched(parsed(NAME))


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"HF_HOME": "/a"}, "/a/hub"),
        ({"XDG_CACHE_HOME": "/b"}, "/b/huggingface/hub"),
        ({"HF_HOME": "/a", "HF_HUB_CACHE": "/c"}, "/c"),
    ],
)
def test_the_cache_is_where_the_hub_puts_it(
    environment: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HF_HOME", "HF_HUB_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert repository._cache() == Path(expected)


@given(st.text() | st.from_regex(r"[\w./@-]{1,30}/[\w./@-]{1,30}"))
def test_a_name_leads_nowhere_but_to_a_repository(text: str) -> None:
    try:
        found = parsed(text)
    except UsageError:
        return
    assert f"{found.name}@{found.revision}" in (text, f"{text}@main")
    inside = (data_folder() / "weights").resolve()
    assert found.folder.resolve().is_relative_to(inside)
    assert len(found.folder.resolve().relative_to(inside).parts) == 2
    assert found.url("f").count("/") == 7
    assert found.url("f").isascii()


@pytest.mark.parametrize(
    "text", ["", "a", "a/b/c", "../b", "a/..", "a/b@", "a/b@../x", "a b/c", "a/b?x", "a/b#x", "é/b"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="hub:OWNER/NAME"):
        parsed(text)
