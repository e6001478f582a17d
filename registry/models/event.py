"""A shutdown, an interception or a wave: something that hit networks rather than one resource."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from checks.models import Network, Wave
from registry.dates import PartialTimeField
from registry.models.authority import Authority, Named, Region
from registry.models.source import Confidence, Source


class Event(Named):
    class Type(models.TextChoices):
        SHUTDOWN = "shutdown", _("shutdown")
        INTERCEPTION = "interception", _("interception of encrypted traffic")
        THROTTLING = "throttling", _("slowing down")
        WAVE = "wave", _("wave of blocking")
        UNBLOCKING = "unblocking", _("wave of unblocking")

    key = models.SlugField(_("key"), max_length=80, unique=True)
    type = models.CharField(_("type"), max_length=12, choices=Type)
    began = PartialTimeField(_("began"))
    ended = PartialTimeField(_("ended"))
    # Of one that came and went by hours: the stretches in which it was on, as checks.models.Wave has them.
    intervals = models.JSONField(_("intervals"), default=list, blank=True)
    fact = models.TextField(_("what the source says"), blank=True, default="")
    authority_as_written = models.CharField(
        _("authority, as the source names it"), max_length=300, blank=True, default=""
    )
    authorities = models.ManyToManyField(Authority, verbose_name=_("authorities"), blank=True, related_name="events")
    confidence = models.CharField(_("confidence"), max_length=6, choices=Confidence, default=Confidence.LOW)
    regions = models.ManyToManyField(Region, verbose_name=_("regions"), blank=True, related_name="events")
    networks = models.ManyToManyField(Network, verbose_name=_("networks"), blank=True, related_name="events")
    sources = models.ManyToManyField(Source, verbose_name=_("sources"), blank=True, related_name="events")
    wave = models.OneToOneField(
        Wave, verbose_name=_("wave"), null=True, blank=True, on_delete=models.PROTECT, related_name="event"
    )

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        ordering = ["-began", "id"]
