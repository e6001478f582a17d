"""Who said what about a restriction or an event: claims, kept as claims."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from registry.dates import PartialTimeField
from registry.models.authority import Authority
from registry.models.event import Event
from registry.models.restriction import Restriction, hidden
from registry.models.source import Source
from registry.models.withdrawal import Withdrawable, WithdrawableQuerySet, withdrawn_with_a_day


class StatementQuerySet(WithdrawableQuerySet["Statement"]):
    def public(self) -> StatementQuerySet:
        """One about a restriction that is not public is not public either."""
        return self.exclude(restriction__public=False)

    def standing(self) -> StatementQuerySet:
        """Nor one about a restriction or an event that was withdrawn."""
        about = models.Q(restriction=None) | models.Q(restriction__withdrawn="")
        return self.public().filter(about, models.Q(event=None) | models.Q(event__withdrawn=""), withdrawn="")

    def with_basis(self) -> StatementQuerySet:
        rows = self.select_related("authority", "event", "source", "restriction__resource", "restriction__event")
        return rows.prefetch_related(hidden("event__"), "restriction__sources")


class Statement(Withdrawable):
    class Stance(models.TextChoices):
        ADMITS = "admits", _("admits")
        DENIES = "denies", _("denies")
        SILENT = "silent", _("does not answer")
        TECHNICAL_WORKS = "technical_works", _("says “technical works”")

    key = models.SlugField(_("key"), max_length=80, unique=True)
    restriction = models.ForeignKey(
        Restriction,
        verbose_name=_("restriction"),
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="statements",
    )
    event = models.ForeignKey(
        Event, verbose_name=_("event"), null=True, blank=True, on_delete=models.CASCADE, related_name="statements"
    )
    authority = models.ForeignKey(
        Authority,
        verbose_name=_("authority"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="statements",
    )
    # As the source names it: "Kazakhtelecom", "a vice-minister".
    speaker = models.CharField(_("who said it"), max_length=200)
    stance = models.CharField(_("stance"), max_length=16, choices=Stance)
    date = PartialTimeField(_("date"))
    words = models.TextField(_("words of the speaker"), blank=True, default="")
    source = models.ForeignKey(Source, verbose_name=_("source"), on_delete=models.PROTECT, related_name="statements")

    objects = StatementQuerySet.as_manager()

    class Meta:
        verbose_name = _("statement")
        verbose_name_plural = _("statements")
        ordering = ["date", "id"]
        constraints = [
            withdrawn_with_a_day("statement"),
            models.CheckConstraint(
                name="statement_is_about_one_thing",
                condition=models.Q(restriction__isnull=False, event__isnull=True)
                | models.Q(restriction__isnull=True, event__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.speaker}: {self.get_stance_display()}"
