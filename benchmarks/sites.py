"""The sites of the bench's internet: their names, their addresses, and which of them are black holes.

A name tells what it is, so every client's word can be held against the truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

ZONE = "bench-sites.kz"
SITES, HOLES = "93.99.0.0/16", "93.98.0.0/16"  # public-looking, because the engine's guard refuses all others
RESOLVER, PUBLIC_RESOLVER, DOH_SERVER = "93.97.0.53", "8.8.8.8", "1.1.1.1"
DOH_NAME = "cloudflare-dns.com"
HOLE_SHARE = 0.1
_PER_BLOCK = 250


def healthy(count: int, start: int = 0) -> tuple[str, ...]:
    """Names of sites that answer."""
    return tuple(f"n{number:05d}.{ZONE}" for number in range(start, start + count))


def mixed(count: int) -> tuple[str, ...]:
    """As many targets, one in ten of them a black hole; the same list at every call."""
    holes = set(Random(1).sample(range(count), round(count * HOLE_SHARE)))
    return tuple(f"{'b' if number in holes else 'n'}{number:05d}.{ZONE}" for number in range(count))


def is_hole(name: str) -> bool:
    return name.startswith("b")


def address(name: str) -> str:
    block, host = divmod(_number(name), _PER_BLOCK)
    return f"93.{98 if is_hole(name) else 99}.{block}.{host + 1}"


def control_address(name: str) -> str:
    """A second address of the same site, such as only a control elsewhere is told."""
    block, host = divmod(_number(name), _PER_BLOCK)
    return f"93.99.{128 + block}.{host + 1}"


def zone(names: Sequence[str]) -> str:
    """The zone file. No site has IPv6, so that no client makes a second connection."""
    head = f"$ORIGIN {ZONE}.\n$TTL 60\n@ SOA ns hostmaster 1 60 60 60 60\n@ NS ns\nns A {RESOLVER}\n"
    return head + "".join(f"{name}. A {address(name)}\n" for name in names)


def _number(name: str) -> int:
    return int(name[1:6])
