"""What a probe process must know: where its work comes from, and for each vantage a name, a key and a world.

One JSON file, or the environment (docs/probes.md). For example
{"register": "https://register.example.org", "vantages": [{"name": "astana-1", "key": "astana-1.key", "asn": 9198}]}
Paths are relative to the file. Without "world" a vantage measures this machine's own network, and proves itself first:
by the names that its country's pack says must open and must be blocked ("country", "kz" unless given; "control": true
for a control, where nothing is blocked), by its AS number, and by the clock of the control ("echo").
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from kombu.transport import resolve_transport
from kombu.utils.url import parse_url

from checks.engine.world import Preconditions, World
from checks.probe.messages import NAME

ORDERS, RESULTS = "probe", "results"  # as checks.models.vantage names them
_FOLDER_QUEUE = "filesystem://"
_THIS_MACHINE = frozenset({"127.0.0.1", "localhost", "::1"})  # plain http is for trying it out here
_MEGABYTE = 1024 * 1024


class BadConfig(ValueError):
    """The message names the file and what to change in it."""


@dataclass(frozen=True, slots=True)
class ProbeVantage:
    name: str
    key: Ed25519PrivateKey
    world: World


@dataclass(frozen=True, slots=True)
class Config:
    """`register`: work comes over its HTTPS door; else `broker`: it comes through that queue."""

    vantages: tuple[ProbeVantage, ...]
    state: Path
    register: str | None = None
    broker: str = _FOLDER_QUEUE
    broker_options: dict[str, Any] = field(default_factory=dict)
    keyspace: bool = False  # the broker's account may touch nothing but what begins with the vantage's name
    ca: Path | None = None  # whom to trust for the register, or the broker, in place of everybody's authorities
    in_flight: int = 200
    spool: int = 256 * _MEGABYTE  # bytes
    memory: int = 512 * _MEGABYTE  # bytes; what a process of ours needs above 150 MB is a mistake

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a configuration. Raises BadConfig."""
        return cls.of_document(read(path), path)

    @classmethod
    def of_document(cls, document: dict[str, Any], path: Path) -> Self:
        """As if the file held it. Raises BadConfig."""
        try:
            return cls._read(document, path.parent.absolute())
        except (OSError, ValueError) as error:
            raise BadConfig(f"{path}: {error}") from error

    @classmethod
    def of_environment(cls, environment: Mapping[str, str]) -> Self:
        """The same from TIZILIM_PROBE_…, for one vantage. Raises BadConfig."""
        try:
            return cls._read(_document(environment), Path.cwd())
        except (OSError, ValueError) as error:
            raise BadConfig(f"the environment (TIZILIM_PROBE_…): {error}") from error

    @classmethod
    def _read(cls, document: dict[str, Any], folder: Path) -> Self:
        _check_names(document, _IN_FILE, "in the file")
        state = folder / _field(document, "state", str, ".")
        register = _register(_field(document, "register", str, None))
        given = _field(document, "broker", str, None)
        if (register is None) == (given is None):
            raise ValueError('name either "register" (its HTTPS address) or "broker" (its queue)')
        echo = _field(document, "echo", str, f"{register}/api/v1/echo" if register else None)
        vantages = tuple(_vantage(entry, folder, echo) for entry in vantages_of(document))
        if not vantages or len({vantage.name for vantage in vantages}) < len(vantages):
            raise ValueError('"vantages" is empty, or has one name twice')
        keyspace = _field(document, "keyspace", bool, False)
        if keyspace and (register or len(vantages) > 1):
            raise ValueError('"keyspace" is for a broker and one vantage: each has an account of its own')
        ca = _field(document, "ca", str, None)
        if ca is not None and not (folder / ca).is_file():
            raise ValueError(f'"ca": there is no file {folder / ca}')
        return cls(
            vantages,
            state,
            register,
            broker=_broker(given) if given else _FOLDER_QUEUE,
            broker_options=_field(document, "broker_options", dict, {}),
            keyspace=keyspace,
            ca=folder / ca if ca else None,
            in_flight=_size(document, "in_flight", 200, most=5000),
            spool=_size(document, "spool_mb", 256) * _MEGABYTE,
            memory=_size(document, "memory_mb", 512, least=256) * _MEGABYTE,
        )

    def orders(self, vantage: str) -> str:
        """The queue of a vantage's orders and receipts, as our side of the connection calls it."""
        return self._queue(vantage, ORDERS)

    def results(self, vantage: str) -> str:
        return self._queue(vantage, RESULTS)

    def _queue(self, vantage: str, what: str) -> str:
        """In the broker it is NAME:probe or NAME:results; with a key space of our own, the connection adds the name."""
        return what if self.keyspace else f"{vantage}:{what}"


_FORMS = {str: "text", int: "a whole number", bool: "true or false", list: "a list [...]", dict: "an object {...}"}
_OF_ALL = ("register", "broker", "state", "echo", "ca")
_OF_VANTAGE = ("name", "key", "country", "world")
_NUMBERS = ("in_flight", "spool_mb", "memory_mb")
_IN_FILE = frozenset({*_OF_ALL, *_NUMBERS, "keyspace", "broker_options", "vantages"})
_IN_VANTAGE = frozenset({*_OF_VANTAGE, "asn", "control"})


def read(path: Path) -> dict[str, Any]:
    """What the file says, of whatever kind its fields are. Raises BadConfig."""
    try:
        document = _object(json.loads(path.read_bytes()), "the file")
        vantages_of(document)
    except FileNotFoundError:
        raise BadConfig(f"{path}: there is no such file; --enrol writes one") from None
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadConfig(f"{path}: is no JSON: {error}") from error
    except (OSError, ValueError) as error:
        raise BadConfig(f"{path}: {error}") from error
    return document


def vantages_of(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Raises ValueError."""
    return [_object(entry, 'each of "vantages"') for entry in _field(document, "vantages", list)]


def _document(environment: Mapping[str, str]) -> dict[str, Any]:
    """What the file would say. Raises ValueError."""
    given = {
        name.removeprefix("TIZILIM_PROBE_").lower(): value
        for name, value in environment.items()
        if name.startswith("TIZILIM_PROBE_") and value
    }
    vantage: dict[str, Any] = {name: given[name] for name in _OF_VANTAGE if name in given}
    document: dict[str, Any] = {name: given[name] for name in _OF_ALL if name in given}
    for name in (*_NUMBERS, "asn"):
        if name in given:
            if not given[name].isdecimal():
                raise ValueError(f"{name.upper()} must be a whole number")
            (vantage if name == "asn" else document)[name] = int(given[name])
    for name in ("keyspace", "control"):
        if name in given:
            (vantage if name == "control" else document)[name] = given[name].lower() in ("1", "true", "yes", "on")
    if unknown := set(given) - {*_OF_ALL, *_OF_VANTAGE, *_NUMBERS, "asn", "keyspace", "control"}:
        raise ValueError(f"there is no TIZILIM_PROBE_{min(unknown).upper()}")
    vantage.setdefault("key", f"{document.get('state', '.')}/{vantage.get('name', 'probe')}.key")
    return {**document, "vantages": [vantage]}


def _object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{what} must be an object {{...}}")
    return value


def _check_names(document: dict[str, Any], known: frozenset[str], where: str) -> None:
    """What is misspelt would be ignored. Raises ValueError."""
    if unknown := sorted(set(document) - known):
        told = " and ".join(f'"{name}"' for name in unknown)
        raise ValueError(f"there is no {told} {where}; there may be {', '.join(sorted(known))}")


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


def _size(document: dict[str, Any], name: str, otherwise: int, *, least: int = 1, most: int = 1_000_000) -> int:
    value = int(_field(document, name, int, otherwise))
    if not least <= value <= most:
        raise ValueError(f'"{name}" must be from {least} to {most}')
    return value


def _register(url: str | None) -> str | None:
    """The address of a register, without what would follow its host. Raises ValueError."""
    if url is None:
        return None
    parts = urlsplit(url)
    secure = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _THIS_MACHINE)
    if not secure or not parts.hostname or parts.path.strip("/") or parts.query or parts.username is not None:
        raise ValueError('"register" must be an address like https://register.example.org')
    return f"{parts.scheme}://{parts.netloc}"


def _broker(url: str) -> str:
    try:
        resolve_transport(parse_url(url)["transport"])
    except (KeyError, ValueError, ImportError) as error:
        raise ValueError(
            '"broker" must be an address like rediss://NAME:PASSWORD@register.example.org:6380/0'
        ) from error
    return url


def check_name(name: str) -> None:
    """Raises BadConfig."""
    if not NAME.fullmatch(name):
        raise BadConfig(f"{name!r} is no vantage's name: those have small letters, digits and '-', as in 'astana-1'")


def _vantage(entry: dict[str, Any], folder: Path, echo: str | None) -> ProbeVantage:
    _check_names(entry, _IN_VANTAGE, 'in one of "vantages"')
    name, world = _field(entry, "name", str), _field(entry, "world", str, None)
    check_name(name)
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
    """A key that `make_key` wrote. Raises BadConfig."""
    try:
        return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(path.read_text(encoding="ascii").strip()))
    except FileNotFoundError:
        raise BadConfig(
            f"there is no key {path}: --enrol makes one and hands it in, --make-key only makes it"
        ) from None
    except ValueError:
        raise BadConfig(f"{path} holds no Ed25519 key (64 hexadecimal digits)") from None


def make_key(path: Path) -> str:
    """Make a key that only its owner may read, unless there is one. Returns the public half, hexadecimal."""
    if not path.exists():
        private = Ed25519PrivateKey.generate().private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        partial = path.with_suffix(".partial")
        partial.unlink(missing_ok=True)
        partial.touch(mode=0o600)
        partial.write_text(private.hex() + "\n", encoding="ascii")
        partial.replace(path)
    return public_half(read_key(path))


def public_half(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()
