"""Fetching a list from the hosts that the settings name, and from nowhere else."""

from __future__ import annotations

import time
from urllib.parse import urljoin, urlsplit

import requests
from django.conf import settings
from urllib3.exceptions import HTTPError

from registry.registers.files import SIZE_LIMIT

CONNECT_TIMEOUT = 15.0  # seconds
READ_TIMEOUT = 60.0  # between two pieces
WHOLE_TIMEOUT = 900.0
REDIRECTS = 5
PIECE = 64 * 1024
THIS_MACHINE = frozenset({"127.0.0.1", "localhost", "::1"})  # plain http is for trying it out here


class NotFetched(Exception):
    """Why nothing was fetched, and what to change."""


def fetch(url: str, *, limit: int = SIZE_LIMIT, timeout: float = WHOLE_TIMEOUT) -> bytes:
    """The bytes as they came. Raises NotFetched."""
    until = time.monotonic() + timeout
    with requests.Session() as session:
        session.trust_env = False  # no proxy and no password that the settings do not name
        for _ in range(REDIRECTS + 1):
            _check(url)
            try:
                with session.get(
                    url,
                    stream=True,
                    allow_redirects=False,
                    timeout=(min(CONNECT_TIMEOUT, timeout), min(READ_TIMEOUT, timeout)),
                    headers={"Accept-Encoding": "identity", "User-Agent": f"Tizilim (+{settings.SITE_URL})"},
                ) as answer:
                    if not answer.is_redirect:
                        return _body(answer, limit, until)
                    url = urljoin(url, answer.headers["Location"])
            except requests.exceptions.SSLError as error:
                raise NotFetched(f"{_host(url)} did not prove by its certificate who it is: {error}") from None
            except (requests.RequestException, HTTPError, OSError) as error:
                raise NotFetched(f"{_host(url)} did not answer in full: {error}") from None
    raise NotFetched(f"{_host(url)} redirects more than {REDIRECTS} times")


def _check(url: str) -> None:
    """Only https, only hosts of the settings; each redirect is asked again."""
    host, allowed = _host(url), settings.REGISTER_HOSTS
    if host not in allowed:
        raise NotFetched(
            f"“{host}” is none of the hosts that may be asked ({', '.join(allowed)}): "
            "download the file by hand, or name the host in TIZILIM_REGISTER_HOSTS"
        )
    if urlsplit(url).scheme != "https" and not (urlsplit(url).scheme == "http" and host in THIS_MACHINE):
        raise NotFetched(f"{url} is no https address: what comes over plain http may have been changed on its way")


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _body(answer: requests.Response, limit: int, until: float) -> bytes:
    if answer.status_code != 200:
        raise NotFetched(f"{_host(answer.url)} answered {answer.status_code} {answer.reason}")
    pieces, size = [], 0
    while piece := answer.raw.read1(PIECE, decode_content=False):
        pieces.append(piece)
        size += len(piece)
        if size > limit:
            raise NotFetched(f"the answer is larger than {limit} bytes")
        if time.monotonic() > until:
            raise NotFetched("the answer did not end in time")
    return b"".join(pieces)
