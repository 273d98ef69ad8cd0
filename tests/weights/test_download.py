"""Downloads from a server on this machine, which stands for the https servers of the world."""

from __future__ import annotations

import hashlib
import http.server
import os
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from topfive.errors import RefusedError, ResourceError
from topfive.weights import download
from topfive.weights.download import UnreachableError

CONTENT = bytes(range(256)) * 5000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/absent":
            self.send_error(404)
            return
        self.send_response(302 if self.path == "/moved" else 200)
        if self.path == "/moved":
            self.send_header("Location", "http://elsewhere.example/x")
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[:-1000] if self.path == "/short" else CONTENT)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What is asked of https://here/ is answered by a server on the loopback."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()

        def opened(url: str) -> IO[bytes]:
            local = url.replace("https://here", f"http://127.0.0.1:{running.server_port}")
            answer: IO[bytes] = urllib.request.build_opener(download._SecureRedirects).open(local, timeout=10)
            return answer

        monkeypatch.setattr(download, "opened", opened)
        yield
        running.shutdown()
        thread.join()


@pytest.mark.usefixtures("server")
class TestFromAServer:
    @pytest.mark.parametrize("digest", ["", DIGEST[:8], DIGEST])
    def test_the_whole_file_arrives(self, digest: str, tmp_path: Path) -> None:
        download.download("https://here/a", tmp_path / "new" / "a", digest)
        assert (tmp_path / "new" / "a").read_bytes() == CONTENT
        assert os.listdir(tmp_path / "new") == ["a"]

    @pytest.mark.parametrize("before", [None, b"old"])
    @pytest.mark.parametrize(
        ("path", "digest", "error", "says"),
        [
            ("a", "00000000", RefusedError, f"begins with {DIGEST[:8]}, and 00000000 was published"),
            ("short", DIGEST, UnreachableError, "cut short at"),
            ("absent", DIGEST, UnreachableError, "the server answers 404"),
            ("moved", DIGEST, UnreachableError, "redirected to http"),
        ],
    )
    def test_anything_less_leaves_the_place_as_it_was(
        self, path: str, digest: str, error: type[Exception], says: str, before: bytes | None, tmp_path: Path
    ) -> None:
        target = tmp_path / "a"
        if before is not None:
            target.write_bytes(before)
        with pytest.raises(error, match=says):
            download.download(f"https://here/{path}", target, digest)
        assert (target.read_bytes() if target.exists() else None) == before
        assert len(os.listdir(tmp_path)) == (before is not None)

    def test_a_short_answer_is_bounded(self) -> None:
        assert download.text("https://here/a") == CONTENT
        with pytest.raises(UnreachableError, match="more than 100 bytes"):
            download.text("https://here/a", maximum=100)

    def test_a_full_disk_is_said(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_bytes(b"")
        with pytest.raises(ResourceError, match="cannot write"):
            download.download("https://here/a", tmp_path / "a" / "b", DIGEST)


@pytest.mark.parametrize("url", ["http://here/a", "file:///etc/passwd", "ftp://here/a"])
def test_nothing_but_https_is_asked(url: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not https"):
        download.download(url, tmp_path / "a")
    assert os.listdir(tmp_path) == []


def test_without_a_network_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def opened(url: str) -> IO[bytes]:
        raise urllib.error.URLError(OSError(-3, "Temporary failure in name resolution"))

    monkeypatch.setattr(download, "opened", opened)
    with pytest.raises(UnreachableError, match="no network: Temporary failure in name resolution"):
        download.download("https://here/a", tmp_path / "a")
    with pytest.raises(UnreachableError, match="no network"):
        download.text("https://here/a")
