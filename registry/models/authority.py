"""Who may restrict, on what grounds, and where."""

from __future__ import annotations

from django.db import models
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from registry.dates import PartialDateField
from registry.models.display import Display
from registry.models.source import Source


class Named(models.Model):
    """A thing with one name in each of the three languages."""

    name_kk = models.CharField(max_length=400)
    name_ru = models.CharField(max_length=400)
    name_en = models.CharField(max_length=400)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """The name in the reader's language."""
        return str(getattr(self, f"name_{get_language() or 'en'}", self.name_en))


class Authority(Named):
    """A body that initiates, decides or executes, under the name it had at that time."""

    code = models.SlugField(max_length=80, unique=True)
    role = models.TextField(blank=True, default="")  # what the law lets it do, in English, with the article
    valid_from = PartialDateField()
    valid_to = PartialDateField()
    predecessors = models.ManyToManyField("self", symmetrical=False, blank=True, related_name="successors")
    sources = models.ManyToManyField(Source, blank=True)

    class Meta:
        verbose_name = _("authority")
        verbose_name_plural = _("authorities")
        ordering = ["name_en"]


class Ground(Named):
    """A reason that the law, or a body, names for a restriction."""

    code = models.SlugField(max_length=60, unique=True)
    law_ref = models.TextField(blank=True, default="")
    display = models.CharField(max_length=12, choices=Display, default=Display.FULL)

    class Meta:
        verbose_name = _("ground")
        verbose_name_plural = _("grounds")
        ordering = ["code"]


class Region(Named):
    """A region or city of republican significance, by ISO 3166-2."""

    iso = models.CharField(max_length=6, unique=True)

    class Meta:
        verbose_name = _("region")
        verbose_name_plural = _("regions")
        ordering = ["iso"]
