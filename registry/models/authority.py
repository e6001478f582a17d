"""Who may restrict, on what grounds, and where."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db import models
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from registry.dates import PartialDateField, first_day, last_day
from registry.models.display import Display
from registry.models.source import Source
from registry.models.withdrawal import Withdrawable, WithdrawableQuerySet, withdrawn_with_a_day


class Named(models.Model):
    """A thing with one name in each of the three languages."""

    name_kk = models.CharField(_("name in Kazakh"), max_length=400)
    name_ru = models.CharField(_("name in Russian"), max_length=400)
    name_en = models.CharField(_("name in English"), max_length=400)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """The name in the reader's language."""
        return str(getattr(self, f"name_{get_language() or 'en'}", self.name_en))


class AuthorityQuerySet(WithdrawableQuerySet["Authority"]):
    def lineage(self) -> Lineage:
        """These bodies with those before and after them, in two queries."""
        before, after = defaultdict(list), defaultdict(list)
        for later, earlier in Authority.predecessors.through.objects.values_list("from_authority", "to_authority"):
            before[later].append(earlier)
            after[earlier].append(later)
        return Lineage({row.pk: row for row in self}, before, after)


@dataclass(frozen=True)
class Lineage:
    """Who came before whom, by id."""

    bodies: Mapping[int, Authority]
    before: Mapping[int, list[int]]
    after: Mapping[int, list[int]]

    def on(self, body: Authority, date: str) -> tuple[Authority, ...]:
        """Who `body` was on that date: itself, or of those before and after it the ones that existed then.

        Several where it was divided or joined since; none where nobody is known.
        """
        if not date or body.existed(date):
            return (body,)
        links = self.after if body.ended_before(date) else self.before
        found, seen, waiting = [], {body.pk}, list(links.get(body.pk, ()))
        while waiting:
            pk = waiting.pop(0)
            if pk in seen or pk not in self.bodies:
                continue
            seen.add(pk)
            if self.bodies[pk].existed(date):
                found.append(self.bodies[pk])
            else:
                waiting += links.get(pk, ())
        return tuple(found)

    def above(self, bodies: Iterable[int]) -> set[int]:
        """All that came before these; one of these itself only where they go round in a circle."""
        found: set[int] = set()
        self._reach(self.before, bodies, found)
        return found

    def chain(self, body: Authority) -> tuple[Authority, ...]:
        """The body with all before and after it, the oldest first."""
        found = {body.pk}
        for links in (self.before, self.after):
            self._reach(links, [body.pk], found)
        rows = [self.bodies[pk] for pk in found]
        return tuple(sorted(rows, key=lambda one: (one.valid_from, one.valid_to or "9", one.pk)))

    def _reach(self, links: Mapping[int, list[int]], bodies: Iterable[int], found: set[int]) -> None:
        waiting = list(bodies)
        while waiting:
            new = [pk for pk in links.get(waiting.pop(), ()) if pk in self.bodies and pk not in found]
            found.update(new)
            waiting += new


class Authority(Named, Withdrawable):
    """A body that initiates, decides or executes, under the name it had at that time."""

    code = models.SlugField(_("code"), max_length=80, unique=True)
    role = models.TextField(_("what the law lets it do"), blank=True, default="")  # in English, with the article
    valid_from = PartialDateField(_("valid from"))
    valid_to = PartialDateField(_("valid to"))
    predecessors = models.ManyToManyField(
        "self", verbose_name=_("predecessors"), symmetrical=False, blank=True, related_name="successors"
    )
    sources = models.ManyToManyField(Source, verbose_name=_("sources"), blank=True)

    objects = AuthorityQuerySet.as_manager()

    class Meta:
        verbose_name = _("authority")
        verbose_name_plural = _("authorities")
        ordering = ["name_en"]
        constraints = [withdrawn_with_a_day("authority")]

    def on(self, date: str) -> tuple[Authority, ...]:
        """Who it was on that date (see Lineage). For many, take the lineage once."""
        return Authority.objects.standing().lineage().on(self, date)

    def existed(self, date: str) -> bool:
        """May it have existed at some time that this partial date may mean? An end that nobody knows is no end."""
        begun = not self.valid_from or last_day(date) >= first_day(self.valid_from)
        return begun and not self.ended_before(date)

    def ended_before(self, date: str) -> bool:
        return bool(self.valid_to) and first_day(date) > last_day(self.valid_to)


class Ground(Named, Withdrawable):
    """A reason that the law, or a body, names for a restriction."""

    code = models.SlugField(_("code"), max_length=60, unique=True)
    law_ref = models.TextField(_("where the law says so"), blank=True, default="")
    display = models.CharField(_("how much of the name is shown"), max_length=12, choices=Display, default=Display.FULL)

    objects = WithdrawableQuerySet.as_manager()

    class Meta:
        verbose_name = _("ground")
        verbose_name_plural = _("grounds")
        ordering = ["code"]
        constraints = [withdrawn_with_a_day("ground")]


class Region(Named):
    """A region or city of republican significance, by ISO 3166-2."""

    iso = models.CharField(_("ISO 3166-2 code"), max_length=6, unique=True)

    class Meta:
        verbose_name = _("region")
        verbose_name_plural = _("regions")
        ordering = ["iso"]
