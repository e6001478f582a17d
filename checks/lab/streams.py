"""Asyncio streams over a socket that was accepted, and perhaps peeked at, before."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

READ_LIMIT = 2**16


@asynccontextmanager
async def streams(
    sock: socket.socket, context: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Reader and writer, after the TLS handshake if there is a context; closed at the end.

    Raises OSError (ssl.SSLError among them) when the handshake fails.
    """
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(READ_LIMIT)
    protocol = asyncio.StreamReaderProtocol(reader)
    transport, _ = await loop.connect_accepted_socket(lambda: protocol, sock, ssl=context)
    writer = asyncio.StreamWriter(transport, protocol, reader, loop)
    try:
        yield reader, writer
        writer.close()
        await writer.wait_closed()
    finally:
        transport.abort()


def reset_on_close(sock: socket.socket) -> None:
    """Closing the socket will send RST instead of FIN."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
