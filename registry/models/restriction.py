"""One episode of one resource being restricted. Conflicting sources are separate restrictions."""

from __future__ import annotations

from datetime import date
from typing import Any, Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from checks.models import Network
from registry.dates import PartialDateField
from registry.models.act import Act
from registry.models.authority import Authority, Ground, Region
from registry.models.event import Event
from registry.models.resource import Resource
from registry.models.source import Confidence, Source


class RestrictionQuerySet(models.QuerySet["Restriction"]):
    def public(self) -> Self:
        return self.filter(public=True)

    def in_force(self, *, on: date) -> Self:
        """Not known to have ended before or on that day. An end that nobody recorded is no end."""
        day = on.isoformat()
        return self.filter(models.Q(began="") | models.Q(began__lte=day)).filter(
            models.Q(ended="") | models.Q(ended__gt=day), ~models.Q(status=Restriction.Status.LIFTED)
        )

    def with_basis(self) -> Self:
        """Whatever a page says about a restriction, in a fixed number of queries."""
        return self.select_related("resource", "event").prefetch_related(
            "authorities",
            "grounds",
            "sources",
            "regions",
            "networks",
            "acts__roles__authority",
            "statements__source",
            "statements__authority",
        )


class Restriction(models.Model):
    class Kind(models.TextChoices):
        ADMINISTRATIVE = "administrative", _("administrative")
        COURT = "court", _("court")
        PRODUCTION = "production", _("production (outside the law)")
        UNKNOWN = "unknown", _("kind not known")

    class Status(models.TextChoices):
        IN_FORCE = "in_force", _("in force")
        LIFTED = "lifted", _("lifted")
        SUSPENDED = "suspended", _("suspended")
        APPEALED = "appealed", _("appealed")
        EXPIRED = "expired", _("expired")
        UNKNOWN = "unknown", _("status not known")

    resource = models.ForeignKey(Resource, on_delete=models.PROTECT, related_name="restrictions")
    kind = models.CharField(max_length=14, choices=Kind, default=Kind.UNKNOWN)
    kind_reason = models.TextField(blank=True, default="")
    status = models.CharField(max_length=10, choices=Status, default=Status.UNKNOWN)
    began = PartialDateField()
    began_not_later_than = models.BooleanField(default=False)
    ended = PartialDateField()
    acts = models.ManyToManyField(Act, blank=True, related_name="restrictions")
    authorities = models.ManyToManyField(Authority, blank=True, related_name="restrictions")
    authority_as_written = models.CharField(max_length=300, blank=True, default="")  # the source's words
    grounds = models.ManyToManyField(Ground, blank=True, related_name="restrictions")
    regions = models.ManyToManyField(Region, blank=True, related_name="restrictions")
    networks = models.ManyToManyField(Network, blank=True, related_name="restrictions")
    networks_as_written = models.CharField(max_length=300, blank=True, default="")
    scope_ordered = models.TextField(blank=True, default="")
    scope_observed = models.TextField(blank=True, default="")
    fact = models.TextField(blank=True, default="")  # what the source says, restated in one or two sentences
    confidence = models.CharField(max_length=6, choices=Confidence, default=Confidence.LOW)
    conflicting = models.BooleanField(default=False)  # another restriction tells the same episode differently
    event = models.ForeignKey(Event, null=True, blank=True, on_delete=models.SET_NULL, related_name="restrictions")
    sources = models.ManyToManyField(Source, blank=True, related_name="restrictions")
    # The starter case it came from. NULL, not "": of the rows that no pack made there may be many.
    pack_key = models.CharField(max_length=80, null=True, blank=True, unique=True)
    public = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = RestrictionQuerySet.as_manager()

    class Meta:
        verbose_name = _("restriction")
        verbose_name_plural = _("restrictions")
        ordering = ["began", "id"]
        constraints = [
            models.CheckConstraint(
                name="restriction_ends_after_start",
                condition=models.Q(began="")
                | models.Q(ended="")
                | models.Q(ended__gte=models.F("began"))
                | models.Q(began__startswith=models.F("ended")),
            ),
            models.CheckConstraint(
                name="restriction_kind_has_a_reason",
                condition=models.Q(kind="unknown") | ~models.Q(kind_reason=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.resource}: {self.get_kind_display()}"


def hidden(path: str = "") -> models.Prefetch[Any]:
    """Gives an act or an event at the end of `path` its `hidden`: restrictions of resources not shown in full."""
    rows = Restriction.objects.exclude(resource__display=Resource.Display.FULL).select_related("resource")
    return models.Prefetch(f"{path}restrictions", queryset=rows.order_by("pk"), to_attr="hidden")
