"""Enrolment: whoever was invited makes a key here and hands in its public half. Two people then admit it."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from checks.probe.config import Config, make_key, read_key
from checks.probe.home import Door
from checks.probe.messages import ENROL, Enrol, seal


class _Answer(msgspec.Struct):
    """What the register may tell of the place that it has for us."""

    asn: int | None = None
    role: str = ""


@dataclass(frozen=True, slots=True)
class Invitation:
    register: str
    token: str
    name: str
    state: Path
    country: str = "kz"
    asn: int | None = None
    control: bool = False
    ca: Path | None = None


def enrol(invitation: Invitation) -> Path:
    """Hand in a key and write the configuration. Raises NotReached, BadConfig, OSError or ValueError.

    What was made stays, so that the same command goes on where it ended.
    """
    invitation.state.mkdir(parents=True, exist_ok=True)
    key = invitation.state / f"{invitation.name}.key"
    public = make_key(key)
    path = invitation.state / "probe.json"
    _write(path, invitation, _Answer())
    config = Config.load(path)  # a wrong address is found before the token is spent
    sealed = seal(ENROL, Enrol(invitation.token, public, datetime.now(UTC)), read_key(key))
    headers = {"Tizilim-Key": public, "Tizilim-Signature": base64.b64encode(sealed.signature).decode("ascii")}
    answer = Door(str(config.register), config.ca).post("enrol", headers, sealed.body, _Answer)
    _write(path, invitation, answer)
    return path


def _write(path: Path, invitation: Invitation, answer: _Answer) -> None:
    vantage: dict[str, Any] = {
        "name": invitation.name,
        "key": f"{invitation.name}.key",
        "country": invitation.country,
        "asn": invitation.asn or answer.asn,
        "control": invitation.control or answer.role == "control",
    }
    document: dict[str, Any] = {"register": invitation.register, "vantages": [vantage]}
    if invitation.ca:
        document["ca"] = str(invitation.ca.absolute())
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    partial.replace(path)
