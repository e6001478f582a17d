"""One alarm: what is seen, and where the record is put right. It closes by itself when it is found no more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext

from checks.models import Network
from registry import alarms, status
from registry.desk import holding
from registry.desk.work import KINDS
from registry.models import Alarm, Appeal, Restriction

Status = Restriction.Status


def alarm(request: HttpRequest, pk: int) -> HttpResponse:
    row, held = holding.alarm(request, KINDS["alarms"], pk)
    context = {
        **held,
        "name": alarms.name(row),
        "told": alarms.sentence(row),
        "situation": status.of(row.resource, at=timezone.now()).sentence(),
        "networks": Network.objects.filter(asn__in=row.networks),
        "remedies": [] if row.closed_on else list(_remedies(row)),
        "restrictions": row.resource.restrictions.standing(),
    }
    return render(request, "desk/alarm.html", context, status=409 if held["wrong"] else 200)


def _remedies(row: Alarm) -> Iterator[tuple[str, str]]:
    """What may be wrong with the record, each with its form, filled in as far as the alarm knows."""
    day = timezone.localdate()
    running = [one for one in row.resource.restrictions.standing() if not status.is_over(one.status, one.ended, day)]
    for one in running:
        yield gettext("Correct the restriction that began %(day)s") % _began(one), _correct(one, _known(row))
        withdraw = gettext("Withdraw the restriction that began %(day)s")
        yield withdraw % _began(one), _act("restriction", "withdraw", one.pk)
    if row.kind in (Alarm.Kind.ENDED, Alarm.Kind.COLLATERAL):
        yield gettext("Record a restriction that was not known"), _new(row)
    if row.act:
        told = {"act": row.act}
        yield gettext("Correct the act: %(act)s") % told, _act("act", "correct", row.act.pk)
    if row.kind == Alarm.Kind.GONE:
        yield gettext("Say what became of the site"), _act("resource", "describe", row.resource_id)


def _began(one: Restriction) -> dict[str, str]:
    return {"day": one.began_shown or gettext("on a day that is not known")}


def _known(row: Alarm) -> dict[str, Any]:
    """Fields of a restriction as the alarm suggests them; an editor looks at each before she proposes it."""
    if row.kind == Alarm.Kind.COLLATERAL:
        return {"scope_observed": alarms.sentence(row)}
    if row.kind == Alarm.Kind.REVERSED:
        reversed_on = Appeal.objects.standing().filter(act=row.act, outcome=Appeal.Outcome.REVERSED)
        decided = reversed_on.order_by("-decided").values_list("decided", flat=True).first()
        return {"status": Status.LIFTED, "ended": decided or ""}
    return {}


def _new(row: Alarm) -> str:
    since = timezone.localtime(row.since).date().isoformat() if row.since else ""
    fields: dict[str, Any] = {"resource": row.resource_id, "began": since}
    if row.since_at_least:
        fields["began_not_later_than"] = "on"
    return f"{reverse('admin:registry_restriction_new')}?{urlencode(fields)}"


def _correct(one: Restriction, fields: dict[str, Any]) -> str:
    return f"{_act('restriction', 'correct', one.pk)}?{urlencode(fields)}"


def _act(table: str, act: str, pk: int) -> str:
    return reverse(f"admin:registry_{table}_{act}", args=[pk])
