"""A small DoH server behind nginx: POST over HTTP/1.1, handed on to the DNS server over UDP."""

from __future__ import annotations

import asyncio

from benchmarks.servers import DOH_PORT

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/dns-message\r\nContent-Length: %d\r\n\r\n"
_UPSTREAM = ("127.0.0.1", 53)


class Upstream(asyncio.DatagramProtocol):
    """One socket for all questions; a number of ours stands for the client's id meanwhile."""

    def __init__(self) -> None:
        self._open: dict[int, asyncio.Future[bytes]] = {}
        self._last = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        waiting = self._open.pop(int.from_bytes(data[:2]), None)
        if waiting is not None and not waiting.done():
            waiting.set_result(data)

    async def ask(self, question: bytes) -> bytes:
        self._last = (self._last + 1) % 65536
        waiting: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._open[self._last] = waiting
        self._transport.sendto(self._last.to_bytes(2) + question[2:])  # type: ignore[attr-defined]
        return question[:2] + (await waiting)[2:]


async def serve() -> None:
    _, upstream = await asyncio.get_running_loop().create_datagram_endpoint(Upstream, remote_addr=_UPSTREAM)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
                reply = await upstream.ask(await reader.readexactly(length))
                writer.write(_ANSWER % len(reply) + reply)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", DOH_PORT, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve())
