"""What a body decided: orders, submissions, court decisions. One act may cover many resources."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext

from registry.dates import PartialTimeField, shown
from registry.models.authority import Authority
from registry.models.document import Document, Language
from registry.models.source import Confidence, Source
from registry.models.withdrawal import Withdrawable, WithdrawableQuerySet, withdrawn_with_a_day


class ActQuerySet(WithdrawableQuerySet["Act"]):
    def with_display(self) -> models.QuerySet[Any]:
        """Annotates `hidden`: it covers a resource that is not shown in full, so its words and papers are not shown."""
        covered = Act.restrictions.through.objects.filter(act=models.OuterRef("pk"))
        return self.annotate(hidden=models.Exists(covered.exclude(restriction__resource__display="full")))


class Act(Withdrawable):
    class Type(models.TextChoices):
        ORDER = "order", _("order of the authorised body")
        SUBMISSION = "submission", _("prosecutor's submission")
        COURT_DECISION = "court_decision", _("court decision")
        INTERIM_MEASURE = "interim_measure", _("interim measure of a court")
        KNB_DECISION = "knb_decision", _("decision of the National Security Committee")
        LAW = "law", _("law")
        UNKNOWN = "unknown", _("act of unknown type")

    # Its address: type, number and date, or the pack's key.
    key = models.SlugField(_("key"), max_length=120, unique=True)
    type = models.CharField(_("type"), max_length=20, choices=Type, default=Type.UNKNOWN)
    number = models.CharField(_("number"), max_length=120, blank=True, default="")
    date = PartialTimeField(_("date"))
    scope_ordered = models.TextField(_("scope ordered"), blank=True, default="")
    text = models.TextField(_("text"), blank=True, default="")  # its own words, in the language of `language`
    language = models.CharField(_("language"), max_length=2, choices=Language, blank=True, default="")
    note = models.TextField(_("note"), blank=True, default="")
    confidence = models.CharField(_("confidence"), max_length=6, choices=Confidence, default=Confidence.LOW)
    authorities = models.ManyToManyField(
        Authority, verbose_name=_("authorities"), through="ActRole", related_name="acts"
    )
    documents = models.ManyToManyField(Document, verbose_name=_("documents"), blank=True, related_name="acts")
    sources = models.ManyToManyField(Source, verbose_name=_("sources"), blank=True)

    objects = ActQuerySet.as_manager()

    class Meta:
        verbose_name = _("act")
        verbose_name_plural = _("acts")
        ordering = ["-date", "number", "id"]
        constraints = [
            withdrawn_with_a_day("act"),
            models.CheckConstraint(
                name="act_text_has_a_language", condition=models.Q(text="") | ~models.Q(language="")
            ),
        ]

    def __str__(self) -> str:
        type = str(self.get_type_display())
        if not self.number:
            return type
        return pgettext("of an act", "%(type)s %(number)s") % {"type": type, "number": self.number}

    @property
    def title(self) -> str:
        """What heads its page: many have no number, and are told apart by their day."""
        return str(self) if self.number or not self.date else f"{self}, {shown(self.date)}"


class ActRole(models.Model):
    """What one body did in one act."""

    class Role(models.TextChoices):
        INITIATED = "initiated", _("initiated")
        DECIDED = "decided", _("decided")
        EXECUTED = "executed", _("executed")

    act = models.ForeignKey(Act, verbose_name=_("act"), on_delete=models.CASCADE, related_name="roles")
    authority = models.ForeignKey(
        Authority, verbose_name=_("authority"), on_delete=models.PROTECT, related_name="roles"
    )
    role = models.CharField(_("role"), max_length=10, choices=Role)

    class Meta:
        verbose_name = _("role in an act")
        verbose_name_plural = _("roles in acts")
        ordering = ["role", "id"]
        constraints = [models.UniqueConstraint(fields=["act", "authority", "role"], name="act_role_once")]

    def __str__(self) -> str:
        return f"{self.authority} {self.get_role_display()}"
