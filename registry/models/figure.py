"""Numbers that officials gave. They are claims: each stands as it was said, and none is added to another."""

from __future__ import annotations

from django.db import models
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from registry.dates import PartialDateField
from registry.models.authority import Authority, Ground
from registry.models.restriction import Restriction
from registry.models.source import Source


class OfficialFigure(models.Model):
    class Qualifier(models.TextChoices):
        EXACT = "exact", _("exactly")
        ABOUT = "about", _("approximately")
        OVER = "over", _("more than")

    class Unit(models.TextChoices):
        RESOURCES = "resources", _("resources")
        ACTS = "acts", _("acts")
        URLS = "urls", _("addresses (URLs)")
        MATERIALS = "materials", _("materials")
        ACCOUNTS = "accounts", _("accounts")
        FACTS = "facts", _("facts of violation")
        MIXED = "mixed", _("several kinds of things together")
        UNKNOWN = "unknown", _("what was counted is not known")

    key = models.SlugField(_("key"), max_length=80, unique=True)
    value = models.PositiveBigIntegerField(_("number given"))
    qualifier = models.CharField(_("how exact"), max_length=5, choices=Qualifier, default=Qualifier.EXACT)
    unit = models.CharField(_("what was counted"), max_length=9, choices=Unit)
    # What it counts, in the words of the source.
    counts_kk = models.CharField(_("what it counts, in Kazakh"), max_length=400)
    counts_ru = models.CharField(_("what it counts, in Russian"), max_length=400)
    counts_en = models.CharField(_("what it counts, in English"), max_length=400)
    period_from = PartialDateField(_("period from"))
    period_to = PartialDateField(_("period to"))
    ground = models.ForeignKey(
        Ground, verbose_name=_("ground"), null=True, blank=True, on_delete=models.PROTECT, related_name="figures"
    )
    # Of blocks of one kind only; empty: of whatever kind.
    kind = models.CharField(_("kind"), max_length=14, choices=Restriction.Kind, blank=True, default="")
    authority = models.ForeignKey(
        Authority, verbose_name=_("authority"), null=True, blank=True, on_delete=models.PROTECT, related_name="figures"
    )
    # Who said it, as the source names them.
    speaker = models.CharField(_("who said it"), max_length=200, blank=True, default="")
    source = models.ForeignKey(Source, verbose_name=_("source"), on_delete=models.PROTECT, related_name="figures")

    class Meta:
        verbose_name = _("official figure")
        verbose_name_plural = _("official figures")
        ordering = ["-period_to", "-period_from", "-value", "id"]
        constraints = [
            models.CheckConstraint(
                name="figure_period_ends_after_start",
                condition=models.Q(period_from="")
                | models.Q(period_to="")
                | models.Q(period_to__gte=models.F("period_from"))
                | models.Q(period_from__startswith=models.F("period_to")),
            )
        ]

    def __str__(self) -> str:
        return f"{self.value} {self.counts}"

    @property
    def counts(self) -> str:
        """What it counts, in the reader's language."""
        return str(getattr(self, f"counts_{get_language() or 'en'}", self.counts_en))
