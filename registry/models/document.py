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
    """Of one that we took in ourselves, the copy is ours: see PublicCopy."""

    key = models.SlugField(max_length=120, unique=True)
    title = models.CharField(max_length=500)
    language = models.CharField(max_length=2, choices=Language, blank=True, default="")
    media_type = models.CharField(max_length=100, blank=True, default="")
    size = models.PositiveBigIntegerField(null=True, blank=True)  # bytes; NULL: nobody has counted them
    sha256 = models.CharField(max_length=64, blank=True, default="", validators=[SHA256])
    # Of the public copy, or of the one in an archive. Ours is a path of this site; "": ours, and it was withdrawn.
    url = models.URLField(max_length=2000)
    # Of one that we took in:
    pages = models.PositiveIntegerField(null=True, blank=True)
    taken_on = models.DateField(null=True, blank=True)
    original_hash = models.CharField(max_length=64, blank=True, default="", validators=[SHA256])  # see Original
    redactions = models.JSONField(default=list, blank=True)  # what is blackened: page, left, top, right, bottom

    objects = DocumentQuerySet.as_manager()

    class Meta:
        verbose_name = _("document")
        verbose_name_plural = _("documents")
        ordering = ["title", "id"]

    def __str__(self) -> str:
        return self.title


class Original(models.Model):
    """A paper as it came, sealed: the register cannot open it. Not public; of its fields only the hash is."""

    document = models.OneToOneField(
        Document, null=True, blank=True, on_delete=models.PROTECT, related_name="original"
    )  # NULL: it waits for an editor
    hash = models.CharField(
        max_length=64, validators=[SHA256]
    )  # SHA-256 of a salt, which lies in the box, and the paper
    size = models.PositiveBigIntegerField()  # bytes of the paper
    box = models.BinaryField()
    keys = models.JSONField()  # the public keys, in the order in which they locked it
    taken_on = models.DateField()
    taken_by = models.CharField(max_length=60)

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

    original = models.ForeignKey(Original, on_delete=models.PROTECT, related_name="copies")
    previous = models.OneToOneField("self", null=True, blank=True, on_delete=models.PROTECT, related_name="next")
    sha256 = models.CharField(max_length=64, unique=True, validators=[SHA256])
    media_type = models.CharField(max_length=20, choices=MediaType)
    size = models.PositiveBigIntegerField()
    pages = models.PositiveIntegerField()
    marks = models.JSONField(default=list)  # burnt into it, those of the versions before it too
    # What an editor should look at: personal numbers that were found and are not blackened yet (page, kind, boxes);
    # pages without text, in which none can be found; pages of one colour; fonts that the paper did not bring.
    found = models.JSONField(default=list)
    without_text = models.JSONField(default=list)
    blank = models.JSONField(default=list)
    fonts = models.JSONField(default=list)
    data = models.BinaryField(null=True)  # NULL: another version took its place
    made_on = models.DateField()

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
