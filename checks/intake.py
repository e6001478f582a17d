"""Batches coming home: signed bytes in, a recorded and judged run out."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime

from checks import judging, runs
from checks.models import Run, Vantage
from checks.probe.batch import BadBatch, unseal
from checks.runs import Refused

MESSAGE_LIMIT = 32 * 1024 * 1024  # characters of base64


def receive(vantage_name: str, body: str, signature: str, *, at: datetime) -> Run:
    """Verify, record and judge one batch. Raises Refused; a refused batch leaves no trace in the evidence."""
    vantage = Vantage.objects.filter(name=vantage_name).first()
    if vantage is None or vantage.public_key is None or vantage.state != Vantage.State.ADMITTED:
        raise Refused(f"{vantage_name!r} is no admitted vantage")
    if len(body) > MESSAGE_LIMIT:
        raise Refused(f"larger than {MESSAGE_LIMIT} characters")
    try:
        batch = unseal(
            base64.b64decode(body, validate=True), base64.b64decode(signature, validate=True), vantage.public_key
        )
    except (BadBatch, binascii.Error, ValueError) as error:
        raise Refused(str(error)) from error
    if batch.vantage != vantage.name:
        raise Refused(f"signed for {batch.vantage!r}, sent as {vantage.name!r}")
    run = runs.record(vantage, batch, at=at)
    judging.judge_run(run, at=at)
    return run
