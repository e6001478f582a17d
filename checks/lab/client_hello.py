"""Reads the server name from a TLS ClientHello, as a filter on the way does: RFC 8446 §4.1.2, RFC 6066 §3."""

from __future__ import annotations

import socket

from checks.lab import streams

RECORD_HEADER = 5
RECORD_LIMIT = RECORD_HEADER + 2**14  # RFC 8446 §5.1


async def peek(sock: socket.socket) -> bytes:
    """The first TLS record of an accepted, non-blocking socket, left in the socket for the TLS server.

    Shorter when the peer closed before it was complete; empty when it is no TLS record.
    """
    header = await streams.peek(sock, RECORD_HEADER, RECORD_HEADER)
    if len(header) < RECORD_HEADER or header[0] != 0x16:
        return b""
    size = min(RECORD_HEADER + int.from_bytes(header[3:5]), RECORD_LIMIT)
    return await streams.peek(sock, size, size)


class _Cut(Exception):
    """The bytes end before a length says that they do."""


def _take(data: bytes, length_size: int) -> tuple[bytes, bytes]:
    """Split off a vector that begins with its own length."""
    end = length_size + int.from_bytes(data[:length_size])
    if len(data) < max(end, length_size):
        raise _Cut
    return data[length_size:end], data[end:]


def server_name(record: bytes) -> str | None:
    """The host name in the ClientHello's server_name extension; None when there is none to be read."""
    try:
        if record[:1] != b"\x16":
            return None
        handshake, _ = _take(record[3:], 2)
        if handshake[:1] != b"\x01":
            return None
        hello, _ = _take(handshake[1:], 3)
        _, rest = _take(hello[2 + 32 :], 1)  # after version and random: session id
        _, rest = _take(rest, 2)  # cipher suites
        _, rest = _take(rest, 1)  # compression methods
        extensions, _ = _take(rest, 2)
        while extensions:
            kind = extensions[:2]
            extension, extensions = _take(extensions[2:], 2)
            if kind == b"\x00\x00":
                names, _ = _take(extension, 2)
                name, _ = _take(names[1:], 2) if names[:1] == b"\x00" else (b"", b"")
                return name.decode("ascii").lower() or None
    except (_Cut, UnicodeDecodeError):
        pass
    return None
