"""What an editor says of a resource beside its restrictions: its group, its languages, what became of the site."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from registry import displays, log
from registry.dates import check_partial_date
from registry.models import Resource

_LANGUAGE = re.compile(r"[a-z]{2,3}")


class NotDescribed(ValueError):
    """What is wrong with the description; the text says what to change."""


@transaction.atomic
def describe(
    resource: Resource,
    *,
    service: Resource | None,
    languages: Sequence[str],
    condition: str,
    condition_since: str,
    by: str,
    reason: str,
) -> None:
    """Raises NotDescribed. An entry of a site that is gone stays: only its condition changes."""
    if log.says_nothing(reason):
        raise NotDescribed(_("Write the reason for this decision."))
    if bool(condition) != bool(condition_since):
        raise NotDescribed(_("What became of a site needs its date, and a date what became of it."))
    try:
        if condition_since:
            check_partial_date(condition_since)
    except ValidationError as error:
        raise NotDescribed(" ".join(error.messages)) from error
    for code in languages:
        if not _LANGUAGE.fullmatch(code):
            raise NotDescribed(_("Write languages as codes of two or three letters: kk ru en."))
    one = Resource.objects.select_for_update().get(pk=resource.pk)
    if service and (service.pk == one.pk or service.service_id or one.mirrors.exists()):
        raise NotDescribed(_("A group has one storey: put a site under a service that is in no group itself."))
    before = _described(one)
    one.service, one.languages = service, list(dict.fromkeys(languages))
    one.condition, one.condition_since = condition, condition_since
    if before == _described(one):
        return
    one.save(update_fields=["service", "languages", "condition", "condition_since"])
    log.append("describe", one, before=before, after=_described(one), reason=reason, by=by)
    displays.refresh([one.pk], by=by, reason=reason)  # a withheld service withholds what it groups
    resource.refresh_from_db()


def _described(one: Resource) -> dict[str, Any]:
    return {
        "service": one.service_id,
        "languages": one.languages,
        "condition": one.condition,
        "condition_since": one.condition_since,
    }
