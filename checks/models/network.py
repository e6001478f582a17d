"""Networks, and the addresses that they announce."""

from __future__ import annotations

import ipaddress
import re
from typing import Self

from django.db import models
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _


class Network(models.Model):
    """An autonomous system. Only access networks count in "blocked on N of M networks"."""

    class Kind(models.TextChoices):
        ACCESS = "access", _("access")
        HOSTING = "hosting", _("hosting")
        OTHER = "other", _("other")

    asn = models.PositiveBigIntegerField(_("AS number"), unique=True)
    name = models.CharField(pgettext_lazy("heading", "name"), max_length=200)
    brand = models.CharField(_("brand"), max_length=200, blank=True, default="")
    kind = models.CharField(_("kind"), max_length=8, choices=Kind)
    country = models.CharField(_("country"), max_length=2, blank=True, default="")
    note = models.TextField(_("note"), blank=True, default="")
    imitated = models.BooleanField(_("imitated"), default=False)  # one of the lab: nothing seen there is a finding
    # When something last came from its vantages, though they were asked again and again; empty while they deliver.
    silent_since = models.DateTimeField(_("silent since"), null=True, blank=True)

    class Meta:
        verbose_name = _("network")
        verbose_name_plural = _("networks")
        ordering = ["asn"]

    def __str__(self) -> str:
        return f"{self.title} (AS{self.asn})"

    @property
    def title(self) -> str:
        """What people call it; what is our own word in it, and one of the lab, in the reader's language."""
        if renamed := _RENAMED.fullmatch(self.brand):
            return gettext("%(name)s (formerly %(earlier)s)") % renamed.groupdict()
        return self.brand or (str(IMITATED.get(self.name, self.name)) if self.imitated else self.name)

    @property
    def to_mark(self) -> bool:
        """Is it imitated, and its title does not say so?"""
        return self.imitated and (bool(self.brand) or self.name not in IMITATED)


_RENAMED = re.compile(r"(?P<name>.+) \(formerly (?P<earlier>.+)\)")

IMITATED = {
    "Imitated control network": _("Imitated control network"),
    "Imitated network A": _("Imitated network A"),
    "Imitated network B": _("Imitated network B"),
    "Imitated network C": _("Imitated network C"),
    "Imitated network D": _("Imitated network D"),
}  # as checks.lab names them


class AddressRangeQuerySet(models.QuerySet["AddressRange"]):
    def holding(self, address: str) -> Self:
        key = address_key(address)
        return self.filter(first__lte=key, last__gte=key).order_by("-first")


class AddressRange(models.Model):
    """Addresses announced by one network; both ends are 32 hexadecimal digits, IPv4 as ::ffff:a.b.c.d."""

    first = models.CharField(_("first address"), max_length=32, db_index=True)
    last = models.CharField(_("last address"), max_length=32)
    asn = models.PositiveBigIntegerField(_("AS number"), db_index=True)
    name = models.CharField(pgettext_lazy("heading", "name"), max_length=200)

    objects = AddressRangeQuerySet.as_manager()

    class Meta:
        verbose_name = _("address range")
        verbose_name_plural = _("address ranges")
        ordering = ["first"]
        constraints = [models.UniqueConstraint(fields=["first", "last"], name="address_range_once")]

    def __str__(self) -> str:
        return f"{self.first}-{self.last} AS{self.asn}"


def address_key(address: str) -> str:
    """An address as a text that sorts: 32 hexadecimal digits. Raises ValueError for what is none."""
    parsed = ipaddress.ip_address(address)
    if parsed.version == 4:
        parsed = ipaddress.IPv6Address(f"::ffff:{parsed}")
    return f"{int(parsed):032x}"
