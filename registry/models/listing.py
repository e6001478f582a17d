"""An entry of the state register, as snapshots or a single source showed it. Listed is not the same as blocked."""

from __future__ import annotations

from collections.abc import Collection
from typing import Self

from django.db import models
from django.db.models import Case, Exists, F, OuterRef, Q, Subquery, Value, When
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from registry.dates import PartialDateField
from registry.models.resource import Coverage, Resource
from registry.models.snapshot import STATE_REGISTER, Snapshot
from registry.models.source import Source


class ListingQuerySet(models.QuerySet["Listing"]):
    def current(self) -> Self:
        """What is listed: in the newest snapshot, or seen by a source that no whole snapshot has followed."""
        followed = Snapshot.objects.filter(list=STATE_REGISTER, taken_on__gte=OuterRef("snapshot"))
        return self.filter(Q(first__isnull=False, gone=None) | Q(first=None) & ~Exists(followed))

    def past(self) -> Self:
        """What was listed, as far as is known. An entry that only changed has a current version beside it."""
        followed = Snapshot.objects.filter(list=STATE_REGISTER, taken_on__gte=OuterRef("snapshot"))
        return self.filter(Q(gone__isnull=False) | Q(first=None) & Exists(followed))

    def with_days(self) -> Self:
        """Annotates `last_seen` and `gone_on`; the first day on which an entry was seen is its `snapshot`."""
        newest = Snapshot.objects.of(STATE_REGISTER).values("taken_on")[:1]
        last = Case(
            When(first=None, then=F("snapshot")),
            When(gone=None, then=Subquery(newest)),
            default=F("last__taken_on"),
            output_field=models.CharField(),
        )
        return self.annotate(last_seen=last, gone_on=Coalesce(F("gone__taken_on"), Value("")))

    def with_display(self) -> Self:
        """Annotates `named`: may the domain of one without a resource be said? Not if that is a withheld site."""
        return self.annotate(named=~Exists(Resource.objects.withheld_sites().filter(host=OuterRef("domain"))))

    def link(self, urls: Collection[str] | None = None) -> int:
        """Give entries without a resource the one that their address stands for; of these addresses, or of all."""
        covering = Coverage.objects.filter(target__url=OuterRef("url")).order_by("-canonical", "id")
        rows = self.filter(resource=None).exclude(url="")
        if urls is not None:
            rows = rows.filter(url__in=urls)
        return rows.filter(Exists(covering)).update(resource=Subquery(covering.values("resource")[:1]))


class Listing(models.Model):
    """One version of an entry. What changes in it makes a new version, and the day on which nothing changes no row.

    From whole snapshots it stands in all from `first` to `last`; while the newest still shows it, `last` and `gone`
    are empty. What a single source saw on a day has no snapshot of ours: `first` is empty.
    """

    resource = models.ForeignKey(
        Resource, verbose_name=_("resource"), null=True, blank=True, on_delete=models.SET_NULL, related_name="listings"
    )
    register_id = models.CharField(_("number in the state register"), max_length=60)
    # What the register calls it; may say what must not be shown.
    title = models.TextField(_("title"), blank=True, default="")
    address = models.CharField(pgettext_lazy("heading", "address"), max_length=2048)  # as the register writes it
    # Canonical; "" where it is no name.
    url = models.CharField(_("web address"), max_length=2048, blank=True, default="", db_index=True)
    # Registrable: what is shown without a resource.
    domain = models.CharField(pgettext_lazy("heading", "domain"), max_length=255, blank=True, default="")
    category = models.TextField(_("category"), blank=True, default="")
    court = models.CharField(pgettext_lazy("heading", "court"), max_length=1000, blank=True, default="")
    act_ref = models.CharField(_("reference to the act"), max_length=1000, blank=True, default="")
    act_date = PartialDateField(_("date of the act"))  # of whatever act: a date beside no court is no court's
    # Fields that we do not know, as they came; not public.
    extra = models.JSONField(_("other fields"), blank=True, default=dict)
    # Of the fields that make a version.
    digest = models.CharField(_("fingerprint of the version"), max_length=64, blank=True, default="")
    snapshot = PartialDateField(_("first seen on"))  # the day on which the register was first seen to say so
    source = models.ForeignKey(Source, verbose_name=_("source"), on_delete=models.PROTECT, related_name="listings")
    first = models.ForeignKey(
        Snapshot,
        verbose_name=_("first snapshot"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="began",
    )
    last = models.ForeignKey(
        Snapshot, verbose_name=_("last snapshot"), null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    gone = models.ForeignKey(
        Snapshot,
        verbose_name=_("gone in the snapshot"),
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="ended",
    )
    previous = models.OneToOneField(
        "self",
        verbose_name=_("previous version"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="next",
    )

    objects = ListingQuerySet.as_manager()

    class Meta:
        verbose_name = _("entry of the state register")
        verbose_name_plural = _("entries of the state register")
        ordering = ["-snapshot", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["register_id", "address", "snapshot"], condition=Q(first=None), name="listing_once"
            ),
            models.UniqueConstraint(
                fields=["register_id"],
                condition=Q(first__isnull=False, gone=None),
                name="listing_one_version_stands",
            ),
            models.CheckConstraint(
                name="listing_was_seen_before_it_was_gone",
                condition=Q(last=None, gone=None) | Q(first__isnull=False, last__isnull=False, gone__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.register_id}: {self.address}"

    @property
    def shown_address(self) -> str:
        """What may be shown of the address. Of one that no editor has taken into the register, only the domain.

        Read it `with_display`: where that was forgotten, no domain is shown.
        """
        if self.resource is None:
            return self.domain if getattr(self, "named", False) else ""
        match self.resource.display:
            case Resource.Display.FULL:
                return self.address
            case Resource.Display.DOMAIN_ONLY:
                return self.resource.host
        return ""

    @property
    def is_shown_in_full(self) -> bool:
        return self.resource is not None and self.resource.display == Resource.Display.FULL
