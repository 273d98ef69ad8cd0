"""A repository of the Hugging Face hub as a folder on this machine: found in a cache, or downloaded."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from topfive import artifact
from topfive.data.places import data_folder
from topfive.errors import RefusedError, ResourceError, UsageError
from topfive.weights import download, hub
from topfive.weights.download import UnreachableError

HUB = "https://huggingface.co"
ORIGIN = "origin.json"  # what we downloaded, written last: a folder without it was filled by hand
_NAME = re.compile(r"(?!.*\.\.)[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}(@[\w.-]{1,64})?", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_KINDS = (hub.WEIGHTS, "pytorch_model.bin")


@dataclass(frozen=True)
class Repository:
    """`revision` is a branch, a tag or a commit."""

    name: str
    revision: str = "main"

    @property
    def folder(self) -> Path:
        """Where we keep it, and where a user may put the files."""
        pinned = "" if self.revision == "main" else f"@{self.revision}"
        return data_folder() / "weights" / f"{self.name}{pinned}"

    def url(self, file: str, commit: str = "") -> str:
        return f"{HUB}/{self.name}/resolve/{commit or self.revision}/{file}"


def parsed(text: str) -> Repository:
    """OWNER/NAME, or OWNER/NAME@REVISION.  UsageError for anything else."""
    if _NAME.fullmatch(text) is None:
        raise UsageError(
            "weights", f"hub:{text}", "not a repository", "Write hub:OWNER/NAME or hub:OWNER/NAME@REVISION"
        )
    name, _, revision = text.partition("@")
    return Repository(name, revision or "main")


def fetched(repository: Repository) -> Path:
    """The folder with its weights: ours, the one in the hub's own cache, or ours after a download.

    ResourceError, with what to download into which folder, where there is no network.
    """
    for folder in _places(repository):
        if any((folder / kind).is_file() for kind in _KINDS):
            _check(folder)
            return folder
    try:
        _download(repository)
    except UnreachableError as error:
        raise ResourceError(
            "weights",
            f"hub:{repository.name}",
            f"they are in no cache, and {error}",
            f"Download {repository.url(hub.WEIGHTS)} and {repository.url(hub.CONFIG)} into {repository.folder}",
        ) from error
    return repository.folder


def _places(repository: Repository) -> Iterator[Path]:
    yield repository.folder
    cached = _cache() / f"models--{repository.name.replace('/', '--')}"
    reference = cached / "refs" / repository.revision
    commit = repository.revision
    if reference.is_file() and reference.stat().st_size < 100:
        commit = reference.read_text(encoding="ascii", errors="replace").strip()
    if _COMMIT.fullmatch(commit):
        yield cached / "snapshots" / commit


def _cache() -> Path:
    """Where huggingface_hub keeps what it downloaded."""
    if given := os.environ.get("HF_HUB_CACHE"):
        return Path(given)
    if home := os.environ.get("HF_HOME"):
        return Path(home, "hub")
    return Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "huggingface", "hub")


def _check(folder: Path) -> None:
    """Against the digests that are known: ours of the download, or the names in the hub's cache.

    A folder filled by hand has neither.
    """
    promised = _origin(folder / ORIGIN)
    for file in (*_KINDS, hub.CONFIG):
        path = folder / file
        if not path.is_file():
            continue
        blob = path.resolve().name
        digest = promised.get(file) or (blob if path.is_symlink() and _DIGEST.fullmatch(blob) else "")
        if digest:
            check_digest(path, digest, "was published")


def check_digest(path: Path, digest: str, says: str) -> None:
    """RefusedError unless the sha256 of the file begins with `digest`."""
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if not found.startswith(digest):
        why = f"damaged, or another file: its sha256 begins with {found[:16]}, and {digest[:16]} {says}"
        raise RefusedError("weights", path, why, "Delete it, so that it is downloaded again")


def _origin(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    try:
        said = json.loads(path.read_bytes())["sha256"]
        if all(isinstance(value, str) and _DIGEST.fullmatch(value) for value in said.values()):
            return {str(key): value for key, value in said.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    raise RefusedError(
        "weights", path, "not what a download leaves", "Delete the folder, so that it is downloaded again"
    )


def _download(repository: Repository) -> None:
    """At one commit, whatever happens to the branch meanwhile; the digests are those that the hub has published."""
    commit, files = _listing(repository)
    weights = next((kind for kind in _KINDS if kind in files), None)
    if weights is None:
        listed = " nor ".join(_KINDS)
        raise RefusedError("weights", f"hub:{repository.name}", f"it has neither {listed}", "Choose another repository")
    wanted = [file for file in (hub.CONFIG, weights) if file in files]
    for file in wanted:
        download.download(repository.url(file, commit), repository.folder / file, files[file])
    digests = {}
    for file in wanted:
        with open(repository.folder / file, "rb") as opened:
            digests[file] = hashlib.file_digest(opened, "sha256").hexdigest()
    said = {"repository": f"{HUB}/{repository.name}", "commit": commit, "sha256": digests}
    artifact.write(repository.folder / ORIGIN, (json.dumps(said, indent=2) + "\n").encode("ascii"))


def _listing(repository: Repository) -> tuple[str, dict[str, str]]:
    """The commit, and the sha256 of its files by name, "" for small ones, for which the hub has none."""
    answer = download.text(f"{HUB}/api/models/{repository.name}/revision/{repository.revision}?blobs=true")
    try:
        said = json.loads(answer)
        commit = said["sha"]
        files = {entry["rfilename"]: (entry.get("lfs") or {}).get("sha256", "") for entry in said["siblings"]}
        if not _COMMIT.fullmatch(commit) or any(d and not _DIGEST.fullmatch(d) for d in files.values()):
            raise ValueError
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UnreachableError("the hub's answer is not what it used to be") from error
    return commit, files
