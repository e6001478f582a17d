"""Why a step failed: the names of OONI's data format df-007, by one table of classes and one of errnos."""

from __future__ import annotations

import errno
import zlib
from enum import StrEnum

import dns.exception
import h11
from OpenSSL import SSL


class Failure(StrEnum):
    """df-007 (github.com/ooni/spec, data-formats/df-007-errors.md), the names this engine uses."""

    DNS_NXDOMAIN = "dns_nxdomain_error"
    DNS_NO_ANSWER = "dns_no_answer"
    DNS_SERVFAIL = "dns_servfail_error"
    DNS_REFUSED = "dns_refused_error"
    DNS_MISBEHAVING = "dns_server_misbehaving"
    DNS_BOGON = "dns_bogon_error"  # ends a visit whose only addresses the guard refused
    DNS_WRONG_ID = "dns_reply_with_wrong_query_id"
    CONNECTION_REFUSED = "connection_refused"
    CONNECTION_RESET = "connection_reset"
    CONNECTION_ABORTED = "connection_aborted"
    CONNECTION_CLOSED = "connection_already_closed"
    EOF = "eof_error"
    TIMEOUT = "generic_timeout_error"
    HOST_UNREACHABLE = "host_unreachable"
    NETWORK_UNREACHABLE = "network_unreachable"
    NETWORK_DOWN = "network_down"
    NETWORK_RESET = "network_reset"
    SSL_INVALID_HOSTNAME = "ssl_invalid_hostname"
    SSL_UNKNOWN_AUTHORITY = "ssl_unknown_authority"
    SSL_INVALID_CERTIFICATE = "ssl_invalid_certificate"
    SSL_FAILED_HANDSHAKE = "ssl_failed_handshake"
    HTTP_REQUEST_FAILED = "http_request_failed"
    HTTP_UNEXPECTED_STATUS = "http_unexpected_status_code"
    HTTP_UNEXPECTED_REDIRECT = "http_unexpected_redirect_url"
    HTTP_INVALID_REDIRECT = "http_invalid_redirect_location_host"
    INTERRUPTED = "interrupted"  # the visit's deadline came first: says nothing about the network
    UNKNOWN = "unknown_failure"


class Interrupted(Exception):
    """The deadline of the whole visit came before the deadline of the step."""


class Failed(Exception):
    """A step inside this one failed, and its failure is this one's."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure)
        self.failure = failure


# The first match wins, so a class stands above its base. TimeoutError is an OSError.
_CLASSES: tuple[tuple[type[Exception], Failure], ...] = (
    (Interrupted, Failure.INTERRUPTED),
    (TimeoutError, Failure.TIMEOUT),
    (EOFError, Failure.EOF),
    (SSL.Error, Failure.SSL_FAILED_HANDSHAKE),
    (h11.RemoteProtocolError, Failure.HTTP_REQUEST_FAILED),
    (zlib.error, Failure.HTTP_REQUEST_FAILED),
    (dns.exception.DNSException, Failure.DNS_MISBEHAVING),
)

_ERRNOS = {
    errno.ECONNREFUSED: Failure.CONNECTION_REFUSED,
    errno.ECONNRESET: Failure.CONNECTION_RESET,
    errno.ECONNABORTED: Failure.CONNECTION_ABORTED,
    errno.EPIPE: Failure.CONNECTION_CLOSED,
    errno.ESHUTDOWN: Failure.CONNECTION_CLOSED,
    errno.ENOTCONN: Failure.CONNECTION_CLOSED,
    errno.EHOSTUNREACH: Failure.HOST_UNREACHABLE,
    # What Linux makes of the rarer ICMP messages: host unknown, host isolated, protocol unreachable.
    errno.EHOSTDOWN: Failure.HOST_UNREACHABLE,
    errno.ENONET: Failure.HOST_UNREACHABLE,
    errno.ENOPROTOOPT: Failure.HOST_UNREACHABLE,
    errno.EACCES: Failure.HOST_UNREACHABLE,  # ICMPv6: administratively prohibited
    errno.ENETUNREACH: Failure.NETWORK_UNREACHABLE,
    errno.ENETDOWN: Failure.NETWORK_DOWN,
    errno.ENETRESET: Failure.NETWORK_RESET,
}

# What a step may end with. Everything else is a mistake of ours and is not caught.
NETWORK_ERRORS: tuple[type[Exception], ...] = (OSError, Failed, *(cls for cls, _ in _CLASSES))


def name_failure(error: BaseException) -> Failure:
    """The name of what went wrong; an error in neither table (EMFILE: our own overload) is `unknown_failure`."""
    if isinstance(error, Failed):
        return error.failure
    for cls, failure in _CLASSES:
        if isinstance(error, cls):
            return failure
    if isinstance(error, OSError) and error.errno is not None:
        return _ERRNOS.get(error.errno, Failure.UNKNOWN)
    return Failure.UNKNOWN
