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
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from kombu.transport import resolve_transport
from kombu.utils.url import parse_url

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
            document = _object(json.loads(path.read_text(encoding="utf-8")), "the file")
            broker = _broker(_field(document, "broker", str))
            echo = _field(document, "echo", str, None)
            entries = [_object(entry, 'each of "vantages"') for entry in _field(document, "vantages", list)]
            vantages = tuple(_vantage(entry, path.parent, echo) for entry in entries)
            if not vantages or len({vantage.name for vantage in vantages}) < len(vantages):
                raise ValueError('"vantages" is empty, or has one name twice')
            return cls(broker, vantages, _field(document, "broker_options", dict, {}))
        except (OSError, ValueError, RecursionError) as error:
            raise BadConfig(f"{path}: {error}") from error


_FORMS = {str: "text", int: "a whole number", bool: "true or false", list: "a list [...]", dict: "an object {...}"}
_NAME = re.compile(r"[A-Za-z0-9_-]{1,60}")  # as the register names vantages


def _object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{what} must be an object {{...}}")
    return value


def _field(document: dict[str, Any], name: str, form: type, *otherwise: Any) -> Any:
    """The field; what stands for it if it is missing, where anything may. Raises ValueError."""
    if otherwise and document.get(name) is None:
        return otherwise[0]
    if name not in document:
        raise ValueError(f'"{name}" is missing')
    value = document[name]
    if not isinstance(value, form) or (form is int and isinstance(value, bool)):
        raise ValueError(f'"{name}" must be {_FORMS[form]}')
    return value


def _broker(url: str) -> str:
    try:
        resolve_transport(parse_url(url)["transport"])
    except (KeyError, ValueError, ImportError) as error:
        raise ValueError('"broker" must be an address like redis://registry.example.org/0') from error
    return url


def _vantage(entry: dict[str, Any], folder: Path, echo: str | None) -> ProbeVantage:
    name, world = _field(entry, "name", str), _field(entry, "world", str, None)
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no vantage's name: letters, digits, - and _")
    return ProbeVantage(
        name=name,
        key=read_key(folder / _field(entry, "key", str)),
        world=World.load(folder / world) if world else replace(World.real(), preconditions=_preconditions(entry, echo)),
    )


def _preconditions(entry: dict[str, Any], echo: str | None) -> Preconditions:
    """What a vantage on a real network must show of itself. Raises ValueError for a country without a pack."""
    return Preconditions.of(
        _field(entry, "country", str, "kz"),
        control=_field(entry, "control", bool, False),
        echo=echo,
        asn=_field(entry, "asn", int, None),
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
