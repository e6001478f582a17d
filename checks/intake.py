"""Batches coming home: signed bytes in, a recorded and judged run and a receipt out."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from checks import judging, parking, runs
from checks.models import Parked, Run, Vantage
from checks.probe.batch import Batch
from checks.probe.messages import BadMessage, Claim, Receipt, Sealed
from checks.runs import Refused

M = TypeVar("M", Batch, Claim)

SIZE_LIMIT = 24 * 1024 * 1024  # bytes of a batch as it travels, compressed


def receive(vantage_name: str, sealed: Sealed, *, at: datetime) -> Receipt:
    """Verify, record and judge one batch, and say what became of it.

    Raises Refused for what is no batch of an admitted vantage: nobody is told anything then. A batch that is refused
    leaves no trace in the evidence.
    """
    vantage = admitted(vantage_name)
    if len(sealed.body) > SIZE_LIMIT:
        raise Refused(f"larger than {SIZE_LIMIT} bytes")
    batch = opened(vantage, lambda key: Batch.unsealed(sealed, key))
    return _taken(vantage, batch, sealed, at)


def opened(vantage: Vantage, unsealed: Callable[[str], M]) -> M:
    """What a vantage signed, by its public key and in its own name. Raises Refused."""
    try:
        said = unsealed(str(vantage.public_key))
    except BadMessage as error:
        raise Refused(str(error)) from error
    if said.vantage != vantage.name:
        raise Refused(f"signed for {said.vantage!r}, sent as {vantage.name!r}")
    return said


def admitted(vantage_name: str) -> Vantage:
    """Raises Refused for one that nobody admitted, or that was revoked."""
    vantage = Vantage.objects.filter(name=vantage_name, state=Vantage.State.ADMITTED).first()
    if vantage is None or vantage.public_key is None:
        raise Refused(f"{vantage_name!r} is no admitted vantage", keep=True)
    return vantage


def _taken(vantage: Vantage, batch: Batch, sealed: Sealed, at: datetime) -> Receipt:
    """Record and judge; what is wrong with the batch becomes the reason of its receipt."""
    receipt = Receipt(vantage.name, batch.run, batch.attempt, keep=False)
    key = f"{vantage.name}/{batch.run}/{batch.attempt}"
    recorded: list[Run] = []
    refused: list[Refused] = []
    with parking.parking(Parked.Kind.BATCH, key, at=at, body=as_text(vantage.name, sealed)):
        try:
            recorded.append(runs.record(vantage, batch, at=at))
        except Refused as error:
            refused.append(error)
    if refused:
        return Receipt(vantage.name, batch.run, batch.attempt, keep=refused[0].keep, reason=str(refused[0]))
    if not recorded:
        aside = parking.is_aside(Parked.Kind.BATCH, key)
        why = "put aside for whoever keeps the register" if aside else "it could not be recorded: send it again"
        return Receipt(vantage.name, batch.run, batch.attempt, keep=not aside, reason=why)
    Vantage.objects.filter(pk=vantage.pk).exclude(said=batch.said.as_json()).update(said=batch.said.as_json())
    list(judging.judge(recorded, at=at))
    return receipt


def try_again(parked: Parked) -> str:
    """Take up again what was put aside; why not, where it fails once more. Raises Refused.

    A batch is received from what was kept of it, as of the moment when it came: its probe was told to forget it, and
    its clock was right then. If it fails, it stays aside.
    """
    if parked.kind != Parked.Kind.BATCH or parked.body is None:
        parking.try_again(parked)
        return ""
    sealed = from_text(parked.body["body"], parked.body["signature"])
    return receive(parked.body["vantage"], sealed, at=parked.failed_at).reason


def as_text(vantage_name: str, sealed: Sealed) -> dict[str, str]:
    """A batch as the queue carries it."""
    return {
        "vantage": vantage_name,
        "body": base64.b64encode(sealed.body).decode("ascii"),
        "signature": base64.b64encode(sealed.signature).decode("ascii"),
    }


def from_text(body: str, signature: str) -> Sealed:
    """Raises Refused."""
    if len(body) > SIZE_LIMIT * 4 // 3 + 4:
        raise Refused(f"larger than {SIZE_LIMIT} bytes")
    try:
        return Sealed(base64.b64decode(body, validate=True), base64.b64decode(signature, validate=True))
    except (binascii.Error, ValueError) as error:
        raise Refused(f"not base64: {error}") from error
