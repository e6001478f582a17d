"""What is measured from where, and how often."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from checks.models.vantage import Vantage


class Target(models.Model):
    """A URL to visit, in its canonical form."""

    url = models.CharField(_("web address"), max_length=2048, unique=True)
    host = models.CharField(_("host"), max_length=255, db_index=True)
    category = models.CharField(_("category"), max_length=10, blank=True, default="")  # Citizen Lab code
    # Disputed or freshly changed: until then the plan of changes measures it too.
    watched_until = models.DateTimeField(_("watched until"), null=True, blank=True, db_index=True)

    class Meta:
        verbose_name = _("target")
        verbose_name_plural = _("targets")
        ordering = ["host", "id"]

    def __str__(self) -> str:
        return self.url


class Priority(models.IntegerChoices):
    """What goes first where a vantage cannot do all that is due."""

    REPORTED = 0, _("reported by the public")
    CHANGED = 1, _("changed or disputed")
    REGISTRY = 2, _("the register")
    TAIL = 3, _("the long tail")


class Plan(models.Model):
    """Which targets are measured from which vantages, and how often."""

    name = models.SlugField(pgettext_lazy("heading", "name"), max_length=60, unique=True)
    targets = models.ManyToManyField(Target, verbose_name=_("targets"), blank=True, related_name="plans")
    vantages = models.ManyToManyField(Vantage, verbose_name=_("vantages"), blank=True, related_name="plans")
    priority = models.PositiveSmallIntegerField(_("priority"), choices=Priority, default=Priority.REGISTRY)
    period = models.DurationField(_("how often"))
    due_at = models.DateTimeField(_("due"), db_index=True)
    enabled = models.BooleanField(_("enabled"), default=True)

    class Meta:
        verbose_name = _("plan")
        verbose_name_plural = _("plans")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
