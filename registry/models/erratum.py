"""What was wrong on our own pages, since when, and how it was put right."""

from __future__ import annotations

from typing import NamedTuple

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from registry.dates import PartialDateField
from registry.models.log import SUBJECT, LogEntry
from registry.models.withdrawal import Withdrawable, WithdrawableQuerySet, withdrawn_with_a_day

LANGUAGES = ("ru", "kk", "en")  # after the reader's own, the one that most readers understand


NAMED = RegexValidator(rf"\A{SUBJECT.pattern}\Z", _("Write a record as the log does: restriction/12."))


class Told(NamedTuple):
    """An erratum in one language."""

    language: str
    wrong: str
    righted: str


class Erratum(Withdrawable):
    # The record that it is about, as the log names it; empty: a page, a method, more than one record.
    subject = models.CharField(_("record"), max_length=80, blank=True, default="", db_index=True, validators=[NAMED])
    since = PartialDateField(_("wrong since"))  # empty: not known
    righted_on = PartialDateField(_("put right on"), blank=False)
    wrong_kk = models.TextField(_("what was wrong, in Kazakh"), blank=True, default="")
    wrong_ru = models.TextField(_("what was wrong, in Russian"), blank=True, default="")
    wrong_en = models.TextField(_("what was wrong, in English"), blank=True, default="")
    righted_kk = models.TextField(_("how it was put right, in Kazakh"), blank=True, default="")
    righted_ru = models.TextField(_("how it was put right, in Russian"), blank=True, default="")
    righted_en = models.TextField(_("how it was put right, in English"), blank=True, default="")
    entry = models.ForeignKey(
        LogEntry,
        verbose_name=_("entry of the log that put it right"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="errata",
    )

    objects = WithdrawableQuerySet.as_manager()

    class Meta:
        verbose_name = _("erratum")
        verbose_name_plural = _("errata")
        ordering = ["-righted_on", "-id"]
        constraints = [
            withdrawn_with_a_day("erratum"),
            models.CheckConstraint(
                name="erratum_is_told_in_some_language",
                condition=~models.Q(wrong_kk="") | ~models.Q(wrong_ru="") | ~models.Q(wrong_en=""),
            ),
            *(
                models.CheckConstraint(
                    name=f"erratum_is_whole_in_{language}",
                    condition=models.Q(**{f"wrong_{language}": "", f"righted_{language}": ""})
                    | (~models.Q(**{f"wrong_{language}": ""}) & ~models.Q(**{f"righted_{language}": ""})),
                )
                for language in LANGUAGES
            ),
            models.CheckConstraint(
                name="erratum_is_put_right_after_it_was_wrong",
                condition=models.Q(since="")
                | models.Q(righted_on__gte=models.F("since"))
                | models.Q(since__startswith=models.F("righted_on")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.righted_on}: {self.subject}" if self.subject else self.righted_on

    def clean(self) -> None:
        """Only a record whose changes the log tells is a public one."""
        if self.subject.startswith("erratum/"):
            raise ValidationError({"subject": _("An erratum is about no other erratum: correct that one.")})
        if self.subject and not LogEntry.objects.filter(subject=self.subject).exists():
            raise ValidationError({"subject": _("The log has no entry of such a record.")})

    @property
    def told(self) -> Told:
        """In the reader's language, else in the first that it has."""
        every = (get_language() or "", *LANGUAGES)
        found = next((one for one in every if one in LANGUAGES and getattr(self, f"wrong_{one}")), LANGUAGES[0])
        return Told(found, getattr(self, f"wrong_{found}"), getattr(self, f"righted_{found}"))
