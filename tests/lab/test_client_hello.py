import asyncio
import socket
import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.lab.client_hello import peek, server_name


def client_hello(name: str | None) -> bytes:
    """What this machine's own TLS client sends first."""
    context = ssl.create_default_context()
    context.check_hostname = False
    sent = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), sent, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return sent.read()


HELLO = client_hello("Orda.kz")


def test_the_server_name_is_read_from_a_real_client_hello():
    assert server_name(HELLO) == "orda.kz"


def test_a_client_hello_without_server_name_names_nobody():
    assert server_name(client_hello(None)) is None


@given(st.integers(0, len(HELLO) - 1))
def test_a_client_hello_cut_short_names_nobody(length):
    assert server_name(HELLO[:length]) is None


@given(st.binary(max_size=200), st.integers(0, len(HELLO)))
def test_nonsense_is_read_without_an_error(noise, at):
    server_name(noise)
    server_name(HELLO[:at] + noise + HELLO[at + len(noise) :])


def test_a_client_hello_in_two_segments_is_peeked_whole_and_stays_in_the_socket():
    async def arrive() -> tuple[bytes, bytes]:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.setblocking(False)
            theirs.send(HELLO[:3])
            peeking = asyncio.create_task(peek(ours))
            await asyncio.sleep(0)  # it begins to wait
            theirs.send(HELLO[3:])
            return await peeking, ours.recv(2**16)

    assert asyncio.run(arrive()) == (HELLO, HELLO)


def test_what_is_no_tls_is_peeked_as_nothing():
    async def arrive() -> bytes:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.setblocking(False)
            theirs.send(b"GET / HTTP/1.1\r\n")
            return await peek(ours)

    assert asyncio.run(arrive()) == b""
