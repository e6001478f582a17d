"""Which addresses are never dialled, and which of them are bogons when a resolver answers with them.

The guard looks at the address that a resolver or a person gave, before `World.dial` maps it, and
that very address is dialled: no name is resolved twice.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

# IANA IPv4 Special-Purpose Address Registry (RFC 6890), multicast (RFC 5771), and one cloud's metadata.
_REFUSED_V4 = tuple(
    (IPv4Network(block), reason)
    for block, reason in (
        ("0.0.0.0/8", "this network"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "carrier-grade NAT"),
        ("127.0.0.0/8", "loopback"),
        ("168.63.129.16/32", "cloud metadata"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "IETF protocol assignments"),
        ("192.0.2.0/24", "documentation"),
        ("192.31.196.0/24", "AS112"),
        ("192.52.193.0/24", "automatic multicast tunnelling"),
        ("192.88.99.0/24", "6to4 relay"),
        ("192.168.0.0/16", "private"),
        ("192.175.48.0/24", "AS112"),
        ("198.18.0.0/15", "benchmarking"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
    )
)

_BEGINNINGS = [int(block.network_address) for block, _ in _REFUSED_V4]

# Inside 2000::/3, the only part of IPv6 that is given out as global unicast (RFC 4291, IANA).
_GLOBAL_V6 = IPv6Network("2000::/3")
_REFUSED_V6 = tuple(
    (IPv6Network(block), reason)
    for block, reason in (
        ("2001::/23", "IETF protocol assignments"),  # Teredo, ORCHID, benchmarking
        ("2001:db8::/32", "documentation"),
        ("2002::/16", "6to4"),
        ("2620:4f:8000::/48", "AS112"),
        ("3fff::/20", "documentation"),
    )
)

# OONI, probe-cli internal/netxlite/bogon.go.
_BOGONS_V4 = tuple(
    IPv4Network(block)
    for block in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4",
        "240.0.0.0/4",
    )
)  # fmt: skip
_BOGONS_V6 = tuple(
    IPv6Network(block)
    for block in (
        "::/96", "::ffff:0:0/96", "100::/64", "2001:10::/28", "2001:db8::/32", "fc00::/7", "fe80::/10", "fec0::/10",
        "ff00::/8",
    )
)  # fmt: skip


class Refused(Exception):
    """A mistake of ours: something tried to dial an address without asking the guard first."""


@lru_cache(maxsize=4096)
def refuse(address: str) -> str | None:
    """Why this address must not be connected to, or None when it may be."""
    try:
        ip = ip_address(address)
    except ValueError:
        return "not an address"
    if isinstance(ip, IPv4Address):
        return _reason_v4(ip)
    if ip.scope_id is not None:
        return "scoped"
    if ip.ipv4_mapped is not None:
        return _reason_v4(ip.ipv4_mapped)
    if ip not in _GLOBAL_V6:
        return "not global unicast"
    return next((reason for block, reason in _REFUSED_V6 if ip in block), None)


def is_bogon(address: str) -> bool:
    """Whether no public name has any business pointing here. Such an answer is a fact about the resolver."""
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, IPv4Address):
        return _inside(ip, _BOGONS_V4)
    carried = ip.sixtofour or (ip.teredo[0] if ip.teredo else None)
    return _inside(ip, _BOGONS_V6) or (carried is not None and _inside(carried, _BOGONS_V4))


def _reason_v4(ip: IPv4Address) -> str | None:
    """No two blocks overlap, so the last one that begins at or below the address is the only candidate."""
    number = int(ip)
    at = bisect_right(_BEGINNINGS, number) - 1
    block, reason = _REFUSED_V4[at]
    return reason if number <= int(block.broadcast_address) else None


def _inside(ip: IPv4Address | IPv6Address, blocks: Sequence[IPv4Network] | Sequence[IPv6Network]) -> bool:
    return any(ip in block for block in blocks)
