"""Comes to an end when the bench's servers answer: DNS, a page over verified TLS, DoH."""

from __future__ import annotations

import http.client
import socket
import ssl
import sys
import time
from collections.abc import Callable

import dns.exception
import dns.message
import dns.query
import dns.rcode

from benchmarks import sites

_PAUSE = 0.1
_NAME = sites.healthy(1)[0]


class _To(http.client.HTTPSConnection):
    """HTTPS to one name at one given address."""

    def __init__(self, name: str, address: str, trust: ssl.SSLContext) -> None:
        super().__init__(name, context=trust, timeout=2)
        self._context = trust
        self._address = address

    def connect(self) -> None:
        sock = socket.create_connection((self._address, 443), self.timeout)
        self.sock = self._context.wrap_socket(sock, server_hostname=self.host)


def _dns() -> bool:
    question = dns.message.make_query(_NAME, "A")
    return all(dns.query.udp(question, server, timeout=1).answer for server in (sites.RESOLVER, sites.PUBLIC_RESOLVER))


def _page(trust: ssl.SSLContext) -> bool:
    connection = _To(_NAME, sites.address(_NAME), trust)
    connection.request("GET", "/")
    return b"<title>" in connection.getresponse().read()


def _doh(trust: ssl.SSLContext) -> bool:
    connection = _To(sites.DOH_NAME, sites.DOH_SERVER, trust)
    connection.request("POST", "/dns-query", dns.message.make_query(_NAME, "A").to_wire())
    return bool(dns.message.from_wire(connection.getresponse().read()).answer)


def _wait_for(works: Callable[[], bool]) -> None:
    while True:
        try:
            if works():
                return
        except (OSError, dns.exception.DNSException, http.client.HTTPException):
            pass  # not yet; who started us has the deadline
        time.sleep(_PAUSE)


if __name__ == "__main__":
    root = ssl.create_default_context(cafile=sys.argv[1])
    for service in (_dns, lambda: _page(root), lambda: _doh(root)):
        _wait_for(service)
