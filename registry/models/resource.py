"""What is restricted: a domain, a URL, an app, a service, an address, a whole network."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from django.db import models, transaction
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from checks.engine.names import BadName, Name, parse
from checks.models import Target
from registry.dates import PartialDateField
from registry.models import display as levels
from registry.models.category import Category


class ResourceQuerySet(models.QuerySet["Resource"]):
    def withheld_sites(self) -> ResourceQuerySet:
        """Whole sites whose name may stand nowhere, not even inside a longer one."""
        return self.filter(display=levels.Display.WITHHELD).exclude(type=Resource.Type.URL).exclude(host="")

    def not_withheld(self) -> ResourceQuerySet:
        return self.exclude(display=levels.Display.WITHHELD)

    def by_name(self) -> ResourceQuerySet:
        """In the alphabet's order; a withheld name stands at the end, where its place says nothing of its letters."""
        return self.order_by(*name_order())

    @transaction.atomic
    def get_or_create_for(
        self, name: Name | str, type: str = "", *, host: str = "", category: str = ""
    ) -> tuple[Resource, bool]:
        """The resource of a canonical name, or of the free name of an app, a service or a network.

        A Name needs no type. A new domain, URL or address gets its canonical target. `host` says where
        a free name lives (Periscope: pscp.tv); without it, a free name that is a domain is its own host.
        """
        if isinstance(name, Name):
            type, host = type or name.kind, name.host
            text = name.url if type == Resource.Type.URL else host
        else:
            text, host = name, host or _host_of(name)
        merged = models.Q(former_addresses__type=type, former_addresses__name=text)
        found = self.filter(type=type, name=text).first() or self.filter(merged).first()
        if found:
            return found, False
        slug = slug_for(type, text, host)
        if self.filter(models.Q(slug=slug) | models.Q(former_addresses__slug=slug)).exists():
            slug += "-" + _digest(f"{type} {text}")  # an app and a service of one name
        known = Category.objects.filter(code=category).first()
        shown = known.display if known else levels.Display.FULL
        if self.withheld_sites().filter(host__in=host_and_above(host)).exists():
            shown = levels.Display.WITHHELD
        fields = {"slug": slug, "host": host, "category": category, "display": shown}
        resource, made = self.get_or_create(type=type, name=text, defaults=fields)
        if isinstance(name, Name) and made:
            url = name.url if type == Resource.Type.URL else replace(name, scheme="https", port=443).url
            target, _new = Target.objects.get_or_create(url=url, defaults={"host": host, "category": category})
            Coverage.objects.create(resource=resource, target=target, canonical=True)
        return resource, made


def name_order(path: str = "") -> list[Any]:
    """What to order rows by whose resource is at the end of `path`."""
    hidden = models.Q(**{f"{path}display": levels.Display.WITHHELD})
    letters = models.Case(models.When(hidden, then=models.Value("")), default=models.F(f"{path}slug"))
    last = models.Case(models.When(hidden, then=1), default=0)
    return [last, letters, f"{path}pk"]


def slug_for(type: str, name: str, host: str) -> str:
    """What stands in a resource's address: hosts keep their dots, free names have none, so they cannot meet."""
    if type in (Resource.Type.DOMAIN, Resource.Type.IP):
        return host
    if type == Resource.Type.URL:
        return f"{host}-{_digest(name)}"
    slug = re.sub(r"[\W_]+", "-", name.casefold()).strip("-")[:100] or _digest(name)
    return f"{slug}-{_digest(name)}" if slug.isdecimal() else slug  # a number alone is a resource's number


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _host_of(free_name: str) -> str:
    """The A-label host where a free name is a domain ("livejournal.com"), else ""."""
    try:
        name = parse(free_name)
    except BadName:
        return ""
    return name.host if name.kind == "domain" else ""


class Resource(models.Model):
    class Type(models.TextChoices):
        DOMAIN = "domain", _("domain")
        URL = "url", _("page")
        APP = "app", _("app")
        SERVICE = "service", _("service")
        IP = "ip", _("address")
        NETWORK = "network", _("whole network")

    class Condition(models.TextChoices):
        DEAD = "dead", _("the site is gone")
        PARKED = "parked", _("the domain is parked")
        FOR_SALE = "for_sale", _("the domain is for sale")

    Display = levels.Display

    type = models.CharField(_("type"), max_length=10, choices=Type)
    # Canonical: A-label host, full URL, or the free name of an app.
    name = models.CharField(pgettext_lazy("heading", "name"), max_length=2048)
    # Made by slug_for; a host keeps its dots.
    slug = models.CharField(_("name in the address"), max_length=280, unique=True)
    # A-label; "" for free names.
    host = models.CharField(_("host"), max_length=255, blank=True, default="", db_index=True)
    # The name as typed and in Unicode, casefolded.
    search = models.TextField(_("text to search in"), default="", editable=False)
    category = models.CharField(_("category"), max_length=10, blank=True, default="")  # Citizen Lab code
    # The strictest of what holds for it, kept by registry.displays; every page and query reads this one.
    display = models.CharField(_("how much of the name is shown"), max_length=12, choices=Display, default=Display.FULL)
    own_display = models.CharField(
        _("an editor’s choice of display"), max_length=12, choices=Display, blank=True, default=""
    )
    languages = models.JSONField(_("languages of the site"), default=list, blank=True)  # of the site: ["kk", "ru"]
    # "": nothing is known.
    condition = models.CharField(_("what became of the site"), max_length=8, choices=Condition, blank=True, default="")
    condition_since = PartialDateField(_("seen so on"))
    service = models.ForeignKey(
        "self",
        verbose_name=_("service that groups it"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="mirrors",
    )
    targets = models.ManyToManyField(Target, verbose_name=_("targets"), through="Coverage", related_name="resources")
    created_at = models.DateTimeField(_("recorded at"), auto_now_add=True)

    objects = ResourceQuerySet.as_manager()

    class Meta:
        verbose_name = _("resource")
        verbose_name_plural = _("resources")
        ordering = ["slug"]
        constraints = [
            models.UniqueConstraint(fields=["type", "name"], name="resource_once"),
            models.CheckConstraint(
                name="resource_condition_has_a_date",
                condition=models.Q(condition="", condition_since="")
                | (~models.Q(condition="") & ~models.Q(condition_since="")),
            ),
        ]

    def __str__(self) -> str:
        return self.display_name

    def save(self, *args: Any, **kwargs: Any) -> None:
        spellings = [self.name, readable(self.name) if self.type == self.Type.URL else unicode_host(self.host)]
        self.search = " ".join(dict.fromkeys(text.casefold() for text in spellings)).strip()
        if kwargs.get("update_fields") is not None:
            kwargs["update_fields"] = {*kwargs["update_fields"], "search"}
        super().save(*args, **kwargs)

    def get_absolute_url(self) -> str:
        """By number where the slug would say more of the name than may be shown."""
        if self.display != self.Display.FULL:
            return reverse("resource_by_number", args=[self.pk])
        return reverse("resource", args=[self.slug])

    @property
    def display_name(self) -> str:
        """What may be shown of the name. A blocked name is text, never a link."""
        if self.display == self.Display.WITHHELD:
            return str(_("name withheld (%(id)s)") % {"id": self.pk})
        if self.display == self.Display.DOMAIN_ONLY and self.host:
            return unicode_host(self.host)
        if self.host and self.type in (self.Type.DOMAIN, self.Type.SERVICE):
            return unicode_host(self.host)
        return readable(self.name) if self.type == self.Type.URL else self.name


def host_and_above(host: str) -> list[str]:
    """A host and the domains that it is below: whoever names it names them too."""
    labels = host.split(".")
    return [".".join(labels[start:]) for start in range(max(len(labels) - 1, 1))] if host else []


def unicode_host(host: str) -> str:
    """An A-label host as people read it; the host itself where it cannot be decoded."""
    try:
        return host.encode("ascii").decode("idna")
    except UnicodeError:
        return host


_ESCAPED = re.compile(r"(?:%[89A-Fa-f][0-9A-Fa-f])+")  # bytes beyond ASCII: what they spell divides no address


def readable(url: str) -> str:
    """A canonical URL as people read it: its host in Unicode, and what its path escapes in letters.

    Escaped still is what is no UTF-8, and what cannot be seen or turns the direction of the text.
    """
    scheme, _slashes, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    host, colon, port = authority.partition(":") if not authority.startswith("[") else (authority, "", "")
    return f"{scheme}://{unicode_host(host)}{colon}{port}{slash}{_ESCAPED.sub(_letters, path)}"


def _letters(escaped: re.Match[str]) -> str:
    try:
        text = unquote(escaped[0], errors="strict")
    except UnicodeDecodeError:
        return escaped[0]
    return text if text.isprintable() else escaped[0]


class Coverage(models.Model):
    """Which targets stand for a resource; its state on a network is that of the canonical one."""

    resource = models.ForeignKey(
        Resource, verbose_name=_("resource"), on_delete=models.CASCADE, related_name="coverage"
    )
    target = models.ForeignKey(Target, verbose_name=_("target"), on_delete=models.PROTECT, related_name="coverage")
    canonical = models.BooleanField(_("canonical"), default=False)

    class Meta:
        verbose_name = _("address that is measured")
        verbose_name_plural = _("addresses that are measured")
        ordering = ["-canonical", "id"]
        constraints = [
            models.UniqueConstraint(fields=["resource", "target"], name="coverage_once"),
            models.UniqueConstraint(
                fields=["resource"], condition=models.Q(canonical=True), name="coverage_one_canonical_target"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.resource} ← {self.target}"
