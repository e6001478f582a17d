"""Every failure has one name, by the table of classes or of errnos; what neither knows is never a network's."""

import asyncio
import errno
import importlib
import os
import pkgutil
import socket
import ssl
import zlib

import dns.exception
import h11
import pytest
from OpenSSL import SSL

from checks.engine.failures import NETWORK_ERRORS, Failed, Failure, Interrupted, name_failure

# Exceptions of the libraries we measure with that no step may end with, each with the reason. One that is raised all
# the same is a mistake of ours: it is not caught, and reaches the log with its traceback.
LOUD = {
    "asyncio.exceptions.BrokenBarrierError": "barriers are not used",
    "asyncio.exceptions.IncompleteReadError": "an EOFError, which has a name",
    "asyncio.exceptions.InvalidStateError": "a future settled twice",
    "asyncio.exceptions.LimitOverrunError": "streams are not used",
    "asyncio.exceptions.SendfileNotAvailableError": "no files are sent",
    "asyncio.queues.QueueEmpty": "queues are not used",
    "asyncio.queues.QueueFull": "queues are not used",
    "dns._no_ssl.SSLWantReadError": "dnspython opens no TLS for us",
    "dns._no_ssl.SSLWantWriteError": "dnspython opens no TLS for us",
    "dns._no_ssl.WantReadException": "dnspython opens no TLS for us",
    "dns._no_ssl.WantWriteException": "dnspython opens no TLS for us",
    "dns.btree.Immutable": "zones are not used",
    "h11._util.LocalProtocolError": "we said something that HTTP forbids",
    "h11._util.ProtocolError": "the base of both; h11 raises one of them",
    "socket._GiveupOnSendfile": "no files are sent",
}

_ERRNOS_OF_A_NETWORK = {
    errno.ECONNREFUSED: "connection_refused",
    errno.ECONNRESET: "connection_reset",
    errno.ECONNABORTED: "connection_aborted",
    errno.EPIPE: "connection_already_closed",
    errno.ESHUTDOWN: "connection_already_closed",
    errno.ENOTCONN: "connection_already_closed",
    errno.ETIMEDOUT: "generic_timeout_error",
    errno.EHOSTUNREACH: "host_unreachable",
    errno.EHOSTDOWN: "host_unreachable",
    errno.EACCES: "host_unreachable",
    errno.ENONET: "host_unreachable",
    errno.ENOPROTOOPT: "host_unreachable",
    errno.ENETUNREACH: "network_unreachable",
    errno.ENETDOWN: "network_down",
    errno.ENETRESET: "network_reset",
}


def exceptions_of(*packages) -> dict[str, type[Exception]]:
    """Every exception class that these packages define."""
    found = {}
    for package in packages:
        modules = [package]
        for info in pkgutil.walk_packages(getattr(package, "__path__", ()), f"{package.__name__}."):
            try:
                modules.append(importlib.import_module(info.name))
            except ImportError:  # of another platform, or an extra that we do not install
                continue
        for module in modules:
            for thing in vars(module).values():
                own = isinstance(thing, type) and thing.__module__.split(".")[0] == package.__name__.split(".")[0]
                if own and issubclass(thing, Exception):
                    found[f"{thing.__module__}.{thing.__qualname__}"] = thing
    return found


def is_named(cls: type[Exception]) -> bool:
    """Whether a step may end with it, and its name is not `unknown_failure`; an OSError goes by its errno."""
    if issubclass(cls, OSError):
        return True
    return issubclass(cls, NETWORK_ERRORS) and name_failure(cls.__new__(cls)) != Failure.UNKNOWN


@pytest.mark.parametrize(
    ("name", "cls"), sorted(exceptions_of(asyncio, ssl, socket, dns, h11, SSL, zlib).items()), ids=lambda value: value
)
def test_no_exception_of_a_library_was_forgotten(name, cls):
    assert is_named(cls) or name in LOUD


def test_the_list_of_exceptions_without_a_name_holds_nothing_that_is_gone():
    assert set(LOUD) <= set(exceptions_of(asyncio, dns, h11, socket))


@pytest.mark.parametrize("number", sorted(errno.errorcode), ids=lambda number: errno.errorcode[number])
def test_an_errno_has_the_name_of_a_network_or_none(number):
    named = name_failure(OSError(number, os.strerror(number)))
    assert named == _ERRNOS_OF_A_NETWORK.get(number, Failure.UNKNOWN)


@pytest.mark.parametrize(
    "number", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL, errno.EAGAIN]
)
def test_our_own_overload_is_no_finding(number):
    assert name_failure(OSError(number, os.strerror(number))) == Failure.UNKNOWN


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (TimeoutError(), "generic_timeout_error"),
        (EOFError(), "eof_error"),
        (Interrupted(), "interrupted"),
        (SSL.Error([("SSL routines", "", "wrong version number")]), "ssl_failed_handshake"),
        (h11.RemoteProtocolError("bad"), "http_request_failed"),
        (zlib.error("bad"), "http_request_failed"),
        (dns.exception.FormError(), "dns_server_misbehaving"),
        (Failed(Failure.SSL_INVALID_HOSTNAME), "ssl_invalid_hostname"),
    ],
)
def test_an_exception_is_named_by_its_class(error, failure):
    assert name_failure(error) == failure


def test_a_mistake_of_ours_gets_no_name_of_the_network():
    assert name_failure(KeyError("x")) == Failure.UNKNOWN
    assert not isinstance(KeyError("x"), NETWORK_ERRORS)
