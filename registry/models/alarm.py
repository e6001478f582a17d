"""A block that goes beyond its order, or outlives it: shown to everybody, and waiting for an editor."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from registry.models.act import Act
from registry.models.appeal import Appeal
from registry.models.resource import Resource
from registry.models.restriction import Restriction


class AlarmQuerySet(models.QuerySet["Alarm"]):
    def standing(self) -> Self:
        """Not one that rests on a record which was withdrawn since it was last found."""
        restrictions = Restriction.objects.standing()
        of_resource = restrictions.filter(resource=OuterRef("resource"))
        of_act = restrictions.filter(acts=OuterRef("act"), acts__withdrawn="")
        of_both = Exists(of_act.filter(resource=OuterRef("resource")))
        page = of_act.filter(resource__type=Resource.Type.URL, resource__host=OuterRef("resource__host"))
        reversal = Appeal.objects.standing().filter(act=OuterRef("act"), outcome=Appeal.Outcome.REVERSED)
        return self.filter(
            Q(kind=Alarm.Kind.ENDED) & Exists(of_resource)
            | Q(kind=Alarm.Kind.GONE) & (Q(act=None) | of_both)
            | Q(kind=Alarm.Kind.REVERSED) & of_both & Exists(reversal)
            | Q(kind=Alarm.Kind.COLLATERAL) & Exists(page)
        )


class Alarm(models.Model):
    """Opened when it is found, renewed while it is found, closed when it is found no more; never deleted."""

    class Kind(models.TextChoices):
        COLLATERAL = "collateral", _("pages are ordered, the whole domain is unreachable")
        ENDED = "ended", _("every recorded restriction has ended, and it is still unreachable")
        REVERSED = "reversed", _("the act was reversed on appeal, and it is still unreachable")
        GONE = "gone", _("the site is gone, and the block or its order stays")

    kind = models.CharField(_("kind"), max_length=12, choices=Kind)
    resource = models.ForeignKey(Resource, verbose_name=_("resource"), on_delete=models.CASCADE, related_name="alarms")
    act = models.ForeignKey(
        Act, verbose_name=_("act"), null=True, blank=True, on_delete=models.CASCADE, related_name="alarms"
    )
    pages = models.PositiveIntegerField(_("pages that the act names"), default=0)  # of one host that the act names
    networks = models.JSONField(_("networks"), default=list)  # numbers of those where it is unreachable
    # Networks with sufficient evidence.
    measured = models.PositiveIntegerField(_("networks that were measured"), default=0)
    since = models.DateTimeField(_("since"), null=True, blank=True)  # the earliest beginning on these networks
    since_at_least = models.BooleanField(_("at least since then"), default=False)
    opened_on = models.DateField(_("opened on"))
    seen_on = models.DateField(_("last found on"))  # the last day on which it was found
    closed_on = models.DateField(_("closed on"), null=True, blank=True)

    objects = AlarmQuerySet.as_manager()

    class Meta:
        verbose_name = _("alarm")
        verbose_name_plural = _("alarms")
        ordering = ["-opened_on", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "resource", "act"],
                condition=Q(closed_on=None, act__isnull=False),
                name="alarm_open_once",
            ),
            models.UniqueConstraint(
                fields=["kind", "resource"],
                condition=Q(closed_on=None, act=None),
                name="alarm_open_once_without_act",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.resource}"
