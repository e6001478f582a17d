"""Probe locations."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from checks.models.network import Network


class VantageQuerySet(models.QuerySet["Vantage"]):
    def watching(self) -> Self:
        """Those whose networks count as measured: admitted probes, and OONI's."""
        return self.filter(role=Vantage.Role.ACCESS, state__in=[Vantage.State.ADMITTED, Vantage.State.IMPORTED])


class Vantage(models.Model):
    """A probe location: one key, one queue `probe.<name>`, one network.

    One whose `source` is OONI stands for all of OONI's probes in a network, or for its test helpers. It has no key and
    is neither admitted nor revoked: nothing is ever asked of it, and its silence says nothing.
    """

    class Role(models.TextChoices):
        ACCESS = "access", _("measures")
        CONTROL = "control", _("control")

    class State(models.TextChoices):
        ADMITTED = "admitted", _("admitted")
        REVOKED = "revoked", _("revoked")
        IMPORTED = "imported", _("imported")

    class Source(models.TextChoices):
        OWN = "own", _("our own probe")
        OONI = "ooni", _("OONI’s probes")

    name = models.SlugField(pgettext_lazy("heading", "name"), max_length=60, unique=True)
    network = models.ForeignKey(Network, verbose_name=_("network"), on_delete=models.PROTECT, related_name="vantages")
    region = models.CharField(_("region"), max_length=6, blank=True, default="")  # ISO 3166-2
    role = models.CharField(_("role"), max_length=7, choices=Role)
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.ADMITTED)
    source = models.CharField(_("source"), max_length=4, choices=Source, default=Source.OWN)
    # Ed25519, hexadecimal; two vantages are two witnesses
    public_key = models.CharField(_("public key"), max_length=64, unique=True, null=True, blank=True)
    # may visit what a stranger typed
    takes_unreviewed = models.BooleanField(_("takes unreviewed names"), default=False)
    consent_on = models.DateField(_("consent given on"), null=True, blank=True)
    consent_version = models.CharField(_("version of the consent"), max_length=20, blank=True, default="")
    excluded_categories = models.JSONField(_("excluded categories"), default=list, blank=True)
    seen_at = models.DateTimeField(_("last seen"), null=True, blank=True)

    objects = VantageQuerySet.as_manager()

    class Meta:
        verbose_name = _("vantage")
        verbose_name_plural = _("vantages")
        ordering = ["role", "name"]
        constraints = [
            models.CheckConstraint(
                name="vantage_of_ours_has_a_key",
                condition=(Q(source="own", public_key__isnull=False) & ~Q(state="imported"))
                | Q(source="ooni", public_key__isnull=True, state="imported"),
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def queue(self) -> str:
        return f"probe.{self.name}"
