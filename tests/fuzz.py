"""`make fuzz`: coverage-guided fuzzing of everything that reads what a stranger sends.

Each target takes bytes and must return: an exception that is not the parser's own refusal is a finding. atheris keeps
the input that caused it in var/fuzz/TARGET; run `python -m tests.fuzz TARGET FILE` to see it again. The same parsers
are tried with hypothesis in every `make test`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["checks", "dns", "h11", "idna"]):
    from checks.engine import handshake
    from checks.engine.failures import NETWORK_ERRORS
    from checks.engine.http import BODY_LIMIT, Response, request
    from checks.engine.names import BadName, parse
    from checks.engine.records import Measurement
    from checks.engine.wire import Question, _read_ordinary, read, read_any
    from checks.lab import client_hello
    from checks.probe import messages
    from checks.probe.batch import Batch

from cryptography.hazmat.primitives.serialization import Encoding

from tests.servers import authority

FOLDER = Path(__file__).resolve().parent.parent / "var" / "fuzz"
QUESTION = Question("www.site.kz", "A", 7, b"\3www\4site\2kz\0\0\1\0\1")


def dns(data: bytes) -> None:
    """What we read ourselves, dnspython reads alike."""
    raw = b"\0\7" + data
    ours = _read_ordinary(raw, QUESTION)
    if ours is not None and ours != read_any(raw, QUESTION):
        raise AssertionError(f"{ours} is not what dnspython reads")
    read(data, QUESTION)


def dns_reply(data: bytes) -> None:
    """The same, past the header and the question, where records begin."""
    if len(data) > 1:
        dns(b"\x81\x80\0\1" + bytes((0, data[0] % 4, 0, data[1] % 3, 0, 0)) + QUESTION.wire + data[2:])


def name(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    try:
        parsed = parse(text)
    except BadName:
        return
    if parse(parsed.url) != parsed:
        raise AssertionError(f"{text!r} has two canonical forms")


class _Wire:
    """A peer that says these bytes, in pieces, and goes."""

    def __init__(self, data: bytes) -> None:
        self._pieces = [data[at : at + 97] for at in range(0, len(data), 97)]

    async def send(self, data: bytes) -> None:
        return None

    async def receive(self) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""

    def abort(self) -> None:
        self._pieces.clear()


def http(data: bytes) -> None:
    response = Response()
    with contextlib.suppress(NETWORK_ERRORS):
        asyncio.run(request(_Wire(b"HTTP/1.1 200 OK\r\n" + data), "GET", "site.kz", "/", (), response))
    if len(response.body) > BODY_LIMIT:
        raise AssertionError("more than the limit was kept")


def certificate(data: bytes) -> None:
    handshake.is_named(data, "site.kz")


def hello(data: bytes) -> None:
    client_hello.server_name(data)


def measurement(data: bytes) -> None:
    with contextlib.suppress(ValueError, RecursionError):
        Measurement.from_json(json.loads(data))


def batch(data: bytes) -> None:
    with contextlib.suppress(messages.BadMessage):
        messages.read(messages.BATCH, zlib.compress(data), Batch)


_VISIT = Measurement(
    "1", "https://site.kz/", "2026-03-01T12:00:00+00:00", 1.0, "x/1", "x", "x", imitated=True
).as_json()
_VISIT["handshakes"] = [{"hop": 0, "address": "1.1.1.1", "port": 443, "server_name": "x", "t0": 0, "t": 1, "chain": []}]
_BATCH = {
    "vantage": "x",
    "run": 1,
    "attempt": 1,
    "sent": "2026-03-01T00:00:00Z",
    "nonce": "x",
    "measurements": [_VISIT],
}
SEEDS = {
    "measurement": json.dumps(_VISIT).encode(),
    "batch": json.dumps(_BATCH).encode(),
    "certificate": authority().certificate("site.kz").public_bytes(Encoding.DER),
    "name": b"https://site.kz:443/a?b",
}

TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target for target in (dns, dns_reply, name, http, certificate, hello, measurement, batch)
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "target", nargs="?", choices=TARGETS, help="one parser; all of them, one after the other, without"
    )
    parser.add_argument("file", nargs="?", type=Path, help="only this input")
    parser.add_argument("--seconds", type=int, default=60, help="how long each parser is tried")
    options = parser.parse_args()
    if options.target is None:
        command = [sys.executable, "-m", "tests.fuzz", "--seconds", str(options.seconds)]
        return max(subprocess.run([*command, target]).returncode for target in TARGETS)
    kept = FOLDER / options.target
    kept.mkdir(parents=True, exist_ok=True)
    (kept / "seed").write_bytes(SEEDS.get(options.target, b""))
    limits = [str(options.file)] if options.file else [f"-max_total_time={options.seconds}", "-max_len=4096", str(kept)]
    atheris.Setup([sys.argv[0], f"-artifact_prefix={kept}/", *limits], TARGETS[options.target])
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
