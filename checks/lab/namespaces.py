"""The lab between network namespaces of this kernel, where packets are really lost, reset and rewritten.

    probe -- isp -- net        a probe and an isp for every scenario, and for the control

The sites and the resolvers outside stand in `net`, a network's resolver and its filter in its `isp`. One
process of ours serves in all of them. It needs root, iproute2 and iptables, and changes nothing outside
the namespaces that it makes.
"""

from __future__ import annotations

import asyncio
import ctypes
import itertools
import os
import re
import shutil
import socket
import struct
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType
from typing import Self

from checks.engine.world import DOH, PUBLIC_RESOLVERS
from checks.lab import resolvers
from checks.lab.connections import pass_plain, pass_secure
from checks.lab.filters import PLAIN_PROXY, SECURE_PROXY, iptables
from checks.lab.injector import ETH_P_IP, inject
from checks.lab.listeners import Listeners, Place
from checks.lab.networks import BrokenIPv6, InjectReply, Network, NoUplink
from checks.lab.resolvers import GENUINE_AFTER
from checks.lab.scenarios import RESOLVER, SCENARIOS, Scenario, control_network
from checks.lab.servers import Servers, describe, standing, world_file

NAMED = Path("/run/netns")  # where iproute2 keeps namespaces that have a name
OURS = re.compile(r"tizilim-lab-(?P<pid>\d+)-")
COMMANDS = ("ip", "iptables-legacy-restore")
NEIGHBOUR_RETRY = 300  # milliseconds; a dead gateway is given up after three
CLONE_NEWNET = 0x40000000  # linux/sched.h
SO_ORIGINAL_DST = 80  # linux/netfilter_ipv4.h

_libc = ctypes.CDLL(None, use_errno=True)
_instances = itertools.count()


def why_not_here() -> str | None:
    """What keeps this machine from running it; None when nothing does."""
    if os.geteuid() != 0:
        return "it needs root"
    for command in COMMANDS:
        if shutil.which(command) is None:
            return f"there is no {command} (Debian: apt install iproute2 iptables)"
    name = f"tizilim-lab-{os.getpid()}-try"
    every_rule = [rule for scenario in SCENARIOS for rule in scenario.rules]
    try:
        _ip([f"netns add {name}"])
        with inside(name):
            _run("iptables-legacy-restore", stdin=iptables(every_rule, RESOLVER, {}))
    except subprocess.CalledProcessError as error:
        return f"{error.cmd[0]} says: {error.stderr.strip()}"
    except OSError as error:
        return f"this process cannot enter a namespace: {error}"
    finally:
        _remove(known for known in _named() if known == name)
    return None


@contextmanager
def inside(namespace: str) -> Iterator[None]:
    """What this thread opens or starts meanwhile belongs to the namespace. A coroutine must not await in here."""
    with open("/proc/thread-self/ns/net", "rb") as before, open(NAMED / namespace, "rb") as entered:
        _enter(entered.fileno())
        try:
            yield
        finally:
            _enter(before.fileno())


def sweep() -> None:
    """Remove what processes left behind that were killed."""
    dead = [name for name in _named() if (ours := OURS.match(name)) and not Path("/proc", ours["pid"]).exists()]
    _remove(dead)


@dataclass(frozen=True, slots=True)
class Line:
    """One network's way to the world: the namespaces, and the commands that join and address them."""

    number: int
    network: Network
    prefix: str

    @property
    def vantage(self) -> str:
        return self.network.vantages[0].name

    @property
    def probe(self) -> str:
        return f"{self.prefix}{self.vantage}"

    @property
    def isp(self) -> str:
        return f"{self.prefix}isp.{self.vantage}"

    @property
    def gateway(self) -> str:
        """The probe's."""
        return f"10.66.{self.number}.1"

    def joins(self, net: str) -> tuple[str, ...]:
        return (
            f"link add isp netns {self.probe} type veth peer name probe netns {self.isp}",
            f"link add net netns {self.isp} type veth peer name isp{self.number} netns {net}",
        )

    def at_probe(self) -> Iterator[str]:
        yield "link set lo up"
        yield "link set isp up"
        yield f"addr add 10.66.{self.number}.2/30 dev isp"
        yield f"addr add fd66:{self.number:x}:1::2/64 dev isp nodad"
        yield f"route add default via {self.gateway}"
        broken = next((rule for rule in self.network.rules if isinstance(rule, BrokenIPv6)), None)
        if broken is None or broken.gateway:
            yield f"route add ::/0 via fd66:{self.number:x}:1::{'dead' if broken else '1'}"
        if any(isinstance(rule, NoUplink) for rule in self.network.rules):
            yield "link set isp down"

    def at_isp(self) -> Iterator[str]:
        yield from (f"link set {device} up" for device in ("lo", "probe", "net"))
        yield f"addr add {self.network.resolver} dev lo"
        yield f"addr add {self.gateway}/30 dev probe"
        yield f"addr add 10.66.{self.number}.6/30 dev net"
        yield f"addr add fd66:{self.number:x}:1::1/64 dev probe nodad"
        yield f"addr add fd66:{self.number:x}:2::2/64 dev net nodad"
        yield f"route add default via 10.66.{self.number}.5"
        yield f"route add ::/0 via fd66:{self.number:x}:2::1"

    def at_net(self) -> Iterator[str]:
        # One packet at a time: a filter that counts packets must not meet super-packets of 64 kB.
        yield f"link set isp{self.number} up gso_max_segs 1"
        yield f"addr add 10.66.{self.number}.5/30 dev isp{self.number}"
        yield f"addr add fd66:{self.number:x}:2::1/64 dev isp{self.number} nodad"
        yield f"route add 10.66.{self.number}.0/30 via 10.66.{self.number}.6"
        yield f"route add fd66:{self.number:x}:1::/64 via fd66:{self.number:x}:2::2"


class Namespaces:
    """`async with Namespaces(directory, scenarios)`: as `Lab`, and lab.json names the namespace of each vantage."""

    def __init__(self, directory: Path, scenarios: Sequence[Scenario]) -> None:
        self.directory = directory
        networks = [control_network(scenarios), *(scenario.network for scenario in scenarios)]
        self._sites = standing(networks)
        self._servers = Servers(self._sites)
        self._prefix = f"tizilim-lab-{os.getpid()}-{next(_instances)}-"
        self._net = self._prefix + "net"
        self._lines = [Line(number, network, self._prefix) for number, network in enumerate(networks)]
        self._listeners: list[Listeners] = []

    async def __aenter__(self) -> Self:
        sweep()
        try:
            await self._start()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._stop()

    async def _start(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        self._lay_lines()
        await self._serve_net()
        for line in self._lines:
            await self._serve_isp(line)
            self._servers.world(line.network, None).save(self.directory / world_file(line.vantage))
        namespaces = {line.vantage: line.probe for line in self._lines}
        describe(self.directory, [line.network for line in self._lines], namespaces)

    async def _stop(self) -> None:
        for listeners in self._listeners:
            await listeners.close()
        _remove(name for name in _named() if name.startswith(self._prefix))

    def _lay_lines(self) -> None:
        names = [self._net, *(name for line in self._lines for name in (line.probe, line.isp))]
        _ip(f"netns add {name}" for name in names)
        _ip(join for line in self._lines for join in line.joins(self._net))
        addresses = {a for site in self._sites.values() for a in (*site.addresses, *site.mirrors)}
        addresses |= {resolver.address for resolver in PUBLIC_RESOLVERS}
        with inside(self._net):
            _ip(["link set lo up", *(f"addr add {address} dev lo" for address in addresses)])
            _ip(command for line in self._lines for command in line.at_net())
            _forward()
        for line in self._lines:
            with inside(line.isp):
                _ip(line.at_isp())
                _forward()
                if rules := iptables(line.network.rules, line.network.resolver, self._sites):
                    _run("iptables-legacy-restore", stdin=rules)
            with inside(line.probe):
                _ip(line.at_probe())
                Path("/proc/sys/net/ipv6/neigh/isp/retrans_time_ms").write_text(str(NEIGHBOUR_RETRY))

    async def _serve_net(self) -> None:
        listeners = self._listen_in(self._net)
        for site in self._sites.values():
            for address in (*site.addresses, *site.mirrors):
                for port in {80, *site.secure_ports}:
                    if serve := self._servers.site(site, port, (), self._client):
                        listeners.tcp((address, port), serve)
        honest = partial(resolvers.honest, sites=self._sites)
        for resolver in PUBLIC_RESOLVERS:
            place = resolver.address, resolver.port
            if resolver.role == DOH:
                listeners.tcp(place, self._servers.dns_over_https(self._sites, ()))
            else:
                listeners.tcp(place, partial(resolvers.serve_tcp, answer=honest))
                await listeners.udp(place, lambda query: [honest(query)], distance=GENUINE_AFTER)

    async def _serve_isp(self, line: Line) -> None:
        rules, resolver = line.network.rules, line.network.resolver
        listeners = self._listen_in(line.isp)
        isp = partial(resolvers.isp, sites=self._sites, rules=rules)
        listeners.tcp((resolver, 53), partial(resolvers.serve_tcp, answer=isp))
        await listeners.udp((resolver, 53), lambda query: [isp(query)])

        async def secure(sock: socket.socket) -> None:
            onward = partial(_onward, sock, line.isp)
            await pass_secure(sock, rules=rules, intercept=self._servers.intercept, onward=onward)

        async def plain(sock: socket.socket) -> None:
            await pass_plain(sock, rules=rules, onward=partial(_onward, sock, line.isp))

        listeners.tcp((line.gateway, SECURE_PROXY), secure)
        listeners.tcp((line.gateway, PLAIN_PROXY), plain)
        if any(isinstance(rule, InjectReply) for rule in rules):
            with inside(line.isp):
                wire = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_IP))
                out = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
                wire.bind(("probe", ETH_P_IP))
            listeners.spawn(inject(wire, out, rules, resolver))

    def _listen_in(self, namespace: str) -> Listeners:
        def bind(kind: socket.SocketKind, place: Place) -> socket.socket:
            with inside(namespace):
                sock = _socket(place[0], kind)
            sock.bind(place)
            return sock

        self._listeners.append(Listeners(bind))
        return self._listeners[-1]

    def _client(self, sock: socket.socket) -> Network:
        """Whose customer is at the other end: an address carries the number of its line."""
        packed = ip_address(sock.getpeername()[0]).packed
        return self._lines[packed[2] if len(packed) == 4 else int.from_bytes(packed[2:4])].network


async def _onward(sock: socket.socket, namespace: str) -> socket.socket:
    """A connection to where the client wanted to go before its packets were redirected to us."""
    port, host = struct.unpack("!2xH4s8x", sock.getsockopt(socket.IPPROTO_IP, SO_ORIGINAL_DST, 16))
    with inside(namespace):
        other = _socket("", socket.SOCK_STREAM)
    try:
        await asyncio.get_running_loop().sock_connect(other, (socket.inet_ntoa(host), port))
    except BaseException:
        other.close()
        raise
    return other


def _socket(address: str, kind: socket.SocketKind) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
    sock.setblocking(False)
    return sock


def _named() -> list[str]:
    return sorted(path.name for path in NAMED.iterdir()) if NAMED.is_dir() else []


def _remove(namespaces: Iterable[str]) -> None:
    _ip(f"netns del {name}" for name in namespaces)


def _forward() -> None:
    """Make the namespace that this thread is in a router."""
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    Path("/proc/sys/net/ipv6/conf/all/forwarding").write_text("1")


def _ip(commands: Iterable[str]) -> None:
    _run("ip", "-batch", "-", stdin="\n".join(commands))


def _run(*command: str, stdin: str = "") -> None:
    """Raises CalledProcessError, with what the command said."""
    subprocess.run(command, input=stdin, text=True, check=True, capture_output=True)  # noqa: S603 (commands of ours)


def _enter(namespace: int) -> None:
    if _libc.setns(namespace, CLONE_NEWNET) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
