"""A paper: an order, a judgment, a letter. Here is where its copy is to be had, and how to know it."""

from __future__ import annotations

from typing import Any

from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

SHA256 = RegexValidator(r"\A[0-9a-f]{64}\Z", _("A SHA-256 hash is 64 digits and letters from a to f, in lower case."))


NOT_IN_FULL = ("domain_only", "withheld")  # of Resource.Display


class Language(models.TextChoices):
    """Of a text that somebody else wrote."""

    KK = "kk", _("Kazakh")
    RU = "ru", _("Russian")
    EN = "en", _("English")


class DocumentQuerySet(models.QuerySet["Document"]):
    def public(self) -> DocumentQuerySet:
        """One of nothing but an appeal about a restriction that is not public is not public either."""
        return self.exclude(acts=None, appeals__restriction__public=False)

    def with_display(self) -> models.QuerySet[Any]:
        """Annotates `hidden`: it is of an act or an appeal about a resource that is not shown in full."""
        of_act = Document.acts.through.objects.filter(document=models.OuterRef("pk"))
        of_appeal = Document.appeals.through.objects.filter(document=models.OuterRef("pk"))
        return self.annotate(
            hidden=models.Exists(of_act.filter(act__restrictions__resource__display__in=NOT_IN_FULL))
            | models.Exists(of_appeal.filter(appeal__act__restrictions__resource__display__in=NOT_IN_FULL))
            | models.Exists(of_appeal.filter(appeal__restriction__resource__display__in=NOT_IN_FULL))
        )


class Document(models.Model):
    key = models.SlugField(_("key"), max_length=120, unique=True)
    title = models.CharField(_("title"), max_length=500)
    language = models.CharField(_("language"), max_length=2, choices=Language, blank=True, default="")
    media_type = models.CharField(_("media type"), max_length=100, blank=True, default="")
    # Bytes; NULL: nobody has counted them.
    size = models.PositiveBigIntegerField(_("size in bytes"), null=True, blank=True)
    sha256 = models.CharField(_("SHA-256"), max_length=64, blank=True, default="", validators=[SHA256])
    url = models.URLField(_("web address"), max_length=2000)  # of the public copy, or of the one in an archive

    objects = DocumentQuerySet.as_manager()

    class Meta:
        verbose_name = _("document")
        verbose_name_plural = _("documents")
        ordering = ["title", "id"]

    def __str__(self) -> str:
        return self.title
