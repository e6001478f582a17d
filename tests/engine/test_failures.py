import errno
import os

import pytest

from checks.engine.failures import Failure, name_failure


@pytest.mark.parametrize(
    ("number", "failure"),
    [
        (errno.ECONNREFUSED, "connection_refused"),
        (errno.ECONNRESET, "connection_reset"),
        (errno.ECONNABORTED, "connection_aborted"),
        (errno.EPIPE, "connection_already_closed"),
        (errno.ETIMEDOUT, "generic_timeout_error"),
        (errno.EHOSTUNREACH, "host_unreachable"),
        (errno.ENETUNREACH, "network_unreachable"),
        (errno.ENETDOWN, "network_down"),
        (errno.ENETRESET, "network_reset"),
    ],
)
def test_what_the_kernel_says_has_a_name(number, failure):
    assert name_failure(OSError(number, os.strerror(number))) == failure


def test_our_own_overload_is_no_finding():
    assert name_failure(OSError(errno.EMFILE, "too many open files")) == Failure.UNKNOWN


def test_a_mistake_of_ours_gets_no_name_of_the_network():
    assert name_failure(KeyError("x")) == Failure.UNKNOWN
