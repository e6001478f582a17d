"""Forges replies of resolvers outside: reads queries off the wire, and answers faster than whoever was asked."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Sequence

from checks.lab import resolvers
from checks.lab.networks import Rule

ETH_P_IP = 0x0800
UDP_HEADER = struct.Struct("!HHHH")  # ports, length, checksum: 0 is none (RFC 768)
IP_HEADER = struct.Struct("!BBHHHBBH4s4s")


async def inject(wire: socket.socket, out: socket.socket, rules: Sequence[Rule], own_resolver: str) -> None:
    """`wire` is a packet socket on the clients' side, `out` a raw one; both are closed at the end."""
    loop = asyncio.get_running_loop()
    with wire, out:
        wire.setblocking(False)
        out.setblocking(False)
        while True:
            packet, (_, _, direction, *_) = await loop.sock_recvfrom(wire, 2**16)
            if direction == socket.PACKET_OUTGOING or packet[9] != socket.IPPROTO_UDP:
                continue
            source, asked = packet[12:16], packet[16:20]
            datagram = packet[(packet[0] & 0x0F) * 4 :]
            from_port, to_port, _, _ = UDP_HEADER.unpack_from(datagram)
            query = resolvers.read_query(datagram[UDP_HEADER.size :])
            if to_port != 53 or query is None or asked == socket.inet_aton(own_resolver):
                continue
            for reply in resolvers.forged(query, rules):
                data = reply.to_wire()
                udp = UDP_HEADER.pack(to_port, from_port, UDP_HEADER.size + len(data), 0)
                # The kernel fills in length, identification and checksum.
                ip = IP_HEADER.pack(0x45, 0, 0, 0, 0, 64, socket.IPPROTO_UDP, 0, asked, source)
                await loop.sock_sendto(out, ip + udp + data, (socket.inet_ntoa(source), 0))
