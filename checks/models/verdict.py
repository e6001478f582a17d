"""What measurements mean, under which rules."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from checks.models.network import Network
from checks.models.plan import Target
from checks.models.run import Run
from checks.models.vantage import Vantage
from checks.verdict.rules import RULESET


class RulesetQuerySet(models.QuerySet["Ruleset"]):
    def current(self) -> str:
        """The one that public states rest on; before the first judgement, the newest that this code knows."""
        made = self.filter(made_current_at__isnull=False).order_by("-made_current_at", "-pk").first()
        return made.name if made else RULESET

    def candidates(self) -> Self:
        """Those that were begun and never made current: an editor is to look at what they change."""
        return self.filter(made_current_at=None)


class Ruleset(models.Model):
    """A ruleset under which measurements were judged, and when public states were last made to rest on it."""

    name = models.CharField(_("ruleset"), max_length=20, unique=True)
    begun_at = models.DateTimeField(_("begun"))
    made_current_at = models.DateTimeField(_("made current"), null=True, blank=True)
    by = models.CharField(_("by"), max_length=60, blank=True, default="")  # a key id of the log; empty: the first
    reason = models.TextField(_("reason"), blank=True, default="")

    objects = RulesetQuerySet.as_manager()

    class Meta:
        verbose_name = _("ruleset")
        verbose_name_plural = _("rulesets")
        ordering = ["-begun_at", "-pk"]

    def __str__(self) -> str:
        return self.name


class VerdictQuerySet(models.QuerySet["Verdict"]):
    def published(self) -> Self:
        """Without those of first checks."""
        return self.filter(run__round__plan__isnull=False)

    def counted(self) -> Self:
        """What public states rest on: published, and of no vantage that was revoked."""
        return self.published().exclude(vantage__state=Vantage.State.REVOKED)

    def current(self) -> Self:
        """Under the ruleset that public states rest on."""
        return self.filter(ruleset=Ruleset.objects.current())


class Verdict(models.Model):
    """What one measurement means under one ruleset. A new ruleset adds rows and changes none."""

    class Value(models.TextChoices):
        ACCESSIBLE = "accessible", _("accessible")
        BLOCKED = "blocked", _("blocked")
        DOWN = "down", _("down")
        INCONCLUSIVE = "inconclusive", _("inconclusive")

    measurement = models.UUIDField(_("measurement"))
    run = models.ForeignKey(Run, verbose_name=_("run"), on_delete=models.PROTECT, related_name="verdicts")
    target = models.ForeignKey(Target, verbose_name=_("target"), on_delete=models.PROTECT, related_name="verdicts")
    network = models.ForeignKey(Network, verbose_name=_("network"), on_delete=models.PROTECT, related_name="verdicts")
    vantage = models.ForeignKey(Vantage, verbose_name=_("vantage"), on_delete=models.PROTECT, related_name="verdicts")
    at = models.DateTimeField(_("measured at"))
    verdict = models.CharField(_("verdict"), max_length=12, choices=Value)
    mechanism = models.CharField(_("mechanism"), max_length=60, blank=True, default="")
    rule = models.CharField(_("rule"), max_length=60)
    ruleset = models.CharField(_("ruleset"), max_length=20)
    confidence = models.CharField(_("confidence"), max_length=6)
    artefact = models.BooleanField(_("a trace that only a censor leaves"), default=False)
    confirmed = models.BooleanField(_("confirmed by a second look"), default=False)
    notes = models.JSONField(_("notes"), default=list)
    controls = models.JSONField(_("control measurements"), default=list)  # ids of the control measurements it rests on
    fingerprints = models.CharField(_("revision of the fingerprints"), max_length=40, blank=True, default="")
    trust_store = models.CharField(_("certificate store"), max_length=60, blank=True, default="")
    imitated = models.BooleanField(_("imitated"))

    objects = VerdictQuerySet.as_manager()

    class Meta:
        verbose_name = _("verdict")
        verbose_name_plural = _("verdicts")
        ordering = ["-at", "-id"]
        constraints = [models.UniqueConstraint(fields=["measurement", "ruleset"], name="verdict_once_a_ruleset")]
        indexes = [models.Index(fields=["target", "network", "-at"])]

    def __str__(self) -> str:
        return f"{self.target} on {self.network}: {self.verdict}"
