"""What a file is, by its first bytes: never by its name."""

from __future__ import annotations

import re

_PICTURES = (
    (b"%!PS", "EPS"),
    (b"\xc5\xd0\xd3\xc6", "EPS"),
    (b"8BPS", "Photoshop"),
    (b"\0\0\x01\0", "ICO"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
)
_OTHERS = (
    (b"%PDF", "PDF"),
    (b"PK\x03\x04", "ZIP"),
    (b"\x1f\x8b", "gzip"),
    (b"\x7fELF", "program"),
    (b"MZ", "program"),
    (b"SQLite format 3", "SQLite"),
    (b"\x80\x02", "pickle"),
    (b"\x80\x03", "pickle"),
    (b"\x80\x04", "pickle"),
    (b"\x80\x05", "pickle"),
    (b"RIFF", "sound or video"),
)


def decodable(data: bytes) -> str | None:
    """The name of the format, where it is one that we decode."""
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if data.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return "TIFF"
    if data.startswith(b"BM"):
        return "BMP"
    return "PNM" if re.match(rb"P[1-6fF][\s#]", data) else None


def foreign_picture(data: bytes) -> str | None:
    """The name of a picture format that we leave out."""
    if data[4:8] == b"ftyp" and data[8:12] in (b"avif", b"avis"):
        return "AVIF"
    if data[4:8] == b"ftyp" and data[8:12] in (b"heic", b"heix", b"hevc", b"mif1", b"msf1"):
        return "HEIC"
    head = _head(data)
    if head.startswith(b"<svg") or (head.startswith((b"<?xml", b"<!doctype svg", b"<!--")) and b"<svg" in head):
        return "SVG"
    return next((name for prefix, name in _PICTURES if data.startswith(prefix)), None)


def foreign(data: bytes) -> str | None:
    """The name of something else, where a glance tells."""
    if data[4:8] == b"ftyp":
        return "video"
    head = _head(data)
    if head.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "HTML"
    if head.startswith(b"<?xml"):
        return "XML"
    for prefix, name in _OTHERS:
        if data.startswith(prefix):
            return name
    return "text" if head.isascii() and head and not re.search(rb"[\x00-\x08\x0e-\x1f\x7f]", head) else None


def _head(data: bytes) -> bytes:
    return data[:1024].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
