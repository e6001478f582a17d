"""A network's rules as iptables can enforce them. What it cannot is left to a proxy or to the resolver.

The legacy variant, because it finds a name anywhere in a packet (xt_string), which nft cannot: like the cheap
filters of real networks it knows no TLS and looks at one segment at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from checks.lab.networks import PACE, Act, InterceptDns, OnConnect, OnHost, OnServerName, Residual, Rule
from checks.lab.resolvers import Sites

SECURE_PROXY, PLAIN_PROXY = 10443, 10080  # ports of the filter's own proxies
PROXIED = frozenset({Act.CLOSE, Act.SLOW, Act.INTERCEPT, Act.PAGE, Act.LOGIN})
SEGMENT = 1448  # bytes of data in a full packet

_SECURE = "-p tcp -m multiport --dports 443,8443"
_FIRST_DATA = "--tcp-flags PSH PSH"  # a connection's first packet with data, or the end of it
_VERDICTS = {
    Act.DROP: "DROP",
    Act.RESET: "REJECT --reject-with tcp-reset",
    Act.REFUSE: "REJECT --reject-with tcp-reset",
    Act.UNREACHABLE: "REJECT --reject-with icmp-host-unreachable",
}


def iptables(rules: Sequence[Rule], resolver: str, sites: Sites) -> str:
    """What iptables-legacy-restore reads; empty when the kernel has nothing to do."""
    tables = {"mangle": _marks(rules), "nat": _detours(rules, resolver), "filter": _ends(rules, sites)}
    texts = {name: "\n".join(lines) for name, lines in tables.items()}
    return "".join(f"*{name}\n{text}\nCOMMIT\n" for name, text in texts.items() if text)


def _marks(rules: Sequence[Rule]) -> Iterator[str]:
    for rule in rules:
        if isinstance(rule, OnServerName) and rule.act is Act.THROTTLE:
            yield f"-A FORWARD {_SECURE} {_says(rule.name)} -j CONNMARK --set-mark 1"


def _detours(rules: Sequence[Rule], resolver: str) -> Iterator[str]:
    for rule in rules:
        if isinstance(rule, InterceptDns):
            for transport in ("udp", "tcp"):
                yield f"-A PREROUTING -i probe -p {transport} --dport 53 -j DNAT --to-destination {resolver}"
        elif isinstance(rule, OnServerName) and rule.act in PROXIED:
            yield f"-A PREROUTING -i probe {_SECURE} -j REDIRECT --to-ports {SECURE_PROXY}"
        elif isinstance(rule, OnHost) and rule.act in PROXIED:
            yield f"-A PREROUTING -i probe -p tcp --dport 80 -j REDIRECT --to-ports {PLAIN_PROXY}"


def _ends(rules: Sequence[Rule], sites: Sites) -> Iterator[str]:
    for rule in rules:
        if isinstance(rule, OnConnect):
            for address in (a for site in sites.values() if rule.covers(site.name) for a in site.addresses):
                when = _FIRST_DATA if rule.act is Act.RESET else ""
                yield f"-A FORWARD -d {address} -p tcp {when} -j {_VERDICTS[rule.act]}"
        elif isinstance(rule, OnServerName) and rule.act in _VERDICTS:
            when = _says(rule.name) if rule.name else _FIRST_DATA
            yield f"-A FORWARD -i probe {_SECURE} {when} -j {_VERDICTS[rule.act]}"
        elif isinstance(rule, OnServerName) and rule.act is Act.THROTTLE:
            # In packets, because a limit in bytes lets a whole second's worth through at once.
            yield (
                "-A FORWARD -o probe -m connmark --mark 1 -m hashlimit --hashlimit-name throttle "
                f"--hashlimit-above {PACE // SEGMENT}/sec --hashlimit-burst 20 -j DROP"
            )
        elif isinstance(rule, OnHost) and rule.act in _VERDICTS:
            yield f"-A FORWARD -i probe -p tcp --dport 80 {_says(f'Host: {rule.name}')} -j {_VERDICTS[rule.act]}"
        elif isinstance(rule, Residual):
            # Only the name begins a new span: what is dropped meanwhile must not prolong it.
            seen = "-m recent --name residual --rdest"
            yield f"-A FORWARD -i probe -p tcp {seen} --rcheck --seconds {rule.seconds} -j DROP"
            yield f"-A FORWARD -i probe {_SECURE} {_says(rule.name)} {seen} --set -j DROP"


def _says(text: str) -> str:
    return f'-m string --algo bm --icase --string "{text}"'
