"""What was done against an act, step by step: each appeal knows the one before it and what came of it."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from registry.dates import PartialTimeField
from registry.models.act import Act
from registry.models.authority import Authority
from registry.models.document import Document
from registry.models.restriction import Restriction
from registry.models.source import Confidence, Source


class AppealQuerySet(models.QuerySet["Appeal"]):
    def public(self) -> AppealQuerySet:
        """One about a restriction that is not public is not public either."""
        return self.exclude(restriction__public=False)

    def with_display(self) -> models.QuerySet[Any]:
        """Annotates `hidden`: it is about a resource that is not shown in full, so its note is not shown."""
        covered = Act.restrictions.through.objects.filter(act=models.OuterRef("act"))
        its_own = Restriction.objects.filter(pk=models.OuterRef("restriction"))
        of_act = models.Exists(covered.exclude(restriction__resource__display="full"))
        return self.annotate(hidden=of_act | models.Exists(its_own.exclude(resource__display="full")))


class Appeal(models.Model):
    class Stage(models.TextChoices):
        COMPLAINT = "complaint", _("complaint to a body of the state")
        FIRST_INSTANCE = "first_instance", _("claim to a court of first instance")
        APPEAL = "appeal", pgettext_lazy("stage of a case", "appeal")
        CASSATION = "cassation", _("cassation")
        CONSTITUTIONAL = "constitutional", _("complaint to the Constitutional Court")
        UNKNOWN = "unknown", _("appeal at an unknown stage")

    class Outcome(models.TextChoices):
        PENDING = "pending", _("not decided yet")
        UPHELD = "upheld", _("what was challenged was upheld")
        REVERSED = "reversed", _("what was challenged was reversed")
        PARTLY = "partly", _("reversed in part")
        RETURNED = "returned", _("returned without being heard")
        WITHDRAWN = "withdrawn", _("withdrawn")
        UNKNOWN = "unknown", _("outcome not known")

    key = models.SlugField(_("key"), max_length=120, unique=True)
    # The act that is challenged.
    act = models.ForeignKey(Act, verbose_name=_("act"), on_delete=models.PROTECT, related_name="appeals")
    # The one restriction that it is about, where the act covers others too that it is not about.
    restriction = models.ForeignKey(
        Restriction,
        verbose_name=_("restriction"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="appeals",
    )
    previous = models.ForeignKey(
        "self",
        verbose_name=_("previous appeal"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="following",
    )
    stage = models.CharField(_("stage"), max_length=14, choices=Stage, default=Stage.UNKNOWN)
    body = models.ForeignKey(
        Authority,
        verbose_name=_("before whom"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="appeals",
    )
    filed = PartialTimeField(_("filed"))
    decided = PartialTimeField(pgettext_lazy("heading", "decided"))
    outcome = models.CharField(_("outcome"), max_length=9, choices=Outcome, default=Outcome.UNKNOWN)
    result = models.ForeignKey(
        Act,
        verbose_name=_("act that came of it"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="decided_appeals",
    )
    note = models.TextField(_("note"), blank=True, default="")
    confidence = models.CharField(_("confidence"), max_length=6, choices=Confidence, default=Confidence.LOW)
    documents = models.ManyToManyField(Document, verbose_name=_("documents"), blank=True, related_name="appeals")
    sources = models.ManyToManyField(Source, verbose_name=_("sources"), blank=True, related_name="appeals")

    objects = AppealQuerySet.as_manager()

    class Meta:
        verbose_name = _("appeal")
        verbose_name_plural = _("appeals")
        ordering = ["filed", "decided", "id"]
        constraints = [
            models.CheckConstraint(
                name="appeal_is_decided_after_it_is_filed",
                condition=models.Q(filed="")
                | models.Q(decided="")
                | models.Q(decided__gte=models.F("filed"))
                | models.Q(filed__startswith=models.F("decided")),
            ),
            models.CheckConstraint(
                name="appeal_pending_has_no_decision",
                condition=~models.Q(outcome="pending") | models.Q(decided="", result__isnull=True),
            ),
            models.CheckConstraint(
                name="appeal_challenges_another_act",
                condition=models.Q(result__isnull=True) | ~models.Q(result=models.F("act")),
            ),
            models.CheckConstraint(
                name="appeal_follows_another",
                condition=models.Q(previous__isnull=True) | ~models.Q(previous=models.F("pk")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.act}: {self.get_stage_display()}"

    @property
    def when(self) -> str:
        """Where it stands in the course of things: when it was decided, else when it was filed."""
        return str(self.decided or self.filed)
