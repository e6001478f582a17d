"""What an editor took back. The row stays where it was and says why; nothing is deleted."""

from __future__ import annotations

from typing import Self, TypeVar

from django.db import models
from django.utils.translation import gettext_lazy as _

Row = TypeVar("Row", bound=models.Model)


class WithdrawableQuerySet(models.QuerySet[Row]):
    def standing(self) -> Self:
        """What was not withdrawn, nor is about what was: whatever pages list and counts count."""
        return self.filter(withdrawn="")


class Withdrawable(models.Model):
    withdrawn = models.TextField(_("why it was withdrawn"), blank=True, default="")  # empty: it stands
    withdrawn_on = models.DateField(_("withdrawn on"), null=True, blank=True)

    class Meta:
        abstract = True


def withdrawn_with_a_day(table: str) -> models.CheckConstraint:
    """A withdrawal has its reason and its day, or neither. A child's Meta inherits no constraint, so each names it."""
    return models.CheckConstraint(
        name=f"{table}_withdrawn_with_a_day",
        condition=models.Q(withdrawn="", withdrawn_on__isnull=True)
        | (~models.Q(withdrawn="") & models.Q(withdrawn_on__isnull=False)),
    )
