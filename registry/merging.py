"""Two entries for one thing become one. Nothing is lost, and the old addresses lead to the new one for ever."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from registry import displays, log
from registry.models import Alarm, Coverage, FormerAddress, Resource, Standing, strictest


class NotMerged(ValueError):
    """Why two entries cannot be merged; the text says what to change."""


class NoReason(NotMerged):
    """A decision without a reason; the reason is what others will check it by."""


class Gone(NotMerged):
    """One of the two was merged meanwhile: someone was faster."""


class OtherType(NotMerged):
    """The two are of different types, and nobody has confirmed that they are one thing all the same."""


@dataclass(frozen=True)
class Move:
    """Rows of one table that will belong to the other entry."""

    what: str
    count: int


def moves(duplicate: Resource) -> list[Move]:
    """What a merge takes along, table by table; what is none is left out."""
    found = []
    for relation in _relations():
        if relation.related_model is Standing:  # counted anew
            continue
        count = _rows(relation, duplicate).count()
        if count:
            found.append(Move(str(relation.related_model._meta.verbose_name_plural), count))
    return found


@transaction.atomic
def merge(duplicate: Resource, into: Resource, *, by: str, reason: str, across_types: bool = False) -> Resource:
    """Everything of `duplicate` becomes `into`'s, and its number and slug lead there. Raises NotMerged.

    `across_types`: somebody has confirmed that two entries of different types are one.
    """
    if log.says_nothing(reason):
        raise NoReason(_("Write the reason for this decision."))
    if duplicate.pk == into.pk:
        raise NotMerged(_("An entry cannot be merged into itself; choose another."))
    locked = Resource.objects.select_for_update().order_by("pk").in_bulk([duplicate.pk, into.pk])
    if len(locked) < 2:
        raise Gone(_("One of the two entries was merged meanwhile: someone was faster. Look both up again."))
    old, new = locked[duplicate.pk], locked[into.pk]
    if old.type != new.type and not across_types:
        raise OtherType(_("The two entries are of different types: confirm that they are one thing all the same."))
    before = _described(new)
    _take_description(old, new)
    moved = {relation.related_model._meta.model_name: _pks(relation, old) for relation in _relations()}
    told = {name: pks for name, pks in moved.items() if pks and name in _PUBLIC}
    log.append("merge", old, after={"into": new.pk}, reason=reason, by=by)
    after = {"from": old.pk, "moved": told, **_described(new)}
    log.append("merge", new, before=before, after=after, reason=reason, by=by)
    _take_coverage(old, new)
    _take_alarms(old, new)
    for relation in _relations():
        _take(relation, old, new)
    number, slug, type, name = old.pk, old.slug, old.type, old.name
    old.delete()
    FormerAddress.objects.create(
        number=number, slug=slug, type=type, name=name, resource=new, merged_on=timezone.localdate()
    )
    displays.refresh([new.pk], by=by, reason=reason)
    new.refresh_from_db()
    return new


_PUBLIC = {"restriction", "listing", "resource"}  # tables whose ids the log may name: reports are nobody's business

# What `_take` moves blindly, but for these: two know which row stays, and a standing is counted anew.
_OWN_WAY = (Coverage, Alarm, Standing)


def _relations() -> list[Any]:
    """Every table that points at a resource, also those that were added after this was written."""
    every: list[Any] = Resource._meta.get_fields(include_hidden=True)
    pointing = [one for one in every if one.auto_created and not one.concrete]
    # A table that only joins two others moves with the field that made it.
    return [one for one in pointing if not one.related_model._meta.auto_created]


def _rows(relation: Any, resource: Resource) -> models.QuerySet[Any]:
    rows: models.QuerySet[Any] = relation.related_model._base_manager.filter(**{relation.field.name: resource})
    return rows


def _pks(relation: Any, resource: Resource) -> list[int]:
    return sorted(_rows(relation, resource).values_list("pk", flat=True))


def _take(relation: Any, old: Resource, new: Resource) -> None:
    if relation.related_model in _OWN_WAY:
        return
    if relation.many_to_many:
        for row in _rows(relation, old):
            getattr(row, relation.field.name).add(new)
        return
    _rows(relation, old).update(**{relation.field.name: new})


_DESCRIPTION = ("category", "own_display", "languages", "condition", "condition_since", "host")


def _described(one: Resource) -> dict[str, Any]:
    return {name: getattr(one, name) for name in _DESCRIPTION} | {"service": one.service_id}


def _take_description(old: Resource, new: Resource) -> None:
    """What only one of the two says is kept; where both do, the entry that stays is right."""
    new.category = new.category or old.category
    new.own_display = (
        strictest([new.own_display, old.own_display])
        if new.own_display and old.own_display
        else (new.own_display or old.own_display)
    )
    new.languages = list(dict.fromkeys([*new.languages, *old.languages]))
    if not new.condition:
        new.condition, new.condition_since = old.condition, old.condition_since
    new.host = new.host or old.host
    if new.service_id == old.pk:  # the service itself was the duplicate
        new.service = None
    elif new.service is None and old.service_id != new.pk:
        new.service = old.service
    grouped = Resource.objects.filter(service__in=[old, new]).exclude(pk__in=[old.pk, new.pk])
    if new.service and grouped.exists():
        raise NotMerged(_("A group has one storey: put a site under a service that is in no group itself."))
    new.save()


def _take_coverage(old: Resource, new: Resource) -> None:
    """Its targets stand for the other from now on; the other's canonical one stays what it is."""
    known = set(new.coverage.values_list("target", flat=True))
    canonical = new.coverage.filter(canonical=True).exists()
    for row in old.coverage.order_by("-canonical", "pk"):
        if row.target_id in known:
            row.delete()
            continue
        row.resource, row.canonical = new, row.canonical and not canonical
        row.save()


def _take_alarms(old: Resource, new: Resource) -> None:
    """One open alarm of a kind stays; the other closes today and is kept."""
    opened = set(new.alarms.filter(closed_on=None).values_list("kind", "act"))
    for row in old.alarms.all():
        if row.closed_on is None and (row.kind, row.act_id) in opened:
            row.closed_on = timezone.localdate()
        row.resource = new
        row.save()
