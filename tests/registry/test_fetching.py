"""The state register is fetched from the hosts of the settings and from nowhere else. Real servers on loopback."""

from __future__ import annotations

import gzip
import io
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command

from registry.models import Snapshot
from registry.registers.fetching import NotFetched, fetch
from tests import make
from tests.servers import authority

Answer = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def serving(answer: Answer, context: ssl.SSLContext | None = None) -> Iterator[str]:
    """An address whose server answers so, for as long as the block lasts."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"{'https' if context else 'http'}://127.0.0.1:{server.server_address[1]}/banned_sites?url="
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def say(body: bytes, status: int = 200, **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in ({"Content_Length": str(len(body))} | headers).items():
            if value:
                handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


@pytest.fixture(autouse=True)
def _loopback(settings: LazySettings) -> None:
    settings.REGISTER_HOSTS = ["127.0.0.1"]


def test_what_comes_is_kept_byte_by_byte() -> None:
    body = gzip.compress(b'[{"id": 1}]')
    with serving(say(body, Content_Encoding="gzip")) as url:
        assert fetch(url) == body


@pytest.mark.parametrize(
    "url",
    [
        "https://orda.kz/",
        "https://www.gov.kz.example.org/",
        "https://127.0.0.1@orda.kz/",
        "file:///etc/passwd",
        "https://[/",
    ],
)
def test_a_host_that_the_settings_do_not_name_is_not_asked(url: str) -> None:
    with pytest.raises(NotFetched, match="is none of the hosts that may be asked"):
        fetch(url)


def test_plain_http_is_for_this_machine_alone(settings: LazySettings) -> None:
    settings.REGISTER_HOSTS = ["www.gov.kz"]
    with pytest.raises(NotFetched, match="is no https address"):
        fetch("http://www.gov.kz/banned_sites")


def test_a_redirect_is_followed_on_the_same_hosts_only() -> None:
    with serving(say(b"[]")) as there:
        with serving(say(b"", 302, Location=there)) as url:
            assert fetch(url) == b"[]"
        elsewhere = there.replace("127.0.0.1", "localhost")
        with serving(say(b"", 302, Location=elsewhere)) as url, pytest.raises(NotFetched, match="“localhost” is none"):
            fetch(url)
    with serving(say(b"", 302, Location="?again")) as url, pytest.raises(NotFetched, match="more than 5 times"):
        fetch(url)


def test_an_answer_that_is_no_success_is_told() -> None:
    with serving(say(b"<html>", 503)) as url, pytest.raises(NotFetched, match=r"127\.0\.0\.1 answered 503"):
        fetch(url)


def test_too_much_is_not_read() -> None:
    with serving(say(b"x" * 5000)) as url, pytest.raises(NotFetched, match="larger than 1000 bytes"):
        fetch(url, limit=1000)


def test_an_answer_that_is_cut_off_is_none() -> None:
    with serving(say(b"[", Content_Length="1000")) as url, pytest.raises(NotFetched, match="did not answer in full"):
        fetch(url)


def test_a_chunk_that_never_comes_whole_is_told() -> None:
    cut = say(b"ff\r\n[", Content_Length="", Transfer_Encoding="chunked")
    with serving(cut) as url, pytest.raises(NotFetched, match=r"127\.0\.0\.1 did not answer in full"):
        fetch(url)


def test_a_server_that_drips_is_left() -> None:
    over = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while not over.wait(0.05):
            try:
                handler.wfile.write(b" ")
            except OSError:
                return

    began = time.monotonic()
    with serving(drip) as url:
        with pytest.raises(NotFetched, match="did not end in time"):
            fetch(url, timeout=0.5)
        over.set()
    assert time.monotonic() - began < 10


def test_a_server_that_says_nothing_is_left() -> None:
    over = threading.Event()
    with serving(lambda handler: over.wait() and None) as url:
        with pytest.raises(NotFetched, match=r"127\.0\.0\.1 did not answer in full"):
            fetch(url, timeout=0.3)
        over.set()


def test_a_certificate_that_nobody_vouches_for_is_refused() -> None:
    refused = pytest.raises(NotFetched, match="did not prove by its certificate who it is")
    with serving(say(b"[]"), authority().context("127.0.0.1")) as url, refused:
        fetch(url)


@pytest.mark.django_db
def test_the_command_takes_a_snapshot_from_an_address() -> None:
    rows = json.dumps([make.entry(1, "orda.kz")]).encode()
    with serving(say(rows)) as url:
        call_command("import_state_register", url, "--apply", stdout=io.StringIO())
        made = Snapshot.objects.get()
        assert (made.file.data, made.source.url) == (rows, url)
    with pytest.raises(CommandError, match="Nothing was written"):
        call_command("import_state_register", url, "--apply")
