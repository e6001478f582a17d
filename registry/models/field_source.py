"""Which field of which record a source supports. A record's own sources support it as a whole."""

from __future__ import annotations

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from registry.models.act import Act
from registry.models.event import Event
from registry.models.restriction import Restriction
from registry.models.source import Source


class FieldSource(models.Model):
    ABOUT = ("restriction", "act", "event")

    restriction = models.ForeignKey(
        Restriction,
        verbose_name=_("restriction"),
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="field_sources",
    )
    act = models.ForeignKey(
        Act, verbose_name=_("act"), null=True, blank=True, on_delete=models.CASCADE, related_name="field_sources"
    )
    event = models.ForeignKey(
        Event, verbose_name=_("event"), null=True, blank=True, on_delete=models.CASCADE, related_name="field_sources"
    )
    field = models.CharField(_("field"), max_length=40)  # its column: began, ended, kind
    source = models.ForeignKey(Source, verbose_name=_("source"), on_delete=models.PROTECT, related_name="fields")

    class Meta:
        verbose_name = _("source of a field")
        verbose_name_plural = _("sources of fields")
        ordering = ["field", "id"]
        constraints = [
            models.CheckConstraint(
                name="field_source_is_of_one_record",
                condition=models.Q(restriction__isnull=False, act__isnull=True, event__isnull=True)
                | models.Q(restriction__isnull=True, act__isnull=False, event__isnull=True)
                | models.Q(restriction__isnull=True, act__isnull=True, event__isnull=False),
            ),
            *(
                models.UniqueConstraint(fields=[record, "field", "source"], name=f"field_source_once_{record}")
                for record in ("restriction", "act", "event")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.field}: {self.source}"

    def clean(self) -> None:
        for name in self.ABOUT:
            if getattr(self, f"{name}_id") is not None:
                check_field(type(self)._meta.get_field(name).related_model, self.field)  # type: ignore[arg-type]


def check_field(model: type[models.Model], name: str) -> None:
    """Raise ValidationError unless the table has a field of that name."""
    try:
        model._meta.get_field(name)
    except FieldDoesNotExist:
        raise ValidationError({"field": _("This table has no such field.")}) from None
