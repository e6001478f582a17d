"""The sites of the imitated internet: names, public-looking addresses, and how their servers behave.

Real names stand here only because whatever is measured in the lab is marked *imitated*; nothing
of their real pages is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit


class Certificate(StrEnum):
    VALID = "valid"
    EXPIRED = "expired"
    OTHER_NAME = "other_name"  # by an authority that the lab's worlds trust, but for another name
    FOREIGN = "foreign"  # by an authority that nobody trusts


@dataclass(frozen=True, slots=True)
class Page:
    """What a web server answers; with status 204 it has no body."""

    title: str
    paragraphs: int = 15
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()

    def html(self, name: str) -> str:
        """By default of about 3 kB; the same at every visit, and different between sites."""
        paragraphs = "\n".join(
            f"<p>{number}. This is a page of the imitated site {name}. It was written for a laboratory, says "
            "nothing about any site of that name, and repeats itself so as to be as long as a page is.</p>"
            for number in range(1, self.paragraphs + 1)
        )
        return (
            f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{self.title}</title></head>\n'
            f"<body><h1>{self.title}</h1>\n{paragraphs}\n</body></html>\n"
        )


@dataclass(frozen=True, slots=True)
class Site:
    """One site: `url` is what a Target of the register visits.

    Port 80 sends all to https when the URL is https. Without a certificate port 443 refuses;
    without addresses the name does not exist (NXDOMAIN); when `gone`, its server refuses.
    """

    url: str
    addresses: tuple[str, ...]
    title: str
    certificate: Certificate | None = Certificate.VALID
    gone: bool = False
    paragraphs: int = 15
    status: int = 200
    slow: bool = False  # its own server holds back every handshake for SLOWED seconds
    redirects: Mapping[str, str] = field(default_factory=dict)  # URL -> Location
    mirrors: tuple[str, ...] = ()  # addresses that serve it too, though no honest resolver here gives them
    in_access_networks: Page | None = None  # what its server gives their customers, where that differs

    @property
    def name(self) -> str:
        name = urlsplit(self.url).hostname
        if name is None:
            raise ValueError(f"{self.url!r} names no host")
        return name

    @property
    def secure_ports(self) -> set[int]:
        own = urlsplit(self.url)
        return {443, own.port or 443} if own.scheme == "https" else {443}

    def page(self, *, access: bool = False) -> Page:
        """What a client gets, according to whether it sits in an access network."""
        own = Page(self.title, self.paragraphs, self.status)
        return self.in_access_networks or own if access else own


NEUTRAL = Site("https://www.example.com/", ("93.184.216.34",), "Imitated neutral site")

SITES = (
    NEUTRAL,
    Site("https://orda.kz/", ("93.184.216.41",), "Imitated Orda"),
    Site("https://kraken.com/", ("93.184.216.42",), "Imitated Kraken"),
    Site("https://respublika.kz.media/", ("93.184.216.43",), "Imitated Respublika"),
    Site("https://www.torproject.org/ru/download", ("93.184.216.44",), "Imitated Tor Project: download"),
    Site("https://meduza.io/", ("93.184.216.45",), "Imitated Meduza"),
    Site("https://azattyq.org/", ("93.184.216.46",), "Imitated Azattyq"),
    Site("https://kub.kz/", (), "Imitated Kub"),
    Site("https://borat.kz/", ("93.184.216.48",), "Imitated Borat", gone=True),
    Site("https://linkedin.com/", ("93.184.216.49", "93.184.216.50", "2606:2800:220:1::49"), "Imitated LinkedIn"),
    Site("https://who.int/", ("93.184.216.51",), "Imitated World Health Organization"),
    Site("https://exclusive.kz/", ("93.184.216.52",), "Imitated Exclusive"),
    Site(
        "http://vlast.kz/",
        ("93.184.216.53",),
        "Imitated Vlast",
        redirects={"http://vlast.kz/": "https://vlast.kz/", "https://vlast.kz/": "/novosti/"},
    ),
    Site(
        "http://vlasti.info/news/29770-mehti_mamedov_v_kazahstane_kontroliruet_tranzit_afganskogo_geroina_v_rossiju",
        ("93.184.216.54",),
        "Imitated Vlasti",
        certificate=None,
    ),
    Site(
        "http://www.newspot.ru/2021/08/27/mehti-mamedov-v-kazahstane-kontroliruet-tranzit-afganskogo-geroina-v-rossiyu/",
        ("93.184.216.55",),
        "Imitated Newspot",
        certificate=None,
    ),
    Site("https://geo.kz/", ("93.184.216.56",), "Imitated Geo", certificate=Certificate.EXPIRED),
    Site("https://xn----7sbwode4al0fzfb.kz/", ("93.184.216.57",), "Мысал тізім (imitated)"),
)

BY_NAME = {site.name: site for site in SITES}

# What every network of the lab has besides: opened by all, interfered with by none unless a rule is about every name.
OPEN = Site("https://open.example.org/", ("93.184.216.35", "2606:2800:220:1::35"), "Imitated open site")
PORTAL = Site("http://portal.example.net/", ("93.184.216.36",), "", certificate=None, status=204)
ECHO = Site("https://echo.example.net/", ("93.184.216.37",), "")  # says its time, and the network that it sees us in
FURNITURE = (NEUTRAL, OPEN, PORTAL, ECHO)
