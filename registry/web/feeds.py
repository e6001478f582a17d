"""Feeds (RFC 4287). Every address in them is whole: who reads one elsewhere must come back to this register."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.syndication.views import Feed
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import translation
from django.utils.feedgenerator import Atom1Feed
from django.utils.translation import get_language


class Told(Feed):  # type: ignore[type-arg]
    feed_type = Atom1Feed
    page: str  # names of addresses: of the page that tells the same, and of the feed
    name: str

    def link(self) -> str:
        return whole(reverse(self.page))

    def feed_url(self) -> str:
        return whole(f"{reverse(self.name)}?lang={get_language()}")

    def feed_guid(self) -> str:
        return whole(reverse(self.name))


def in_language(request: HttpRequest, feed: type[Told]) -> HttpResponse:
    """`?lang=kk`; what is no language of ours is answered in Kazakh."""
    asked = request.GET.get("lang", settings.LANGUAGE_CODE)
    with translation.override(asked if asked in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE):
        return feed()(request)


def whole(address: str) -> str:
    return f"{settings.SITE_URL.rstrip('/')}{address}"


def tag(what: str) -> str:
    """A name that is the same in every language, and for ever (RFC 4151)."""
    return f"tag:{urlsplit(settings.SITE_URL).hostname},2026:{what}"
