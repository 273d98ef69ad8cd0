"""A file from the network: over https alone, whole or not at all, and only with the checksum that was published."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO, Any

from topfive import __version__
from topfive.errors import RefusedError, ResourceError

MAXIMUM_BYTES = 8 << 30
TIMEOUT = 30.0  # seconds without a byte
_CHUNK = 1 << 20


class UnreachableError(Exception):
    """There is no network, or nothing at the address; the text says which."""


class _SecureRedirects(urllib.request.HTTPRedirectHandler):
    """Follows a redirection, as the hub's to its file servers, unless it leaves https."""

    def redirect_request(self, req: urllib.request.Request, *args: Any) -> urllib.request.Request | None:
        request = super().redirect_request(req, *args)
        if request is not None and request.type != "https":
            raise UnreachableError(f"redirected to {request.type}")
        return request


def opened(url: str) -> IO[bytes]:
    """The answer of the server at an https address."""
    if not url.startswith("https://"):
        raise ValueError(f"{url} is not https")
    request = urllib.request.Request(url, headers={"User-Agent": f"topfive/{__version__}"})
    answer: IO[bytes] = urllib.request.build_opener(_SecureRedirects).open(request, timeout=TIMEOUT)
    return answer


def text(url: str, maximum: int = 16 << 20) -> bytes:
    """A short answer.  UnreachableError where there is none."""
    try:
        with opened(url) as answer:
            content = answer.read(maximum + 1)
    except (OSError, http.client.HTTPException) as error:
        raise UnreachableError(_reason(error)) from error
    if len(content) > maximum:
        raise UnreachableError(f"an answer of more than {maximum:,} bytes")
    return content


def download(url: str, target: Path, sha256: str = "") -> None:
    """Write what is at `url` to `target`; `sha256` is the beginning of its digest in hex, as far as it is known.

    Raises UnreachableError, RefusedError for other content than was published, ResourceError where the disk fails; in
    each case `target` stays as it was.
    """
    partial = target.with_name(f".{target.name}-{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(partial, "xb") as file:
            found = _copy(url, file)
            file.flush()
            os.fsync(file.fileno())
        if not found.startswith(sha256):
            why = f"its sha256 begins with {found[: len(sha256)]}, and {sha256} was published"
            raise RefusedError("download", url, why, "Try again later, or ask whoever publishes it")
        os.replace(partial, target)
    except OSError as error:
        raise ResourceError(
            "cannot write", target, error.strerror or str(error), "Make room, or free the path"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            os.unlink(partial)


def _copy(url: str, file: IO[bytes]) -> str:
    """The digest of what was copied."""
    digest, done = hashlib.sha256(), 0
    try:
        answer = opened(url)
    except (OSError, http.client.HTTPException) as error:
        raise UnreachableError(_reason(error)) from error
    with answer:
        promised = getattr(answer, "length", None)  # of an HTTPResponse: what is still to come
        while chunk := _chunk(answer):
            done += len(chunk)
            if done > MAXIMUM_BYTES:
                raise UnreachableError(f"more than {MAXIMUM_BYTES:,} bytes")
            digest.update(chunk)
            file.write(chunk)
    if promised not in (None, done):
        raise UnreachableError(f"cut short at {done:,} of {promised:,} bytes")
    return digest.hexdigest()


def _chunk(answer: IO[bytes]) -> bytes:
    try:
        return answer.read(_CHUNK)
    except (OSError, http.client.HTTPException) as error:
        raise UnreachableError(_reason(error)) from error


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answers {error.code}"
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, OSError) and cause.strerror:
        return f"no network: {cause.strerror}"
    return f"no network: {cause or type(error).__name__}"
