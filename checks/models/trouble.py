"""What is wrong with a vantage, and when beat was last heard of."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from checks.models.vantage import Vantage


class TroubleQuerySet(models.QuerySet["Trouble"]):
    def running(self) -> Self:
        return self.filter(closed_at=None)


class Trouble(models.Model):
    """Opened when it is found, renewed while it is found, closed when it is found no more; never deleted.

    Looked for once an hour (`checks.health.refresh`), so that no public page tells anything of it to the minute.
    """

    class Kind(models.TextChoices):
        QUIET = "quiet", _("nothing comes from it, though it is asked")
        BEHIND = "behind", _("it does not keep up with what is due")
        FAILING = "failing", _("at least half of its runs fail")
        SELF_TEST = "self_test", _("its self-tests fail")
        CLOCK = "clock", _("its clock is off")
        MUST_BLOCK = "must_block", _("names that must be blocked open there")
        DISAGREES = "disagrees", _("it sees otherwise than the others on its network")
        INCONCLUSIVE = "inconclusive", _("too much of what it measures is inconclusive")

    vantage = models.ForeignKey(Vantage, verbose_name=_("vantage"), on_delete=models.PROTECT, related_name="troubles")
    kind = models.CharField(_("kind"), max_length=12, choices=Kind)
    told = models.JSONField(_("numbers"), default=dict)  # of its sentence (`checks.health.sentence`)
    since = models.DateTimeField(_("since"), null=True, blank=True)  # empty: always, as far as anybody knows
    opened_at = models.DateTimeField(pgettext_lazy("of an alarm", "opened"))
    seen_at = models.DateTimeField(_("last found"))
    closed_at = models.DateTimeField(pgettext_lazy("of an alarm", "closed"), null=True, blank=True)

    objects = TroubleQuerySet.as_manager()

    class Meta:
        verbose_name = _("trouble with a vantage")
        verbose_name_plural = _("troubles with vantages")
        ordering = ["-opened_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["vantage", "kind"], condition=Q(closed_at=None), name="trouble_open_once")
        ]

    def __str__(self) -> str:
        return f"{self.vantage}: {self.get_kind_display()}"


class Tick(models.Model):
    """When a task of beat last ran to its end."""

    name = models.CharField(pgettext_lazy("heading", "name"), max_length=40, unique=True)
    at = models.DateTimeField(_("moment"))

    class Meta:
        verbose_name = _("tick of beat")
        verbose_name_plural = _("ticks of beat")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
