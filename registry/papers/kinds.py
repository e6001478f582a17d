"""What a file is, told by its first bytes alone. Of what is not taken too, so that the answer can name it."""

from __future__ import annotations

PDF, PNG, JPEG = b"%PDF-", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
TAKEN = (PDF, PNG, JPEG)

_OTHERS = (
    (b"GIF8", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"RIFF", "WebP"),
    (b"BM", "BMP"),
    (b"PK\3\4", "DOCX, ODT, ZIP"),
    (b"\xd0\xcf\x11\xe0", "DOC"),
    (b"{\\rtf", "RTF"),
    (b"AT&TFORM", "DjVu"),
    (b"\0\0\1\0", "ICO"),
)
_MARKUP = (b"<!doctype", b"<html", b"<?xml", b"<svg", b"<script", b"<head", b"<body")


def other(data: bytes) -> str:
    """The name of a kind that is not taken; empty where it is not known."""
    start = data[:1024].lstrip(b"\xef\xbb\xbf\0 \t\r\n").lower()
    if start.startswith(_MARKUP):
        return "HTML, SVG, XML"
    if data[4:8] == b"ftyp":
        return "HEIC, AVIF"
    return next((name for first, name in _OTHERS if data.startswith(first)), "")
