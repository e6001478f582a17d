"""How much of a name may be shown. The register lists addresses that must not be advertised."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import models
from django.utils.translation import gettext_lazy as _


class Display(models.TextChoices):
    """From the most that may be shown to the least."""

    FULL = "full", _("shown in full")
    DOMAIN_ONLY = "domain_only", _("only the domain is shown")
    WITHHELD = "withheld", _("the name is withheld")


def strictest(displays: Iterable[str]) -> Display:
    """Of none, everything is shown."""
    order = list(Display)
    return order[max((order.index(Display(one)) for one in displays), default=0)]
