"""A probe's broker: it may die, and a probe may touch nothing there but what is its own."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from checks.probe.config import make_key
from tests.conftest import _skip, await_port, free_port
from tests.probe.probes import NAME, Probe, Register, Sites, quick, slow, until, urls
from tests.servers import authority

pytestmark = pytest.mark.redis

# What docs/probes.md gives the account of a probe.
RULES = "resetkeys ~here:* resetchannels -@all +@read +@write +@transaction +@scripting +@connection -@dangerous"


@contextmanager
def server(folder: Path, port: int, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    binary = shutil.which("redis-server")
    if binary is None:
        _skip("no redis-server on the PATH")
    command = [str(binary), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder), "--logfile", "redis.log"]
    process = subprocess.Popen([*command, *(options or ("--port", str(port)))])
    try:
        await_port(port, process)
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_worker_comes_back_after_its_broker_died(tmp_path: Path) -> None:
    port = free_port()
    url = f"redis://127.0.0.1:{port}/0"
    probe = Probe(tmp_path, broker=url)
    register = Register(url, probe.public_key)
    with Sites(tmp_path / "world.json") as sites, probe.running():
        with server(tmp_path, port):
            register.order(1, [*quick(1, 2), *slow(1)])
            until(lambda: probe.lines("1-1") == 2 and sites.visits["slow1.kz"] == 1, "it is at work")
        sites.let_go()
        until(lambda: probe.lines("1-1") == 3, "it measures on without its broker")
        until(lambda: "NOT connected: the queue does not answer" in probe.status(), "it says what is wrong")
        with server(tmp_path, port):
            assert urls(register.batch().measurements) == sorted([*quick(1, 2), *slow(1)])
            register.order(2, quick(3))
            batches = {register.batch().run}
            if batches == {1}:  # once more: its receipt never came
                batches = {register.batch().run}
            assert batches == {2}
    assert sites.visits["quick1.kz"] == 1


@pytest.fixture
def account(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """A broker over TLS, whose probe has an account and a key space: the centre's address, and the probe's."""
    port = free_port()
    private = authority()._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "cert.pem").write_bytes(authority().certificate("127.0.0.1").public_bytes(Encoding.PEM))
    (tmp_path / "key.pem").write_bytes(private)
    (tmp_path / "ca.pem").write_text(authority().pem)
    tls = ("--tls-cert-file", "cert.pem", "--tls-key-file", "key.pem", "--tls-ca-cert-file", "ca.pem")
    with server(tmp_path, port, "--port", "0", "--tls-port", str(port), "--tls-auth-clients", "no", *tls):
        address = f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={tmp_path}/ca.pem"
        with redis.from_url(address) as centre:
            centre.execute_command("ACL", "SETUSER", NAME, "on", ">secret", *RULES.split())
        yield address, f"rediss://{NAME}:secret@127.0.0.1:{port}/0"


def test_a_probe_of_ours_has_an_account_that_touches_nothing_but_its_own(
    tmp_path: Path, account: tuple[str, str]
) -> None:
    centre, own = account
    make_key(tmp_path / "here.key")
    probe = Probe(tmp_path, broker=own, keyspace=True, ca="ca.pem")
    register = Register(f"{centre}&ssl_cert_reqs=required", probe.public_key)
    with Sites(tmp_path / "world.json"), probe.running():
        register.order(1, quick(1, 2))
        assert urls(register.batch().measurements) == quick(1, 2)
        assert urls(register.batch().measurements) == quick(1, 2)  # again, for no receipt came
        register.receipt(1)
        until(lambda: probe.runs() == [], "the receipt came")
        assert "permission" not in probe.status()
    with redis.from_url(centre) as everything, redis.from_url(own, ssl_ca_certs=str(tmp_path / "ca.pem")) as mine:
        assert everything.acl_log() == []  # nothing was tried that it may not do
        mine.lpush("here:results", "x")
        for forbidden in (
            lambda: mine.lpush("there:results", "x"),
            lambda: mine.llen("there:probe"),
            lambda: mine.keys("*"),
            lambda: mine.flushall(),
            lambda: mine.config_get("*"),
            lambda: mine.publish("celery.pidbox", "x"),
        ):
            with pytest.raises(redis.exceptions.NoPermissionError):
                forbidden()


def test_a_broker_that_does_not_prove_who_it_is_gets_nothing(tmp_path: Path, account: tuple[str, str]) -> None:
    centre, own = account
    probe = Probe(tmp_path, broker=own, keyspace=True)  # without "ca": an authority that nobody else trusts
    register = Register(f"{centre}&ssl_cert_reqs=required", probe.public_key)
    register.order(1, quick(1))
    with Sites(tmp_path / "world.json"), probe.running():
        until(lambda: "CERTIFICATE_VERIFY_FAILED" in probe.said.read_text(), "it refuses to talk")
        assert probe.runs() == []
