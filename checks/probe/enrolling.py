"""Enrolment: whoever was invited makes a key here and hands in its public half. Two people then admit it."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from checks.probe.config import BadConfig, Config, check_name, make_key, read, read_key, vantages_of
from checks.probe.home import Door
from checks.probe.messages import ENROL, Enrol, seal


class _Answer(msgspec.Struct):
    """What the register may tell of the place that it has for us."""

    asn: int | None = None
    role: str = ""


@dataclass(frozen=True, slots=True)
class Invitation:
    """What its host types. What is not given stays as `probe.json` says, or is as the register says."""

    register: str
    token: str
    name: str
    state: Path
    country: str | None = None
    asn: int | None = None
    control: bool = False
    ca: Path | None = None


def enrol(invitation: Invitation) -> Path:
    """Hand in a key and write the configuration. Raises NotReached, BadConfig or OSError.

    The same command may be said again: the key stays, and so does what its host wrote into the file.
    """
    check_name(invitation.name)
    path = invitation.state / "probe.json"
    before = read(path) if path.exists() else {"register": invitation.register, "vantages": []}
    if str(before.get("register")).rstrip("/") != invitation.register.rstrip("/"):
        raise BadConfig(f"{path}: is not for {invitation.register}; take another --state for it")
    invitation.state.mkdir(parents=True, exist_ok=True)
    document, key = _document(before, invitation, _Answer())
    public = make_key(key)
    config = Config.of_document(document, path)  # what is wrong with it is found before the token is spent
    said = Enrol(invitation.token, invitation.name, public, datetime.now(UTC))
    sealed = seal(ENROL, said, read_key(key))
    headers = {"Tizilim-Key": public, "Tizilim-Signature": base64.b64encode(sealed.signature).decode("ascii")}
    answer = Door(str(config.register), config.ca).post("enrol", headers, sealed.body, _Answer)
    document, _ = _document(before, invitation, answer)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    partial.replace(path)
    return path


def _document(before: dict[str, Any], invitation: Invitation, answer: _Answer) -> tuple[dict[str, Any], Path]:
    """The configuration, and where the key of this vantage is kept."""
    entries = {str(entry.get("name")): entry for entry in vantages_of(before)}
    vantage = {
        "name": invitation.name,
        "key": f"{invitation.name}.key",
        "country": "kz",
        "control": answer.role == "control",
        **entries.get(invitation.name, {}),
    }
    vantage["country"] = invitation.country or vantage["country"]
    vantage["asn"] = invitation.asn or vantage.get("asn") or answer.asn
    vantage["control"] = invitation.control or vantage["control"]
    document = {**before, "vantages": list({**entries, invitation.name: vantage}.values())}
    if invitation.ca:
        document["ca"] = str(invitation.ca.absolute())
    return document, invitation.state / str(vantage["key"])
