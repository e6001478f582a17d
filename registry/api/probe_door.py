"""`/probe/v1/`: the door of probes that anybody lends. They claim work and hand in batches, signed with their keys.

It answers what `checks.probe.messages` describes, as JSON; what it cannot take, as problem+json. No address is kept.
"""

from __future__ import annotations

import base64
import binascii
import logging
from collections.abc import Callable
from dataclasses import asdict
from functools import wraps
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from kombu.exceptions import OperationalError

from checks import intake, runs, tasks, vantages
from checks.models import Vantage
from checks.probe import messages
from checks.probe.messages import Claim, Orders, Sealed
from checks.runs import Refused
from registry import proposals
from registry.api.problems import MEDIA_TYPE
from registry.editing import NotPossible
from registry.proposals import Operation

log = logging.getLogger(__name__)

SMALL = 8192  # bytes of anything but a batch
View = Callable[[HttpRequest], HttpResponse]


class _Problem(Exception):
    def __init__(self, status: HTTPStatus, detail: str) -> None:
        super().__init__(detail)
        self.status = status


def _door(view: Callable[[HttpRequest], Any]) -> View:
    """A view whose answer is a dataclass, and whose refusals are problems."""

    @never_cache
    @csrf_exempt
    @require_POST
    @wraps(view)
    def answer(request: HttpRequest) -> HttpResponse:
        try:
            return JsonResponse(asdict(view(request)))
        except (Refused, vantages.NotAdmitted, NotPossible) as error:
            return _problem(HTTPStatus.FORBIDDEN, str(error))
        except _Problem as error:
            return _problem(error.status, str(error))

    return answer


def _problem(status: HTTPStatus, detail: str) -> HttpResponse:
    body = {"type": "about:blank", "title": status.phrase, "status": status, "detail": detail}
    return JsonResponse(body, status=status, content_type=MEDIA_TYPE)


def _sealed(request: HttpRequest, limit: int) -> Sealed:
    """Body and signature. Raises _Problem; more than the limit is never read."""
    try:
        signature = base64.b64decode(request.headers.get("Tizilim-Signature", ""), validate=True)
    except (binascii.Error, ValueError):
        raise _Problem(HTTPStatus.BAD_REQUEST, "Tizilim-Signature must be base64") from None
    body = request.read(limit + 1)
    if len(body) > limit:
        raise _Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"larger than {limit} bytes")
    return Sealed(body, signature)


def _vantage(request: HttpRequest) -> Vantage:
    """The admitted vantage of this door that the request names; whether it is, the signature shows. Raises Refused."""
    vantage = intake.admitted(request.headers.get("Tizilim-Vantage", ""))
    if vantage.way != Vantage.Way.DOOR:
        raise Refused(f"{vantage} is served by the queue, not here", keep=True)
    return vantage


@_door
def claim(request: HttpRequest) -> Orders:
    """Work for one vantage: what is due and what it has room for."""
    vantage, at = _vantage(request), timezone.now()
    sealed = _sealed(request, SMALL)
    said = intake.opened(vantage, lambda key: messages.unseal(messages.CLAIM, sealed, key, Claim))
    with transaction.atomic():
        runs.use_once(vantage, said.nonce, said.sent, at=at)
        Vantage.objects.filter(pk=vantage.pk).update(seen_at=at, said=said.said.as_json())
    orders = tuple(runs.take_for(vantage, at, room=max(0, said.room)))
    _ring()
    return Orders(orders, wait=settings.TICK)


@_door
def batches(request: HttpRequest) -> Any:
    """A batch comes home; the answer is its receipt."""
    vantage = _vantage(request)
    receipt = intake.receive(vantage.name, _sealed(request, intake.SIZE_LIMIT), at=timezone.now())
    _ring()
    return receipt


@_door
def enrol(request: HttpRequest) -> Any:
    """Whoever was invited hands in a key. Two people then admit it."""
    key = request.headers.get("Tizilim-Key", "")
    with transaction.atomic():
        admission = vantages.hand_in(_sealed(request, SMALL), key, at=timezone.now())
        reason = "an invited probe handed in its key"
        proposals.propose(Operation.ADMIT, None, asdict(admission), by=None, reason=reason)
    return messages.Enrolled(admission.name, admission.asn, admission.role)


def _ring() -> None:
    """Controls that are ready now need not wait for beat. Without a queue they do."""
    try:
        tasks.send_orders()
    except OperationalError:
        log.warning("the queue cannot be reached: what is ready waits for beat")
