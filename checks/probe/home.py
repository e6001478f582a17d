"""The two ways home: through the broker's queue, and over the register's HTTPS door."""

from __future__ import annotations

import base64
import io
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec
import requests
from celery import Celery
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from checks.probe.config import Config, ProbeVantage
from checks.probe.messages import Orders, Receipt, Sealed
from checks.probe.progress import broker_errors, waiting

SOFTWARE = "tizilim-probe/0.1.0"
CONNECT, ANSWER = 10.0, 30.0  # seconds: to connect; between two pieces of an answer
WHOLE, PACE = 60.0, 8_000  # seconds for all of it, and one more for so many bytes that we send
ANSWER_LIMIT = 8 * 1024 * 1024  # bytes; eight orders of 500 targets are some two million
T = TypeVar("T")


class NotReached(Exception):
    """Nothing came of it, and why; `wait`: the register asks not to be asked again for so many seconds."""

    def __init__(self, why: str, *, wait: float = 0.0) -> None:
        super().__init__(why)
        self.wait = wait


class Home(Protocol):
    """How a vantage's batches get to the register."""

    def waits(self, vantage: ProbeVantage) -> bool:
        """Whether something that was sent before has not been taken yet."""

    def send(self, vantage: ProbeVantage, batch: Sealed) -> Receipt | None:
        """None: the receipt comes later. Raises NotReached."""


class Queue:
    """The broker that orders come from, too."""

    def __init__(self, app: Celery, config: Config) -> None:
        self._app, self._config = app, config

    def waits(self, vantage: ProbeVantage) -> bool:
        try:
            return waiting(self._app, [self._config.results(vantage.name)]) > 0
        except broker_errors(self._app) as error:
            raise NotReached(f"the queue does not answer: {error}") from error

    def send(self, vantage: ProbeVantage, batch: Sealed) -> Receipt | None:
        kwargs = {
            "vantage": vantage.name,
            "body": base64.b64encode(batch.body).decode("ascii"),
            "signature": base64.b64encode(batch.signature).decode("ascii"),
        }
        try:
            self._app.send_task("record", kwargs=kwargs, queue=self._config.results(vantage.name), retry=False)
        except broker_errors(self._app) as error:
            raise NotReached(f"the queue does not answer: {error}") from error
        return None


class Door:
    """`/probe/v1/` of the one register that the configuration names. No redirect is followed."""

    def __init__(self, register: str, ca: Path | None) -> None:
        self._register = register
        self._http = requests.Session()
        self._http.trust_env = False  # no proxy and no password that the configuration does not name
        self._http.verify = str(ca) if ca else True
        self._http.headers.update({"User-Agent": SOFTWARE, "Accept-Encoding": "identity", "Connection": "close"})
        self._watch = _Watch()
        for scheme in ("https://", "http://"):
            self._http.mount(scheme, self._watch)

    def waits(self, vantage: ProbeVantage) -> bool:
        return False

    def send(self, vantage: ProbeVantage, batch: Sealed) -> Receipt | None:
        return self.post("batches", _signed(vantage, batch), batch.body, Receipt)

    def claim(self, vantage: ProbeVantage, claim: Sealed) -> Orders:
        return self.post("claim", _signed(vantage, claim), claim.body, Orders)

    def post(self, what: str, headers: dict[str, str], body: bytes, form: type[T]) -> T:
        """Raises NotReached."""
        url = f"{self._register}/probe/v1/{what}"
        headers = {**headers, "Content-Type": "application/octet-stream"}
        until = time.monotonic() + WHOLE + len(body) / PACE
        try:
            with (
                self._watch.until(until),
                self._http.post(
                    url,
                    data=io.BytesIO(body),  # in pieces, each of which has its time
                    headers=headers,
                    timeout=(CONNECT, ANSWER),
                    allow_redirects=False,
                    stream=True,
                ) as answer,
            ):
                return _read(answer, _body(answer, until), form)
        except requests.exceptions.SSLError as error:
            raise NotReached(f"{self._register} did not prove by its certificate who it is: {_why(error)}") from error
        except requests.exceptions.ConnectionError as error:
            how = "could not be reached" if _unconnected(error) else "did not answer in full"
            raise NotReached(f"{self._register} {how}: {_why(error)}") from error
        except (requests.RequestException, HTTPError, OSError) as error:
            raise NotReached(f"{self._register} did not answer in full: {_why(error)}") from error


def _unconnected(error: requests.exceptions.ConnectionError) -> bool:
    """Whether there was no connection at all."""
    of_urllib3 = error.args[0] if error.args else None
    return isinstance(getattr(of_urllib3, "reason", None), NewConnectionError | ConnectTimeoutError)


def _why(error: BaseException) -> str:
    """What the system said, without the pool and the connection in whose words it is wrapped."""
    first = error
    while cause := first.__cause__ or first.__context__:
        first = cause
    return (first.strerror or str(first)) if isinstance(first, OSError) else str(error)


def _signed(vantage: ProbeVantage, sealed: Sealed) -> dict[str, str]:
    signature = base64.b64encode(sealed.signature).decode("ascii")
    return {"Tizilim-Vantage": vantage.name, "Tizilim-Signature": signature}


def _body(answer: requests.Response, until: float) -> bytes:
    pieces, size = [], 0
    while piece := answer.raw.read1(64 * 1024, decode_content=False):
        pieces.append(piece)
        size += len(piece)
        if size > ANSWER_LIMIT:
            raise NotReached(f"the register's answer is larger than {ANSWER_LIMIT} bytes")
        if time.monotonic() > until:
            raise NotReached("the register's answer did not end in time")
    return b"".join(pieces)


class _Problem(msgspec.Struct):
    title: str = ""
    detail: str = ""


def _read(answer: requests.Response, body: bytes, form: type[T]) -> T:
    if not 200 <= answer.status_code < 300:
        raise NotReached(f"the register answered {answer.status_code}{_reason(body)}", wait=_wait(answer))
    try:
        return msgspec.json.decode(body, type=form)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise NotReached(f"what the register answered is no {form.__name__.lower()}: {error}") from error


def _reason(body: bytes) -> str:
    try:
        problem = msgspec.json.decode(body, type=_Problem)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""
    told = ": ".join(filter(None, (problem.title, problem.detail)))
    return f": {told[:300]}" if told else ""


def _wait(answer: requests.Response) -> float:
    """Seconds; of a date, or of nonsense, none: our own patience is longer."""
    said = answer.headers.get("Retry-After", "")
    return min(float(said), 3600.0) if said.isascii() and said.isdecimal() else 0.0


class _Watch(HTTPAdapter):
    """Ends a request that lasts too long wherever it stands: `requests` knows no time for the whole of it."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self._open: list[HTTPConnection] = []
        self.poolmanager.pool_classes_by_scheme = {
            "http": _pool(HTTPConnectionPool, HTTPConnection, self._open),
            "https": _pool(HTTPSConnectionPool, HTTPSConnection, self._open),
        }

    @contextmanager
    def until(self, moment: float) -> Iterator[None]:
        """A moment of time.monotonic()."""
        timer = threading.Timer(moment - time.monotonic(), self._cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            self._open.clear()

    def _cut(self) -> None:
        for connection in self._open:
            if connection.sock is not None:
                try:
                    connection.sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # it has ended meanwhile


def _pool(pool: Any, connection: Any, opened: list[HTTPConnection]) -> Any:
    """A pool that tells which connections it makes."""

    def make(*args: Any, **kwargs: Any) -> Any:
        made = connection(*args, **kwargs)
        opened.append(made)
        return made

    return type(pool.__name__, (pool,), {"ConnectionCls": staticmethod(make)})
