"""What a wave says in words, and the event that it would be. An editor decides; nothing here is public by itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from checks.models import Network, Wave
from registry.models import Event

INTERCEPTED, SLOWED = ("tls.mitm",), ("tls.throttle", "http.throttle")


@dataclass(frozen=True)
class Seen:
    """What an event would take from a wave. The dates are as exact as the measurements around them."""

    type: Event.Type
    began: str
    ended: str
    fact: str  # in English, as the facts of the country pack
    networks: tuple[Network, ...]
    sources: tuple[tuple[str, str], ...]  # address and title: the measurements on each network
    on: str  # the day on which they begin


def seen(wave: Wave) -> Seen:
    first, last = wave.intervals[0], wave.intervals[-1]
    networks = tuple(wave.networks.order_by("asn"))
    with translation.override("en"):
        in_english = told(wave)
        site = settings.SITE_URL.rstrip("/")
        sources = tuple((site + episodes_of(one), f"Tizilim: {one}") for one in networks)
    return Seen(
        type=event_type(wave),
        began=exact_date(first["not_before"], first["began"]),
        ended=exact_date(last["ended_not_before"], last["ended"]) if last["ended"] else "",
        fact=in_english,
        networks=networks,
        sources=sources,
        on=timezone.localdate(wave.began_at).isoformat(),
    )


def has_grown(wave: Wave, event: Event) -> bool:
    """Does the wave show what the event made of it does not say yet?"""
    now = seen(wave)
    known = set(event.networks.all())
    return wave.intervals != event.intervals or now.fact != event.fact or not set(now.networks) <= known


def fact(event: Event) -> str:
    """What happened, in the reader's language where our own measurements told it. When, its intervals tell."""
    if event.wave and event.fact == seen(event.wave).fact:
        return " ".join([*_what(event.wave), *_doubt(event.wave)])
    return event.fact


def event_type(wave: Wave) -> Event.Type:
    """A candidate: silence alone does not prove that a network was cut."""
    if wave.direction == Wave.Direction.SILENCE:
        return Event.Type.SHUTDOWN
    if wave.direction == Wave.Direction.UNBLOCK:
        return Event.Type.UNBLOCKING
    if wave.mechanisms and all(one.startswith(INTERCEPTED) for one in wave.mechanisms):
        return Event.Type.INTERCEPTION
    if wave.mechanisms and all(one.startswith(SLOWED) for one in wave.mechanisms):
        return Event.Type.THROTTLING
    return Event.Type.WAVE


def exact_date(not_before: str, at: str) -> str:
    """The day, if both moments lie in it; else the month or the year that has both; else nothing is known."""
    begin, end = _day(not_before).isoformat(), _day(at).isoformat()
    for length in (10, 7, 4):
        if begin[:length] == end[:length]:
            return end[:length]
    return ""


def names(wave: Wave) -> dict[str, str]:
    """A name for the event in each language, for the editor to change. It names no site: some may not be named."""
    proposed = {}
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            proposed[language] = _title(wave) % {"date": date_format(_day(wave.began_at.isoformat()), "DATE_FORMAT")}
    return proposed


def _title(wave: Wave) -> str:
    if wave.direction == Wave.Direction.SILENCE:
        return _("Networks silent at once, %(date)s")
    if wave.direction == Wave.Direction.UNBLOCK:
        return _("Sites open again at once, %(date)s")
    if wave.kind == Wave.Kind.NETWORKS:
        return _("A site unreachable on several networks at once, %(date)s")
    return _("Many sites unreachable at once, %(date)s")


def told(wave: Wave) -> str:
    """What was seen, in whole sentences of the active language. It claims no more than is known."""
    return " ".join([*_what(wave), *(stretch(one) for one in wave.intervals), *_doubt(wave)])


def _what(wave: Wave) -> list[str]:
    numbers: dict[str, Any] = {
        "hosts": wave.hosts,
        "hosts_measured": wave.hosts_measured,
        "networks": wave.networks.count(),
        "measured": wave.networks_measured,
        "vantages": wave.vantages,
    }
    if wave.direction == Wave.Direction.SILENCE:
        silent = ngettext(
            "Nothing came from %(networks)d of %(measured)d network that had delivered regularly.",
            "Nothing came from %(networks)d of %(measured)d networks that had delivered regularly.",
            wave.networks_measured,
        )
        places = ngettext(
            "%(vantages)d place stopped delivering, while our control delivered.",
            "%(vantages)d places stopped delivering, while our control delivered.",
            wave.vantages,
        )
        return [silent % numbers, places % numbers]
    if wave.direction == Wave.Direction.UNBLOCK:
        sites = ngettext(
            "%(hosts)d site opened again; %(hosts_measured)d were measured there.",
            "%(hosts)d sites opened again; %(hosts_measured)d were measured there.",
            wave.hosts,
        )
    else:
        sites = ngettext(
            "%(hosts)d site stopped opening; %(hosts_measured)d were measured there.",
            "%(hosts)d sites stopped opening; %(hosts_measured)d were measured there.",
            wave.hosts,
        )
    where = ngettext(
        "It was seen on %(networks)d of %(measured)d network where they were measured.",
        "It was seen on %(networks)d of %(measured)d networks where they were measured.",
        wave.networks_measured,
    )
    return [sites % numbers, where % numbers]


def stretch(interval: dict[str, str | None]) -> str:
    moments = {name: _moment(text) if text else "" for name, text in interval.items()}
    if not interval["ended"]:
        return _("It began between %(not_before)s and %(began)s; no end was seen.") % moments
    return (
        _("It began between %(not_before)s and %(began)s, and ended between %(ended_not_before)s and %(ended)s.")
        % moments
    )


def _doubt(wave: Wave) -> list[str]:
    if wave.direction == Wave.Direction.SILENCE:
        return [_("Whether a network was cut, or only its way to us, its silence does not tell.")]
    return [_("Who wanted it, measurements do not tell.")]


def _moment(text: str) -> str:
    return date_format(timezone.localtime(datetime.fromisoformat(text)), "DATETIME_FORMAT")


def _day(text: str) -> date:
    return timezone.localdate(datetime.fromisoformat(text))


def episodes_of(network: Network) -> str:
    """Where the measurements on it can be read."""
    return f"{reverse('episodes')}?network={network.asn}"
