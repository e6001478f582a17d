"""Changes that began together."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from checks.models.network import Network
from checks.models.plan import Target


class Wave(models.Model):
    """Many episodes that began together, or networks that fell silent together: offered to an editor as an event.

    Found anew from the episodes and the runs by `checks.waves`; an editor's decision is the `state` alone.
    """

    class Kind(models.TextChoices):
        TARGETS = "targets", _("many sites at once")
        NETWORKS = "networks", _("one site on many networks")
        BOTH = "both", _("many sites on many networks")
        SILENCE = "silence", _("networks fell silent")

    class Direction(models.TextChoices):
        BLOCK = "block", _("cut")
        UNBLOCK = "unblock", _("opened again")
        SILENCE = "silence", _("silence")

    class State(models.TextChoices):
        NEW = "new", _("waits for a decision")
        ACCEPTED = "accepted", _("made an event")
        DISMISSED = "dismissed", _("dismissed")

    kind = models.CharField(_("kind"), max_length=8, choices=Kind)
    direction = models.CharField(_("direction"), max_length=7, choices=Direction)
    state = models.CharField(_("state"), max_length=9, choices=State, default=State.NEW)
    # Stretches in which it was on: `not_before` and `began`, `ended_not_before` and `ended` (null: no end was seen).
    intervals = models.JSONField(_("intervals"))
    networks = models.ManyToManyField(Network, verbose_name=_("networks"), related_name="waves")
    # That had evidence about its sites, or delivered regularly, then.
    networks_measured = models.PositiveIntegerField(_("networks that were measured"))
    targets = models.ManyToManyField(Target, verbose_name=_("targets"), blank=True, related_name="waves")
    hosts = models.PositiveIntegerField(_("sites"), default=0)
    # On its networks, with enough evidence, when it began.
    hosts_measured = models.PositiveIntegerField(_("sites that were measured"), default=0)
    # Pairs of a target and a network.
    changes = models.PositiveIntegerField(_("sites on networks that changed"), default=0)
    vantages = models.PositiveIntegerField(_("vantages"), default=0)  # of a silence: that used to deliver, and stopped
    mechanisms = models.JSONField(_("mechanisms"), default=list)
    began_at = models.DateTimeField(_("began"))
    changed_at = models.DateTimeField(_("last change"))  # when the last change that belongs to it was first seen
    seen_at = models.DateTimeField(_("last evidence"))  # that it was on
    found_at = models.DateTimeField(_("found at"))

    class Meta:
        verbose_name = _("wave")
        verbose_name_plural = _("waves")
        ordering = ["-began_at", "id"]
        constraints = [models.UniqueConstraint(fields=["direction", "began_at"], name="wave_once")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}, {timezone.localtime(self.began_at):%Y-%m-%d %H:%M}"
