"""A paper: an order, a judgment, a letter. Here is where its copy is to be had, and how to know it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urljoin

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from registry.models.hiding import Hiding
from registry.models.withdrawal import Withdrawable, WithdrawableQuerySet, withdrawn_with_a_day

SHA256 = RegexValidator(r"\A[0-9a-f]{64}\Z", _("A SHA-256 hash is 64 digits and letters from a to f, in lower case."))


NOT_IN_FULL = ("domain_only", "withheld")  # of Resource.Display


class Language(models.TextChoices):
    """Of a text that somebody else wrote."""

    KK = "kk", _("Kazakh")
    RU = "ru", _("Russian")
    EN = "en", _("English")


class DocumentQuerySet(WithdrawableQuerySet["Document"]):
    def public(self) -> DocumentQuerySet:
        """One of nothing but an appeal about a restriction that is not public is not public either."""
        return self.exclude(acts=None, appeals__restriction__public=False)

    def with_display(self) -> models.QuerySet[Any]:
        """Annotates `hidden`: it is of an act or an appeal about a resource that is not shown in full; and
        `hidden_now`: in an emergency."""
        of_act = Document.acts.through.objects.filter(document=models.OuterRef("pk"))
        of_appeal = Document.appeals.through.objects.filter(document=models.OuterRef("pk"))
        return self.annotate(
            hidden=models.Exists(of_act.filter(act__restrictions__resource__display__in=NOT_IN_FULL))
            | models.Exists(of_appeal.filter(appeal__act__restrictions__resource__display__in=NOT_IN_FULL))
            | models.Exists(of_appeal.filter(appeal__restriction__resource__display__in=NOT_IN_FULL)),
            hidden_now=models.Exists(Hiding.objects.in_force(Now()).filter(document=models.OuterRef("pk"))),
        )


class Document(Withdrawable):
    """Of one that we took in ourselves, the copy is ours: see PublicCopy."""

    OF_THE_COPY = ("media_type", "size", "sha256", "url")

    key = models.SlugField(_("key"), max_length=120, unique=True)
    title = models.CharField(_("title"), max_length=500)
    language = models.CharField(_("language"), max_length=2, choices=Language, blank=True, default="")
    media_type = models.CharField(_("media type"), max_length=100, blank=True, default="")
    # Bytes; NULL: nobody has counted them.
    size = models.PositiveBigIntegerField(_("size in bytes"), null=True, blank=True)
    sha256 = models.CharField(_("SHA-256"), max_length=64, blank=True, default="", validators=[SHA256])
    # Of the public copy, or of the one in an archive. Ours is a path of this site.
    url = models.URLField(_("web address"), max_length=2000)
    # Of one that we took in:
    pages = models.PositiveIntegerField(_("number of pages"), null=True, blank=True)
    taken_on = models.DateField(_("taken in on"), null=True, blank=True)
    original_hash = models.CharField(
        _("hash of the sealed original"), max_length=64, blank=True, default="", validators=[SHA256]
    )  # see Original
    # Page, left, top, right, bottom.
    redactions = models.JSONField(_("what is blackened"), default=list, blank=True)

    objects = DocumentQuerySet.as_manager()

    class Meta:
        verbose_name = _("document")
        verbose_name_plural = _("documents")
        ordering = ["title", "id"]
        constraints = [withdrawn_with_a_day("document")]

    def __str__(self) -> str:
        return self.title

    @property
    def ours(self) -> bool:
        """Did we take it in ourselves?"""
        return self.original_hash != ""

    @property
    def address(self) -> str:
        """Where its copy is to be had, from anywhere; empty where it is ours and was withdrawn."""
        return "" if self.ours and self.withdrawn else urljoin(settings.SITE_URL, self.url)


class Original(models.Model):
    """A paper as it came, sealed: the register cannot open it. Not public; of its fields only the hash is."""

    document = models.OneToOneField(  # NULL: it waits for an editor
        Document,
        verbose_name=_("document"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="original",
    )
    # SHA-256 of a salt, which lies in the box, and the paper.
    hash = models.CharField(_("hash of the sealed original"), max_length=64, validators=[SHA256])
    size = models.PositiveBigIntegerField(_("size in bytes"))  # of the paper
    box = models.BinaryField(_("sealed content"))
    keys = models.JSONField(_("public keys"))  # in the order in which they locked it
    taken_on = models.DateField(_("taken in on"))
    taken_by = models.CharField(_("taken in by"), max_length=60)

    class Meta:
        verbose_name = _("sealed original")
        verbose_name_plural = _("sealed originals")
        ordering = ["-id"]

    def __str__(self) -> str:
        return str(self.pk)


class PublicCopy(models.Model):
    """One version of the copy of an original. When another follows it, its bytes go and its hash stays."""

    class MediaType(models.TextChoices):
        PDF = "application/pdf", "PDF"
        PNG = "image/png", "PNG"
        JPEG = "image/jpeg", "JPEG"

    original = models.ForeignKey(
        Original, verbose_name=_("sealed original"), on_delete=models.PROTECT, related_name="copies"
    )
    previous = models.OneToOneField(
        "self",
        verbose_name=_("the version before"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="next",
    )
    sha256 = models.CharField(_("SHA-256"), max_length=64, unique=True, validators=[SHA256])
    media_type = models.CharField(_("media type"), max_length=20, choices=MediaType)
    size = models.PositiveBigIntegerField(_("size in bytes"))
    pages = models.PositiveIntegerField(_("number of pages"))
    # Burnt into it, those of the versions before it too.
    marks = models.JSONField(_("what is blackened"), default=list)
    # What an editor should look at: personal numbers that were found and are not blackened yet (page, kind, boxes);
    # pages without text, in which none can be found; pages of one colour; fonts that the paper did not bring.
    found = models.JSONField(_("personal numbers found"), default=list)
    without_text = models.JSONField(_("pages without text"), default=list)
    blank = models.JSONField(_("pages of one colour"), default=list)
    fonts = models.JSONField(_("missing fonts"), default=list)
    data = models.BinaryField(_("bytes"), null=True)  # NULL: another version took its place
    made_on = models.DateField(_("made on"))

    class Meta:
        verbose_name = _("public copy")
        verbose_name_plural = _("public copies")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["original"], condition=models.Q(previous=None), name="public_copy_one_first_of_an_original"
            ),
            models.UniqueConstraint(
                fields=["original"], condition=models.Q(data__isnull=False), name="public_copy_one_current"
            ),
        ]

    def __str__(self) -> str:
        return self.sha256
