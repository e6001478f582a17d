"""What a page is about: a record by the address of its page, and back from a record to its name and its page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import UUID

from django.conf import settings
from django.db.models import BigIntegerField
from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import Resolver404, resolve, reverse
from django.utils.translation import get_language, pgettext

from checks.models import Measurement, Network
from registry import discretion, documents, labels, log, veil
from registry.labels import OWN_NAMES, Records, Reference
from registry.models import (
    STATE_REGISTER,
    Act,
    Authority,
    Event,
    FormerAddress,
    InformationRequest,
    LogEntry,
    Snapshot,
)
from registry.models.log import SUBJECT
from registry.problem_reports import About
from registry.web.evidence import public_episodes, public_measurement
from registry.web.history import address_of
from registry.web.names import by_key
from registry.web.register import asked_for

LIMIT = 4_000  # characters of an address


def read(text: str, request: HttpRequest) -> About | None:
    """Of the address of a page of ours, or of a record as the log names it. None: there is no such page or record.

    By a name that may not be shown nothing is found, as its page is not.
    """
    try:
        model, _slash, pk = text.partition("/")
        if SUBJECT.fullmatch(text):
            return About(subject=_of_history(request, model, int(pk)))
        if model == "measurement":
            return About(subject=_of_measurement(request, UUID(pk)))
        address = urlsplit(text)
        if address.netloc not in ("", request.get_host(), urlsplit(settings.SITE_URL).netloc):
            return None
        return _of_page(unquote(address.path), request)
    except (Http404, ValueError):
        return None


def _of_page(path: str, request: HttpRequest) -> About | None:
    language, _slash, rest = path.removeprefix("/").partition("/")
    ours = language in OWN_NAMES  # addresses are known in the language of this request only
    try:
        found = resolve(f"/{get_language()}/{rest}" if ours else path)
    except Resolver404:
        return None
    if find := RECORDS.get(found.url_name or ""):
        return About(subject=find(request, **found.kwargs))
    # Of the others only those whose address is of our own words, so that nobody's own are kept.
    whole = not found.kwargs and (ours or found.url_name == "api")
    return About(page=f"/{rest}" if ours else path) if whole else None


def _of_history(request: HttpRequest, model: str, pk: int) -> str:
    if model not in labels.TABLES or pk > BigIntegerField.MAX_BIGINT:
        raise Http404
    if model == "resource" and (former := FormerAddress.objects.filter(number=pk).first()):
        pk = former.resource_id
    subject = f"{model}/{pk}"
    if not LogEntry.objects.filter(subject=subject).exists():
        row = get_object_or_404(labels.TABLES[model]._default_manager, pk=pk)
        if not getattr(row, "public", True):
            raise Http404
    return subject


def _of_document(request: HttpRequest, sha256: str) -> str:
    copy = documents.shown(sha256)
    if copy is None or copy.original.document is None:
        raise Http404
    return log.subject_of(copy.original.document)


def _of_measurement(request: HttpRequest, pk: UUID) -> str:
    return log.subject_of(public_measurement(pk))


def _by(rows: Callable[[], Any], column: str) -> Callable[..., str]:
    def find(request: HttpRequest, **kwargs: Any) -> str:
        return log.subject_of(get_object_or_404(rows(), **{column: kwargs.popitem()[1]}))

    return find


def _keyed(rows: Callable[[], Any]) -> Callable[..., str]:
    return lambda request, key: log.subject_of(by_key(rows(), key, request))


def _of_resource(request: HttpRequest, **by: Any) -> str:
    return log.subject_of(asked_for(**by))


# The pages of one record, and how each finds it. Raises Http404 where there is no such page.
RECORDS: Mapping[str, Callable[..., str]] = {
    "resource": _of_resource,
    "resource_by_number": _of_resource,
    "evidence": _of_resource,
    "evidence_by_number": _of_resource,
    "evidence_pack": _of_resource,
    "evidence_pack_by_number": _of_resource,
    "act": _keyed(Act.objects.all),
    "act_text": _keyed(Act.objects.all),
    "event": _keyed(Event.objects.all),
    "request": _keyed(InformationRequest.objects.public),
    "authority": _by(Authority.objects.all, "code"),
    "network": _by(Network.objects.all, "asn"),
    "episode": _by(public_episodes, "pk"),
    "measurement": _of_measurement,
    "state_register_snapshot": _by(lambda: Snapshot.objects.filter(list=STATE_REGISTER), "pk"),
    "record_history": _of_history,
    "document": _of_document,
}


@dataclass(frozen=True)
class Named:
    """What it is about, as people call it, and where it stands. No more than the register shows today."""

    what: str
    name: str
    url: str  # empty: it has no page any more


def named(about: About, request: HttpRequest) -> Named | None:
    """None: the sender did not say."""
    if about.page:
        url = about.page if about.page.startswith("/api/") else f"/{get_language()}{about.page}"
        return Named(pgettext("of the site", "page"), about.page, url)
    return of_subjects([about.subject], request).get(about.subject)


def of_subjects(subjects: Iterable[str], request: HttpRequest) -> dict[str, Named]:
    """Records by how the log names them. Also for answers that `registry.veil` leaves as they are."""
    parted = {one: one.partition("/")[::2] for one in subjects if one}
    known = {one: Reference(model, "pk", pk) for one, (model, pk) in parted.items() if model in labels.TABLES}
    records, hidden = Records(known.values()), discretion.of_subjects(known)
    found = {}
    for one, reference in known.items():
        row = records.get(reference)
        name = discretion.told(labels.called(row), hidden.get(one, ())) if row else ""
        history = reverse("record_history", args=parted[one])
        url = address_of(row, request) or history
        url = history if veil.of(request).names(url) else url
        shown = veil.of(request).black(name, markup=True) or f"№ {reference.value}"
        found[one] = Named(labels.table(reference.table), shown, url)
    for one, (model, pk) in parted.items():
        if model == "measurement":
            found[one] = Named(str(Measurement._meta.verbose_name), pk, reverse("measurement", args=[pk]))
    return found
