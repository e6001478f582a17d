"""The words and marks that all pages share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

from django import template
from django.conf import settings
from django.core.paginator import Page
from django.template.context import Context
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from checks.models import State, Verdict
from registry import dates, discretion, labels
from registry.models import Act, Erratum, Event, InformationRequest, Resource, Restriction, Source
from registry.web.about import RECORDS
from registry.web.names import key_of
from registry.web.register import ERRATA

register = template.Library()

# A glyph beside the word: a state is never told by its colour alone.
_GLYPHS = {
    State.BLOCKED: "✕",
    State.LIKELY_BLOCKED: "✕?",
    State.THROTTLED: "◔",
    State.CONTRADICTORY: "⇄",
    State.DOWN: "○",
    State.ACCESSIBLE: "✓",
    State.INSUFFICIENT: "…",
}

_MECHANISMS = {
    "dns.nxdomain": gettext_lazy("the network's resolver says that the name does not exist"),
    "dns.servfail": gettext_lazy("the network's resolver answers with an error"),
    "dns.refused": gettext_lazy("the network's resolver refuses to answer"),
    "dns.timeout": gettext_lazy("the network's resolver does not answer"),
    "dns.no_answer": gettext_lazy("the network's resolver gives no address"),
    "dns.injection.bogon": gettext_lazy("the name leads to an address that cannot exist on the internet"),
    "dns.injection.blockpage": gettext_lazy("the name leads to a block page"),
    "dns.injection.other": gettext_lazy("the name leads to a false address"),
    "tcp.timeout": gettext_lazy("the server's address does not answer"),
    "tcp.reset": gettext_lazy("the connection to the server's address is cut"),
    "tcp.refused": gettext_lazy("the connection to the server's address is refused"),
    "ip.unreachable": gettext_lazy("there is no route to the server's address"),
    "tls.reset.sni": gettext_lazy("the connection is cut when the site is named"),
    "tls.timeout.sni": gettext_lazy("the network falls silent when the site is named"),
    "tls.eof.sni": gettext_lazy("the connection is closed when the site is named"),
    "tls.throttle.sni": gettext_lazy("the connection is slowed down when the site is named"),
    "tls.reset": gettext_lazy("the encrypted connection is cut while it is set up"),
    "tls.timeout": gettext_lazy("the encrypted connection gets no answer while it is set up"),
    "tls.eof": gettext_lazy("the encrypted connection is closed while it is set up"),
    "tls.mitm": gettext_lazy("somebody in between answers with another certificate"),
    "tls.mitm.ca_signed": gettext_lazy("somebody in between answers with a known interception certificate"),
    "tls.mitm.self_signed": gettext_lazy("somebody in between answers with a certificate of their own"),
    "http.blockpage": gettext_lazy("a block page comes instead of the site"),
    "http.reset": gettext_lazy("the connection is cut when the page is asked for"),
    "http.reset.host": gettext_lazy("the connection is cut when the request names the site"),
    "tls": gettext_lazy("the page begins to come, and stops"),
    "http": gettext_lazy("the page begins to come, and stops"),
    "http.throttle.host": gettext_lazy("the page is slowed down when the request names the site"),
    "http.timeout": gettext_lazy("no page comes when it is asked for"),
    "http.eof": gettext_lazy("the connection is closed when the page is asked for"),
}


@register.simple_tag
def state_tag(state: str | None) -> SafeString:
    """The state of a site on a network; None is a network where nobody has measured it."""
    if not state:
        return format_html(
            '<span class="tag tag-none"><span aria-hidden="true">–</span>&nbsp;{}</span>', _("not measured")
        )
    known = State(state)
    return format_html(
        '<span class="tag tag-{}"><span aria-hidden="true">{}</span>&nbsp;{}</span>', known, _GLYPHS[known], known.label
    )


@register.simple_tag
def mechanism(name: str | None) -> str:
    """A dotted name of the taxonomy in plain words; one that has no words yet stands for itself."""
    return str(_MECHANISMS.get(name or "", name or ""))


_PAGES = {"act": "act", "event": "event", "informationrequest": "request"}


@register.simple_tag(takes_context=True)
def address(context: Context, record: Act | Event | InformationRequest, page: str = "") -> str:
    """Of the page of an act, an event or a request, or of another `page` of it."""
    key = key_of(record, context.request)  # type: ignore[attr-defined]  # of every page's RequestContext
    return reverse(page or _PAGES[str(record._meta.model_name)], args=[key])


@register.filter
def beyond(rows: Sized, shown: int) -> int:
    """How many there are beyond those that are shown."""
    return max(0, len(rows) - shown)


@register.filter
def newest(rows: Sequence[Any], shown: int | None) -> Sequence[Any]:
    """The last so many; all of them where no number is given."""
    return rows[-shown:] if shown else rows


@register.filter
def shown(text: str) -> str:
    """A partial date in the reader's language."""
    return dates.shown(text)


def _hidden(about: Any) -> list[Resource]:
    """What is not shown in full of what a text is about: itself, or of an act or an event its `unshown`."""
    if isinstance(about, Resource):
        return [about]
    if isinstance(about, Restriction):
        return [about.resource]
    return [one.resource for one in getattr(about, "unshown", ())]


@register.simple_tag
def told(text: str, about: Any) -> str:
    """A text, unless it says more of an address than may be shown."""
    return discretion.told(text, _hidden(about))


@register.simple_tag
def source_link(source: Source, about: Any = None) -> SafeString:
    """Title and date of a source, linked where it has an address that a browser may follow."""
    if source.withdrawn:
        return format_html("{}", _("a source that was withdrawn"))
    if discretion.reveals(f"{source.title} {unquote(source.url)} {source.url}", _hidden(about)):
        words = _("not shown here: it would give the address away")
        return format_html("{}, {}", words, dates.shown(source.date)) if source.date else format_html("{}", words)
    title = source.title or source.url
    if source.url.startswith(("https://", "http://")):
        text = format_html('<a href="{}" rel="noopener noreferrer nofollow">{}</a>', source.url, title)
    else:
        text = format_html("{}", title)
    if source.date:
        text = format_html("{}, {}", text, dates.shown(source.date))
    return format_html("{} ({})", text, _copy(source)) if source.archive_url else text


def _copy(source: Source) -> SafeString:
    """The archived copy of a source, with the hash by which it is known again."""
    words = _("archived copy")
    if source.archived_on:
        words = _("archived copy of %(day)s") % {"day": dates.shown(source.archived_on)}
    link = format_html('<a href="{}" rel="noopener noreferrer nofollow">{}</a>', source.archive_url, words)
    return format_html("{}, SHA-256 <code>{}</code>", link, source.sha256) if source.sha256 else link


@register.simple_tag
def field_sources(record: Restriction | Act | Event, *fields: str) -> SafeString:
    """The sources of these fields of a record, to stand beside them; read the record with its `field_sources`."""
    found = [one.source for one in record.field_sources.all() if one.field in fields]
    links = format_html_join("; ", "{}", ((source_link(source, record),) for source in found))
    return format_html(' <span class="small soft">({} {})</span>', _("source:"), links) if found else links


@register.filter
def of(rows: Mapping[Any, Any], key: Any) -> Any:
    """What a mapping has for a key."""
    return rows.get(key)


_STATUSES = {
    "in_force": gettext_lazy("A source says that it is in force."),
    "lifted": gettext_lazy("It was lifted. The entry stays."),
    "suspended": gettext_lazy("Its execution is suspended; it may come back."),
    "appealed": gettext_lazy("It was appealed, and no outcome is known."),
    "expired": gettext_lazy("Its time has run out. The entry stays."),
    "unknown": gettext_lazy("No source says whether it is still in force."),
}


@register.filter
def status_meaning(status: str) -> str:
    """What the status of a restriction says, and no more."""
    return str(_STATUSES.get(status, ""))


_COMPARED = {
    "resources": gettext_lazy("Nearest to it: our resources."),
    "acts": gettext_lazy("Nearest to it: our acts."),
    "urls": gettext_lazy("Nearest to it: our resources; one domain of ours may stand for many addresses of theirs."),
    "materials": gettext_lazy("We do not count materials: one site may hold thousands of them."),
    "accounts": gettext_lazy("We do not count accounts on social networks."),
    "facts": gettext_lazy("We do not count facts of violation: one order may name hundreds of them."),
    "mixed": gettext_lazy("Different things were added together; none of our counts is the same."),
    "unknown": gettext_lazy("What was counted is not said; none of our counts is known to be the same."),
}


@register.filter
def grouped(number: int) -> str:
    """A large number in groups of three digits."""
    return f"{number:,}".replace(",", "\u202f")


@register.filter
def compared(unit: str) -> str:
    """Which count of ours stands nearest to an official figure of that unit, and why they differ."""
    return str(_COMPARED.get(unit, ""))


# Whom the pack's sources name again and again, in its own English.
_BODIES = {
    "Authorised body for information (not named in the note)": gettext_lazy(
        "Authorised body for information (not named in the note)"
    ),
    "Committee of Information (authorised body for information)": gettext_lazy(
        "Committee of Information (authorised body for information)"
    ),
    "Court (not named in the source)": gettext_lazy("Court (not named in the source)"),
    "Government (acknowledged, per the article)": gettext_lazy("Government (acknowledged, per the article)"),
    "Ministry of Information and Communications (authorised body)": gettext_lazy(
        "Ministry of Information and Communications (authorised body)"
    ),
    "authorised body": gettext_lazy("authorised body"),
}


@register.simple_tag
def source_words(text: str, about: Any = None) -> SafeString:
    """A body as a source names it: in the reader's language where we have that, else as it stands."""
    text = discretion.told(text, _hidden(about))
    known = _BODIES.get(text)
    return format_html("{}", known) if known else format_html('<span lang="en">{}</span>', text)


@register.simple_tag
def page_numbers(page: Page[Any]) -> list[int | str]:
    """The numbers to show under a list: first, last and those about here, with … between."""
    return list(page.paginator.get_elided_page_range(page.number, on_each_side=1, on_ends=1))


@register.filter
def language_names(codes: list[str]) -> str:
    """Languages of a site, each by its own name; one that has no name here by its code."""
    return labels.languages(codes)


class Language(NamedTuple):
    code: str
    name: str
    url: str
    current: bool


@register.simple_tag(takes_context=True)
def languages(context: Context) -> list[Language]:
    """This same page, with its query, in each language. What has no language in its address leads to the front."""
    request = context.get("request")
    here = request.get_full_path() if request else "/"
    prefix, _slash, rest = here[1:].partition("/")
    rest = rest if prefix in labels.OWN_NAMES else ""
    return [Language(code, name, f"/{code}/{rest}", code == get_language()) for code, name in labels.OWN_NAMES.items()]


class Door(NamedTuple):
    url: str
    title: str
    current: bool


_DOORS = {
    "resources": gettext_lazy("Sites"),
    "acts": gettext_lazy("Acts"),
    "networks": gettext_lazy("Networks"),
    "matrix": gettext_lazy("Matrix"),
    "events": gettext_lazy("Shutdowns"),
    "method": gettext_lazy("Method"),
    "report": gettext_lazy("Report a site"),
}


@register.simple_tag(takes_context=True)
def doors(context: Context) -> list[Door]:
    """The navigation."""
    request = context.get("request")
    here = request.path if request else ""
    urls = {reverse(name): title for name, title in _DOORS.items()}
    return [Door(url, str(title), here.startswith(url)) for url, title in urls.items()]


class ProblemLink(NamedTuple):
    url: str
    of_record: bool  # the page is about one record


@register.simple_tag(takes_context=True)
def problem_link(context: Context) -> ProblemLink | None:
    """The way to tell what is wrong on this page; an error page and the form itself name none."""
    request = context.get("request")
    found = request.resolver_match if request else None
    if request is None or found is None:
        return ProblemLink(reverse("problem"), of_record=False)
    if found.url_name == "problem":
        return None
    return ProblemLink(f"{reverse('problem')}?about={quote(request.path)}", found.url_name in RECORDS)


@register.inclusion_tag("registry/_errata.html")
def errata_about(model: str, pk: int) -> dict[str, Any]:
    """What was put right of a record."""
    return {"errata": Erratum.objects.standing().filter(subject=f"{model}/{pk}")[:ERRATA]}


@register.inclusion_tag("registry/_demo.html")
def demo_banner() -> dict[str, bool]:
    """The warning on every page of a demo. It asks the settings, since an error page has no context."""
    return {"demo": settings.DEMO}


@register.simple_tag
def source_url() -> str:
    """Where the program's own source is to be had: what the operator set, else the page that says whom to ask."""
    return settings.SOURCE_URL or reverse("source")


_PURPOSES = {
    "visit": gettext_lazy("the visit itself"),
    "validate": gettext_lazy("TLS beside the visit: whether the address is the site's own"),
    "doh": gettext_lazy("TLS with a resolver that is asked by https"),
    "sni_swap": gettext_lazy("second look: another name on the same address"),
    "repeat": gettext_lazy("second look: the same name again"),
    "baseline": gettext_lazy("second look: how fast another name is on the same address"),
    "no_sni": gettext_lazy("second look: no name on the same address"),
    "neutral_address": gettext_lazy("second look: the name at an address that is not its own"),
    "known_good": gettext_lazy("second look: another name at its own address"),
}
_ROLES = {
    "isp": gettext_lazy("the network's own"),
    "public": gettext_lazy("public"),
    "doh": gettext_lazy("public, encrypted"),
    "other": gettext_lazy("another network's, which the device asks"),
}


_PRECONDITIONS = {
    "clock": gettext_lazy("its clock is wrong"),
    "must_allow": gettext_lazy("sites that must open do not"),
    "captive_portal": gettext_lazy("somebody answers in the place of others"),
    "asn": gettext_lazy("it is in another network than it should be"),
}


@register.filter
def precondition(name: str) -> str:
    """Why a vantage is silent for a run."""
    return str(_PRECONDITIONS.get(name, name))


@register.filter
def verdict(name: str) -> str:
    """What one measurement means, in words."""
    return str(Verdict.Value(name).label)


@register.filter
def failure(name: str) -> str:
    """Why a visit failed, in words."""
    return labels.failure(name)


@register.filter
def plan(name: str) -> str:
    return labels.plan(name)


@register.filter
def purpose(name: str) -> str:
    """What a step of a visit was for; one that has no words yet stands for itself."""
    return str(_PURPOSES.get(name, name))


@register.filter
def resolver_role(name: str) -> str:
    return str(_ROLES.get(name, name))


# --- the page on the method


@register.simple_tag
def mechanisms() -> list[tuple[str, str]]:
    """Every mechanism that a verdict may name, with its plain words."""
    return [(name, str(words)) for name, words in _MECHANISMS.items()]


# --- the matrix


@register.simple_tag
def state_text(state: str | None) -> str:
    """Glyph and word alone, for the many fields of one table."""
    return f"{_GLYPHS[State(state)]} {State(state).label}" if state else f"– {_('not measured')}"
