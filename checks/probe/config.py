"""What a probe process must know: its broker, and for each vantage a name, a key and a world.

One JSON file, for example:
{"broker": "redis://registry.example.org/0", "echo": "https://registry.example.org/echo",
 "vantages": [{"name": "astana-1", "key": "astana-1.key", "country": "kz", "asn": 9198}]}
Paths are relative to the file. Without "world" a vantage measures this machine's own network, and proves itself first:
by the names that its country's pack says must open and must be blocked ("country", "kz" unless given; "control": true
for a control, where nothing is blocked), by its AS number, and by the clock of the control ("echo").
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from checks.engine.world import Preconditions, World


class BadConfig(ValueError):
    """The message names the file and what to change in it."""


@dataclass(frozen=True, slots=True)
class ProbeVantage:
    name: str
    key: Ed25519PrivateKey
    world: World

    @property
    def queue(self) -> str:
        return f"probe.{self.name}"


@dataclass(frozen=True, slots=True)
class Config:
    broker: str
    vantages: tuple[ProbeVantage, ...]
    broker_options: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a configuration. Raises BadConfig."""
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            vantages = tuple(_vantage(entry, path.parent, document.get("echo")) for entry in document["vantages"])
            if not vantages or len({vantage.name for vantage in vantages}) < len(vantages):
                raise ValueError('"vantages" is empty, or has one name twice')
            return cls(str(document["broker"]), vantages, dict(document.get("broker_options", {})))
        except KeyError as error:
            raise BadConfig(f"{path}: {error} is missing") from error
        except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
            raise BadConfig(f"{path}: {error}") from error


def _vantage(entry: dict[str, Any], folder: Path, echo: str | None) -> ProbeVantage:
    world = entry.get("world")
    return ProbeVantage(
        name=str(entry["name"]),
        key=read_key(folder / entry["key"]),
        world=World.load(folder / world) if world else replace(World.real(), preconditions=_preconditions(entry, echo)),
    )


def _preconditions(entry: dict[str, Any], echo: str | None) -> Preconditions:
    """What a vantage on a real network must show of itself. Raises ValueError for a country without a pack."""
    return Preconditions.of(
        str(entry.get("country", "kz")),
        control=bool(entry.get("control")),
        echo=str(echo) if echo else None,
        asn=int(entry["asn"]) if "asn" in entry else None,
    )


def read_key(path: Path) -> Ed25519PrivateKey:
    """A key that `make_key` wrote. Raises ValueError."""
    text = path.read_text(encoding="ascii").strip()
    try:
        return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(text))
    except ValueError:
        raise ValueError(f"{path} holds no Ed25519 key (64 hexadecimal digits)") from None


def make_key(path: Path) -> str:
    """Make a key that only its owner may read, unless there is one. Returns the public half, hexadecimal."""
    if not path.exists():
        private = Ed25519PrivateKey.generate().private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        partial = path.with_suffix(".partial")
        partial.unlink(missing_ok=True)
        partial.touch(mode=0o600)
        partial.write_text(private.hex() + "\n", encoding="ascii")
        partial.replace(path)
    public = read_key(path).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return public.hex()
