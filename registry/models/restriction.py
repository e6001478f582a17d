"""One episode of one resource being restricted. Conflicting sources are separate restrictions."""

from __future__ import annotations

from datetime import date
from typing import Any, Self

from django.apps import apps
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from checks.models import Network
from registry.dates import PartialTimeField, bounded, come_by
from registry.models.act import Act, ActRole
from registry.models.authority import Authority, Ground, Region
from registry.models.event import Event
from registry.models.resource import Resource
from registry.models.source import Confidence, Source
from registry.models.withdrawal import Withdrawable, WithdrawableQuerySet, withdrawn_with_a_day


class RestrictionQuerySet(WithdrawableQuerySet["Restriction"]):
    def public(self) -> Self:
        """What may be shown; those that were withdrawn too, with their mark."""
        return self.filter(public=True)

    def standing(self) -> Self:
        return self.public().filter(withdrawn="")

    def in_force(self, *, on: date) -> Self:
        """Not known to have ended before or on that day. An end that nobody recorded is no end."""
        over = models.Q(status__in=(Restriction.Status.LIFTED, Restriction.Status.EXPIRED))
        begun = models.Q(began="") | come_by("began", on)
        return self.filter(begun, withdrawn="").exclude(over | come_by("ended", on))

    def with_reversal(self) -> models.QuerySet[Any]:
        """Annotates `reversal`: some appeal reversed one of its acts. Whether that was the last word: appeals.fallen"""
        rows = apps.get_model("registry", "Appeal")._default_manager.standing()
        reversals = rows.filter(outcome="reversed", act__restrictions=models.OuterRef("pk"))
        return self.annotate(reversal=models.Exists(reversals))

    def with_basis(self) -> Self:
        """Whatever a page says about a restriction, in a fixed number of queries."""
        act_roles = ActRole.objects.select_related("authority")
        statements = apps.get_model("registry", "Statement")._default_manager.filter(withdrawn="")
        field_sources = apps.get_model("registry", "FieldSource")._default_manager.filter(withdrawn="")
        return self.select_related("resource", "event").prefetch_related(
            models.Prefetch("roles", RestrictionRole.objects.select_related("authority")),
            "grounds",
            "sources",
            models.Prefetch("field_sources", field_sources.select_related("source")),
            "regions",
            "networks",
            models.Prefetch("acts", Act.objects.standing().with_display()),
            models.Prefetch("acts__roles", act_roles),
            models.Prefetch("statements", statements.select_related("source", "authority")),
        )


class Restriction(Withdrawable):
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

    resource = models.ForeignKey(
        Resource, verbose_name=_("resource"), on_delete=models.PROTECT, related_name="restrictions"
    )
    kind = models.CharField(_("kind"), max_length=14, choices=Kind, default=Kind.UNKNOWN)
    kind_reason = models.TextField(_("why of this kind"), blank=True, default="")
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.UNKNOWN)
    # Each end: when, whether that is only the latest it can have been, and the earliest it can have been.
    began = PartialTimeField(_("began"))
    began_not_later_than = models.BooleanField(_("began by then, perhaps earlier"), default=False)
    began_not_before = PartialTimeField(_("began not before"))
    ended = PartialTimeField(_("ended"))
    ended_not_later_than = models.BooleanField(_("ended by then, perhaps earlier"), default=False)
    ended_not_before = PartialTimeField(_("ended not before"))
    acts = models.ManyToManyField(Act, verbose_name=_("acts"), blank=True, related_name="restrictions")
    authorities = models.ManyToManyField(
        Authority, verbose_name=_("authorities"), through="RestrictionRole", blank=True, related_name="restrictions"
    )
    authority_as_written = models.CharField(
        _("authority, as the source names it"), max_length=300, blank=True, default=""
    )
    grounds = models.ManyToManyField(Ground, verbose_name=_("grounds"), blank=True, related_name="restrictions")
    regions = models.ManyToManyField(Region, verbose_name=_("regions"), blank=True, related_name="restrictions")
    networks = models.ManyToManyField(Network, verbose_name=_("networks"), blank=True, related_name="restrictions")
    networks_as_written = models.CharField(
        _("networks, as the source names them"), max_length=300, blank=True, default=""
    )
    scope_ordered = models.TextField(_("scope ordered"), blank=True, default="")
    scope_observed = models.TextField(_("scope observed"), blank=True, default="")
    # What the source says, restated in one or two sentences.
    fact = models.TextField(_("what the source says"), blank=True, default="")
    confidence = models.CharField(_("confidence"), max_length=6, choices=Confidence, default=Confidence.LOW)
    # Another restriction tells the same episode differently.
    conflicting = models.BooleanField(_("another source tells it differently"), default=False)
    event = models.ForeignKey(
        Event, verbose_name=_("event"), null=True, blank=True, on_delete=models.SET_NULL, related_name="restrictions"
    )
    sources = models.ManyToManyField(Source, verbose_name=_("sources"), blank=True, related_name="restrictions")
    # The starter case it came from. NULL, not "": of the rows that no pack made there may be many.
    pack_key = models.CharField(_("key in the country pack"), max_length=80, null=True, blank=True, unique=True)
    public = models.BooleanField(pgettext_lazy("heading", "public"), default=True)
    created_at = models.DateTimeField(_("recorded at"), auto_now_add=True)

    objects = RestrictionQuerySet.as_manager()

    class Meta:
        verbose_name = _("restriction")
        verbose_name_plural = _("restrictions")
        ordering = ["began", "id"]
        constraints = [
            withdrawn_with_a_day("restriction"),
            models.CheckConstraint(
                name="restriction_ends_after_start",
                condition=models.Q(began="")
                | models.Q(ended="")
                | models.Q(ended__gte=models.F("began"))
                | models.Q(began__startswith=models.F("ended")),
            ),
            *(
                models.CheckConstraint(
                    name=f"restriction_bounds_of_{end}_in_order",
                    condition=models.Q(**{f"{end}_not_before": ""})
                    | models.Q(**{end: ""})
                    | models.Q(**{f"{end}__gte": models.F(f"{end}_not_before")})
                    | models.Q(**{f"{end}_not_before__startswith": models.F(end)}),
                )
                for end in ("began", "ended")
            ),
            models.CheckConstraint(
                name="restriction_kind_has_a_reason",
                condition=models.Q(kind="unknown") | ~models.Q(kind_reason=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.resource}: {self.get_kind_display()}"

    @property
    def its_event(self) -> Event | None:
        """What it belongs to, unless that was withdrawn."""
        return self.event if self.event and not self.event.withdrawn else None

    @property
    def began_shown(self) -> str:
        """When it began, with its bounds; empty where nothing is known."""
        return bounded(self.began, not_before=self.began_not_before, not_later_than=self.began_not_later_than)

    @property
    def ended_shown(self) -> str:
        return bounded(self.ended, not_before=self.ended_not_before, not_later_than=self.ended_not_later_than)


class RestrictionRole(models.Model):
    """What one body did in one restriction, as sources tell it."""

    class Role(models.TextChoices):
        INITIATED = "initiated", _("initiated")
        DECIDED = "decided", _("decided")
        EXECUTED = "executed", _("executed")
        UNKNOWN = "unknown", _("its part is not known")

    restriction = models.ForeignKey(
        Restriction, verbose_name=_("restriction"), on_delete=models.CASCADE, related_name="roles"
    )
    authority = models.ForeignKey(
        Authority, verbose_name=_("authority"), on_delete=models.PROTECT, related_name="restriction_roles"
    )
    role = models.CharField(_("role"), max_length=10, choices=Role, default=Role.UNKNOWN)

    class Meta:
        verbose_name = _("role in a restriction")
        verbose_name_plural = _("roles in restrictions")
        ordering = ["role", "id"]
        constraints = [
            models.UniqueConstraint(fields=["restriction", "authority", "role"], name="restriction_role_once")
        ]

    def __str__(self) -> str:
        return f"{self.authority} {self.get_role_display()}"


def hidden(path: str = "") -> models.Prefetch[Any]:
    """Gives an act or an event at the end of `path` its `unshown`: restrictions of resources not shown in full."""
    rows = Restriction.objects.exclude(resource__display=Resource.Display.FULL).select_related("resource")
    return models.Prefetch(f"{path}restrictions", queryset=rows.order_by("pk"), to_attr="unshown")
