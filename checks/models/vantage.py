"""Probe locations."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from checks.models.network import Network

PROBE_QUEUE, RESULTS_QUEUE = "probe", "results"  # as checks.probe names them in its own key space
CONSENTS = frozenset({"1"})  # versions of a host's consent that cover what we measure (docs/probes.md)


class VantageQuerySet(models.QuerySet["Vantage"]):
    def watching(self) -> Self:
        """Those whose networks count as measured: admitted probes, and OONI's."""
        return self.filter(role=Vantage.Role.ACCESS, state__in=[Vantage.State.ADMITTED, Vantage.State.IMPORTED])

    def agreed(self) -> Self:
        """Those whose hosts agree to what we measure now; controls are our own, and an imitated network has no host."""
        consented = Q(consent_on__isnull=False, consent_version__in=CONSENTS)
        return self.filter(consented | Q(network__imitated=True) | Q(role=Vantage.Role.CONTROL))


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

    class Way(models.TextChoices):
        """How its work comes to it and its batches come home."""

        QUEUE = "queue", _("by queue")
        DOOR = "door", _("over HTTPS")

    class Source(models.TextChoices):
        OWN = "own", _("our own probe")
        OONI = "ooni", _("OONI’s probes")

    name = models.SlugField(pgettext_lazy("heading", "name"), max_length=60, unique=True)
    network = models.ForeignKey(Network, verbose_name=_("network"), on_delete=models.PROTECT, related_name="vantages")
    region = models.CharField(_("region"), max_length=6, blank=True, default="")  # ISO 3166-2
    role = models.CharField(_("role"), max_length=7, choices=Role)
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.ADMITTED)
    source = models.CharField(_("source"), max_length=4, choices=Source, default=Source.OWN)
    way = models.CharField(_("how work comes to it"), max_length=5, choices=Way, default=Way.QUEUE)
    # Ed25519, hexadecimal; two vantages are two witnesses
    public_key = models.CharField(_("public key"), max_length=64, unique=True, null=True, blank=True)
    # may visit what a stranger typed
    takes_unreviewed = models.BooleanField(_("takes unreviewed names"), default=False)
    consent_on = models.DateField(_("consent given on"), null=True, blank=True)
    consent_version = models.CharField(_("version of the consent"), max_length=20, blank=True, default="")
    excluded_categories = models.JSONField(_("excluded categories"), default=list, blank=True)
    seen_at = models.DateTimeField(_("last seen"), null=True, blank=True)
    # What it last said of itself: software, visits that wait in its spool. Its own words, hence no evidence.
    said = models.JSONField(_("what it says of itself"), default=dict, blank=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)

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
        """Where its orders and receipts wait."""
        return self.queue_of(self.name)

    @staticmethod
    def queue_of(name: str) -> str:
        """All that a vantage may touch in the broker begins with its name, so that an account can be held to it."""
        return f"{name}:{PROBE_QUEUE}"

    @property
    def results(self) -> str:
        """Where its batches come home."""
        return f"{self.name}:{RESULTS_QUEUE}"


class Nonce(models.Model):
    """A number that a vantage used once in what it signed: what comes again with it is a replay.

    Kept for as long as the clock's window is wide (`checks.signing`): what is older is refused by its date.
    """

    vantage = models.ForeignKey(Vantage, verbose_name=_("vantage"), on_delete=models.CASCADE, related_name="nonces")
    value = models.CharField(_("number used once"), max_length=32)
    sent_at = models.DateTimeField(_("sent"), db_index=True)

    class Meta:
        verbose_name = _("number used once")
        verbose_name_plural = _("numbers used once")
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["vantage", "value"], name="nonce_once")]

    def __str__(self) -> str:
        return self.value


class Enrolment(models.Model):
    """An invitation to one probe: whoever has its token may hand in one key. Two people then admit it."""

    token_sha256 = models.CharField(_("SHA-256 of the token"), max_length=64, unique=True)
    admission = models.JSONField(_("what is to be admitted"))  # checks.vantages.Admission; its key once it was used
    made_at = models.DateTimeField(_("made"))
    until = models.DateTimeField(_("can be used until"))
    used_at = models.DateTimeField(_("used"), null=True, blank=True)

    class Meta:
        verbose_name = _("enrolment")
        verbose_name_plural = _("enrolments")
        ordering = ["-id"]

    def __str__(self) -> str:
        return str(self.admission.get("name", ""))
