"""The sha256 of every image, written once and compared later: for what no decoder sees, a bit flipped in a JPEG.

A manifest is what GNU `sha256sum` writes and checks: `<sha256>  <path>`, a line with a leading backslash where the path
has escaped backslashes or line ends.  Paths are relative to the root of the data set, in their own bytes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from topfive import artifact
from topfive.data.findings import Detector, Finding
from topfive.data.survey import Survey
from topfive.errors import DataError

_LINE = re.compile(rb"(\\?)([0-9a-f]{64})[ ][ *](.+)", re.DOTALL)
_ESCAPES = {b"\\": b"\\\\", b"\n": b"\\n", b"\r": b"\\r"}
_MEANT = {escape: byte for byte, escape in _ESCAPES.items()}


def write_manifest(path: Path, digests: Mapping[str, bytes]) -> None:
    """Whole or not at all; ResourceError if it cannot be."""
    artifact.write(path, b"".join(_line(name, digest) for name, digest in digests.items()))


def read_manifest(path: Path) -> dict[str, bytes]:
    """The sha256 by path; DataError with the line that is none."""
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise DataError("cannot read manifest", path, error.strerror or str(error)) from None
    found = {}
    for number, line in enumerate(lines, start=1):
        if not line and number == len(lines):
            break
        match = _LINE.fullmatch(line)
        if match is None:
            why = f"line {number} is not a sha256, two blanks and a path"
            raise DataError("manifest", path, why, "Give another, or remove it to have a new one written")
        escaped, digest, name = match.groups()
        if escaped:
            name = re.sub(rb"\\[\\nr]", lambda escape: _MEANT[escape[0]], name)
        found[os.fsdecode(name)] = bytes.fromhex(digest.decode())
    return found


def digests(survey: Survey) -> dict[str, bytes]:
    """Of every file that could be read, whether or not it is an image."""
    glances = zip(survey.paths, survey.glances, strict=True)
    return {path: glance.sha256 for path, glance in glances if glance.sha256}


def changes(manifest: Mapping[str, bytes]) -> Detector:
    """What finds the files that are not as the manifest has them."""

    def changed(survey: Survey) -> Iterator[Finding]:
        labels = {path: survey.classes[label] for path, label in zip(survey.paths, survey.labels, strict=True)}
        found = digests(survey)
        for path, digest in manifest.items():
            if path not in found:
                yield Finding("missing", path, labels.get(path, ""), "the manifest has it", "error")
            elif found[path] != digest:
                why = "its bytes are not those of the manifest (damaged, or edited since)"
                yield Finding("changed", path, labels[path], why, "error")
        for path in found.keys() - manifest.keys():
            yield Finding("unlisted", path, labels[path], "the manifest does not have it", "note")

    return changed


def _line(name: str, digest: bytes) -> bytes:
    path = os.fsencode(name)
    escaped = re.sub(rb"[\\\n\r]", lambda byte: _ESCAPES[byte[0]], path)
    return b"\\" * (escaped != path) + digest.hex().encode() + b"  " + escaped + b"\n"
