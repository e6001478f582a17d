"""A register of our own: PostgreSQL, Redis with accounts and TLS, the lab, three probes, and all workers."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import redis
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from checks.probe.config import make_key
from tests.chaos.lines import Clock, Line
from tests.chaos.parts import ROOT, Part, Postgres, await_, end, python, redis_server
from tests.conftest import free_port

LEFT_OUT = {"kraken.com"}  # swallowed on the way: three seconds each, in which nothing happens
VANTAGES = ("control-1", "control-2", "a-1", "c-1", "d-1")
LEASE, LEASE_PER_TARGET = 30.0, 0.5  # seconds: a run has less than a minute
QUEUED = ("control-1", "a-1")  # by our Redis, each with an account of its own; the others come through the door
OPEN_SITES = ("https://linkedin.com/", "https://geo.kz/", "https://www.torproject.org/", "https://open.example.org/")


@dataclass(frozen=True)
class Size:
    """How much is planned: `sweeps` times each of `targets` from three access vantages, and as often from controls."""

    targets: int
    sweeps: int
    batch: int

    @property
    def checks(self) -> int:
        return self.targets * self.sweeps * 6


SIZES = {1_000: Size(56, 3, 28), 10_000: Size(168, 10, 42)}

SETUP = """
import json
from datetime import timedelta
from django.utils import timezone
from checks.models import Network, Plan, Target, Vantage
from registry import guards
asked = json.loads({asked!r})
guards.lift()
targets = Target.objects.bulk_create(Target(url=url, host=host) for url, host in asked["targets"])
vantages = []
for one in asked["vantages"]:
    access = one["role"] == "access"
    kind = "access" if access else "hosting"
    named = {{"name": one["network"], "kind": kind, "imitated": True}}
    network, _ = Network.objects.get_or_create(asn=one["asn"], defaults=named)
    who = {{"name": one["name"], "role": one["role"], "public_key": one["key"], "way": one["way"]}}
    made = Vantage.objects.create(network=network, **who)
    vantages += [made] if access else []
once = {{"period": timedelta(days=300), "due_at": timezone.now(), "enabled": False}}
Plan.objects.create(name="changes", **once)  # or what is planned would depend on the moment of a change
for number in range(asked["sweeps"]):
    plan = Plan.objects.create(name=f"sweep-{{number}}", **once)
    plan.targets.set(targets)
    plan.vantages.set(vantages)
"""


class Register:
    """Started part by part; `begin` makes the sweeps due."""

    def __init__(self, folder: Path, size: Size, spool: int, *, shifty: bool) -> None:
        folder.mkdir(parents=True)
        self._spool = spool  # MB of each probe
        self.folder, self.size = folder, size
        self.port, self._redis_port = free_port(), free_port()
        self._passwords = {name: secrets.token_hex(16) for name in ("centre", *QUEUED)}
        self.clock = Clock(folder) if shifty else None  # needs a compiler
        self.lines = (Line(self._redis_port), Line(self.port))  # of the probes; the centre is at home
        self.postgres = Postgres(folder, folder.parent / "tables")
        self.redis = self._redis()
        self.lab = Part(
            "lab", ["sh", "-c", f"tail -f /dev/null | {sys.executable} -m checks.lab --directory {folder}/lab"], folder
        )
        own = self._environment()
        self.web = Part(
            "web",
            python(
                "-m", "gunicorn", "config.wsgi", "--bind", f"127.0.0.1:{self.port}", "--workers", "2", "--threads", "2"
            ),
            folder,
            own,
            self._site_answers,
        )
        self.worker = Part("worker", python("manage.py", "work", "central", "registry"), folder, own)
        self.recorder = Part("recorder", python("manage.py", "work", "results"), folder, own)
        self.beats = [
            Part(
                f"beat-{number}",
                python("-m", "celery", "-A", "config", "beat", "--schedule", folder / f"beat-{number}"),
                folder,
                own,
            )
            for number in range(2)
        ]
        self.probes: dict[str, Part] = {}

    def _environment(self) -> dict[str, str]:
        return {
            "DATABASE_URL": self.postgres.url.replace("postgresql://", "postgres://"),
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "TIZILIM_VAR": str(self.folder / "var"),
            "TIZILIM_DEMO": "1",
            "TIZILIM_SITE_URL": f"http://127.0.0.1:{self.port}",
            "TIZILIM_BROKER_URL": self._broker("centre")
            + f"?ssl_cert_reqs=CERT_REQUIRED&ssl_ca_certs={self.folder}/ca.pem",
            "TIZILIM_TICK": "1",
            "TIZILIM_SPREAD": "0",
            "TIZILIM_RETESTS": "",
            "TIZILIM_BATCH": str(self.size.batch),
            "TIZILIM_LEASE": str(LEASE),
            "TIZILIM_LEASE_PER_TARGET": str(LEASE_PER_TARGET),
            "PYTHONUNBUFFERED": "1",
        }

    @property
    def lease(self) -> float:
        """Seconds, of one run."""
        return LEASE + LEASE_PER_TARGET * self.size.batch

    def _broker(self, account: str, port: int | None = None) -> str:
        return f"rediss://{account}:{self._passwords[account]}@127.0.0.1:{port or self._redis_port}/0"

    def _redis(self) -> Part:
        """Nothing is kept on its disk: it is a doorbell."""
        _write_certificate(self.folder)
        accounts = self.folder / "accounts"
        accounts.write_text(
            "user default off\n"
            f"user centre on >{self._passwords['centre']} ~* &* +@all\n"
            + "".join(
                f"user {name} on >{self._passwords[name]} ~{name}:* resetchannels +@all -@dangerous -@admin\n"
                for name in QUEUED
            )
        )
        tls = ["--port", "0", "--tls-port", str(self._redis_port), "--tls-auth-clients", "no"]
        tls += ["--tls-cert-file", f"{self.folder}/server.pem", "--tls-key-file", f"{self.folder}/server.key"]
        tls += ["--tls-ca-cert-file", f"{self.folder}/ca.pem"]
        command = [
            redis_server(),
            *tls,
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--aclfile",
            accounts,
            "--dir",
            self.folder,
        ]
        return Part("redis", command, self.folder, answers=lambda: self.client().ping())

    def client(self) -> Any:
        return redis.Redis.from_url(self._broker("centre"), ssl_ca_certs=str(self.folder / "ca.pem"))

    def _site_answers(self) -> None:
        urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5).close()

    # --- starting

    def start(self) -> None:
        for line in self.lines:
            line.start()
        for part in (self.redis, self.lab):
            part.start()
        described = self.folder / "lab" / "lab.json"
        await_(lambda: json.loads(described.read_text()), "the lab")
        if not self.postgres.has_tables:
            self._manage("migrate", "--verbosity", "0")
            self.postgres.keep()
        vantages = self._vantages(json.loads(described.read_text()))
        self._manage("shell", "--no-imports", "-c", SETUP.format(asked=json.dumps(self._asked(described, vantages))))
        for part in (self.web, self.worker, self.recorder, self.beats[0], *self.probes.values()):
            part.start()

    def _manage(self, *arguments: str) -> None:
        environment = {**os.environ, **self._environment()}
        subprocess.run([sys.executable, "manage.py", *arguments], cwd=ROOT, env=environment, check=True)

    def _vantages(self, described: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Keys, and the configurations of three probes: two at our queue, one with the rest at the door."""
        lab, taken = self.folder / "lab", []
        for one in described["vantages"]:
            if one["name"] in VANTAGES:
                key = make_key(lab / f"{one['name']}.key")
                way = "queue" if one["name"] in QUEUED else "door"
                taken.append({**one, "key": key, "way": way})
        entry = {
            one["name"]: {"name": one["name"], "key": f"{one['name']}.key", "world": one["world"]} for one in taken
        }
        for name in QUEUED:
            way = {"broker": self._broker(name, self.lines[0].port), "keyspace": True}
            self._probe(name, [entry[name]], {**way, "ca": str(self.folder / "ca.pem")})
        rest = [entry[name] for name in VANTAGES if name not in QUEUED]
        self._probe("lent", rest, {"register": f"http://127.0.0.1:{self.lines[1].port}"})
        return taken

    def _probe(self, name: str, vantages: list[dict[str, Any]], way: dict[str, Any]) -> None:
        config = self.folder / "lab" / f"probe-{name}.json"
        told = {**way, "state": f"state-{name}", "spool_mb": self._spool, "vantages": vantages}
        config.write_text(json.dumps(told))
        clock = self.clock.environment if self.clock else None
        self.probes[name] = Part(f"probe-{name}", python("-m", "checks.probe", "--config", config), self.folder, clock)

    def _asked(self, described: Path, vantages: list[dict[str, Any]]) -> dict[str, Any]:
        sites = [
            (site["url"], site["name"])
            for site in json.loads(described.read_text())["sites"]
            if site["name"] not in LEFT_OUT
        ]
        more = [
            (f"{OPEN_SITES[number % 4]}{number}", OPEN_SITES[number % 4].split("/")[2])
            for number in range(self.size.targets - len(sites))
        ]
        return {"targets": [*sites, *more][: self.size.targets], "vantages": vantages, "sweeps": self.size.sweeps}

    def stop(self) -> None:
        for line in self.lines:
            line.stop()
        ours = [*self.probes.values(), *self.beats, self.recorder, self.worker, self.web]
        end([*ours, self.lab, self.redis])
        self.postgres.stop()


@contextmanager
def running(folder: Path, size: Size, spool: int = 256, *, shifty: bool = False) -> Iterator[Register]:
    with ExitStack() as stack:
        register = Register(folder, size, spool, shifty=shifty)
        stack.callback(register.stop)
        register.start()
        yield register


def _write_certificate(folder: Path) -> None:
    """An authority of our own, and a server's certificate for this machine."""
    now = datetime.now(UTC)

    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    def made(subject: str, key: Any, signer: Any, *, ca: bool) -> x509.Certificate:
        builder = x509.CertificateBuilder(
            name("chaos"),
            name(subject),
            key.public_key(),
            x509.random_serial_number(),
            now - timedelta(1),
            now + timedelta(9),
        ).add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        if not ca:
            here = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
            builder = builder.add_extension(here, critical=False)
        return builder.sign(signer, hashes.SHA256())

    root, own = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(made("chaos", root, root, ca=True).public_bytes(pem))
    (folder / "server.pem").write_bytes(made("redis", own, root, ca=False).public_bytes(pem))
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.key").write_bytes(own.private_bytes(pem, *plain))
