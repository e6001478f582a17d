"""Decisions on evidence: episodes in doubt, waves that may be events, rulesets that may become current."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, cast

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from checks import admin as evidence
from checks import rejudging
from checks.admin import ReadOnly
from checks.models import Episode, Recount, Ruleset, Verdict, Wave
from registry import moderation, offers
from registry.admin.decisions import WIDE, DecidesOnMany, DecisionForm, ids
from registry.admin.signing_in import agreed, ask_again
from registry.models import (
    Dispute,
    Event,
    LogEntry,
)

SITES = 100  # of a wave that the desk lists


@admin.register(Episode)
class EpisodeAdmin(DecidesOnMany, evidence.EpisodeAdmin):
    """An editor may mark an episode as disputed; what the machines found stays as it is."""

    forms = {"dispute": DecisionForm, "settle": DecisionForm}
    titles = {
        "dispute": _("Mark these episodes as disputed"),
        "settle": _("These episodes are no longer disputed"),
    }
    decision = "mark"
    actions = ["dispute", "settle"]
    readonly_fields = ["disputed"]
    list_select_related = ["target", "network", "dispute"]

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("registry.change_dispute")

    @admin.display(description=_("disputed"))
    def disputed(self, episode: Episode) -> str:
        mark = Dispute.objects.filter(episode=episode).first()
        return mark.reason if mark else ""

    @admin.action(description=_("Mark as disputed"), permissions=["decide"])
    def dispute(self, request: HttpRequest, episodes: QuerySet[Episode]) -> HttpResponse:
        return self.to_decision("dispute", episodes)

    @admin.action(description=_("Take the mark “disputed” back"), permissions=["decide"])
    def settle(self, request: HttpRequest, episodes: QuerySet[Episode]) -> HttpResponse:
        return self.to_decision("settle", episodes)

    def decide_on(self, request: HttpRequest, act: str, rows: QuerySet[Any], fields: dict[str, Any]) -> None:
        marked = sum(_marked(request, act, episode, fields["reason"]) for episode in rows)
        if marked < len(set(ids(request))):
            messages.warning(request, gettext("Episodes that were counted anew meanwhile are no longer there."))


_MARKS: dict[str, Callable[..., Any]] = {"dispute": moderation.dispute, "settle": moderation.settle}


def _marked(request: HttpRequest, act: str, episode: Episode, reason: str) -> bool:
    try:
        _MARKS[act](episode, by=cast(User, request.user), reason=reason)
    except moderation.NotWaiting:
        return False
    return True


class NamesForm(DecisionForm):
    name_kk = forms.CharField(label=_("Name in Kazakh"), max_length=400, widget=forms.TextInput(attrs=WIDE))
    name_ru = forms.CharField(label=_("Name in Russian"), max_length=400, widget=forms.TextInput(attrs=WIDE))
    name_en = forms.CharField(label=_("Name in English"), max_length=400, widget=forms.TextInput(attrs=WIDE))
    field_order = ["name_kk", "name_ru", "name_en", "reason"]


@admin.register(Wave)
class WaveAdmin(ReadOnly):
    """What changed together or fell silent together waits here: an editor makes an event of it, or dismisses it."""

    list_display = ["began_at", "kind", "direction", "where", "hosts", "state"]
    list_filter = ["state", "direction", "kind"]
    fields = ["told", "direction", "kind", "where", "sites", "how", "state", "made", "decisions"]
    readonly_fields = ["told", "where", "sites", "how", "made", "decisions"]

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("checks.change_wave")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        waves: QuerySet[Any] = super().get_queryset(request).prefetch_related("networks", "targets")
        return waves

    @admin.display(description=_("what was seen"))
    def told(self, wave: Wave) -> str:
        return offers.told(wave)

    @admin.display(description=_("networks"))
    def where(self, wave: Wave) -> str:
        """Each with its episodes, where the measurements can be read."""
        rows = [(offers.episodes_of(network), network) for network in wave.networks.all()]
        return format_html_join(", ", '<a href="{}">{}</a>', rows)

    @admin.display(description=_("sites"))
    def sites(self, wave: Wave) -> str:
        rows = [(reverse("admin:checks_target_change", args=[one.pk]), one.host) for one in wave.targets.all()[:SITES]]
        listed = format_html_join(", ", '<a href="{}"><bdi>{}</bdi></a>', rows) or "–"
        more = wave.targets.count() - len(rows)
        return listed if more <= 0 else format_html("{} …, +{}", listed, more)

    @admin.display(description=_("how"))
    def how(self, wave: Wave) -> str:
        return ", ".join(wave.mechanisms) or "–"

    @admin.display(description=_("event"))
    def made(self, wave: Wave) -> str:
        event = Event.objects.filter(wave=wave).first()
        if event is None:
            return "–"
        return format_html('<a href="{}">{}</a>', reverse("event", args=[event.key]), event.name)

    @admin.display(description=_("decisions"))
    def decisions(self, wave: Wave) -> str:
        """As the log has them."""
        event = Event.objects.filter(wave=wave).first()
        subjects = [f"wave/{wave.pk}", *([f"event/{event.pk}"] if event else [])]
        entries = [json.loads(one.payload) for one in LogEntry.objects.filter(subject__in=subjects).order_by("pk")]
        rows = [(one["operation"], one["by"], one["reason"]) for one in entries]
        return format_html_join("", "<p>{}, {}: {}</p>", rows) or "–"

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        may = self.has_decide_permission(request)
        wave = self.get_object(request, object_id)
        acts = [(act, _WAVE_TITLES[act]) for act in _open_acts(wave)] if may and wave else []
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), "acts": acts})

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.decide)
        return [path("<int:pk>/decide/<str:act>/", view, name="checks_wave_decide"), *super().get_urls()]

    def decide(self, request: HttpRequest, pk: int, act: str) -> HttpResponse:
        """Asks for the reason, and of an event for its names, then decides."""
        if not self.has_decide_permission(request):
            raise PermissionDenied
        wave = Wave.objects.filter(pk=pk).first()
        if wave is None or act not in _WAVE_TITLES:
            raise Http404
        form_class = NamesForm if act == "accept" else DecisionForm
        proposed = {f"name_{language}": name for language, name in offers.names(wave).items()}
        form = form_class(request.POST if request.method == "POST" else None, initial=proposed)
        code_form = ask_again(request)
        if agreed(code_form) and form.is_valid():
            _decide_wave(request, act, wave, form.cleaned_data)
            return redirect("admin:checks_wave_change", wave.pk)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _WAVE_TITLES[act],
            "wave": wave,
            "told": offers.told(wave),
            "form": form,
            "code_form": code_form,
        }
        return TemplateResponse(request, "admin/checks/wave/decide.html", context)


_WAVE_TITLES = {
    "accept": _("Make an event of it"),
    "dismiss": _("Dismiss it"),
    "renew": _("Let its event say what was seen since"),
}


def _open_acts(wave: Wave) -> list[str]:
    if wave.state == Wave.State.NEW:
        return ["accept", "dismiss"]
    event = Event.objects.standing().filter(wave=wave).first()
    return ["renew"] if event and offers.has_grown(wave, event) else []


def _decide_wave(request: HttpRequest, act: str, wave: Wave, fields: dict[str, Any]) -> None:
    by = cast(User, request.user)  # nobody else has the permission
    reason = fields["reason"]
    try:
        if act == "accept":
            moderation.accept_wave(
                wave, by=by, reason=reason, names={one: fields[f"name_{one}"] for one, _name in settings.LANGUAGES}
            )
        elif act == "dismiss":
            moderation.dismiss_wave(wave, by=by, reason=reason)
        else:
            moderation.renew_event(wave, by=by, reason=reason)
    except moderation.NotWaiting:
        messages.warning(request, gettext("This wave was decided already: someone was faster."))
        return
    messages.success(request, gettext("The wave was decided."))


@admin.register(Ruleset)
class RulesetAdmin(ReadOnly):
    """What a ruleset changes, looked at before it is made the one that public states rest on."""

    list_display = ["name", "begun_at", "made_current_at", "is_current", "by", "reason"]

    @admin.display(description=_("current"), boolean=True)
    def is_current(self, ruleset: Ruleset) -> bool:
        return ruleset.name == Ruleset.objects.current()

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("checks.change_ruleset")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.changes)
        return [path("<int:pk>/changes/", view, name="checks_ruleset_changes"), *super().get_urls()]

    def changes(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Shows what would change; with a reason, it makes the ruleset current."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        ruleset, at = get_object_or_404(Ruleset, pk=pk), timezone.now()
        form = DecisionForm(request.POST if request.method == "POST" else None)
        if request.method == "POST" and not self.has_decide_permission(request):
            raise PermissionDenied
        code_form = ask_again(request)
        if agreed(code_form) and form.is_valid() and _made_current(request, ruleset, form.cleaned_data["reason"]):
            return redirect("admin:checks_ruleset_changelist")
        current = Ruleset.objects.current()
        cells, more_cells = rejudging.changed_cells(ruleset, at=at)
        comparison = rejudging.compare(ruleset)
        page = Paginator(rejudging.differing(ruleset), self.list_per_page).get_page(request.GET.get("page"))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": gettext("What ruleset %(new)s changes, beside %(old)s") % {"new": ruleset, "old": current},
            "ruleset": ruleset,
            "current": current,
            "comparison": comparison,
            "verdicts": [
                (Verdict.Value(old).label, Verdict.Value(new).label, old != new, count)
                for old, new, count in comparison.verdicts
            ],
            "cells": cells,
            "more_cells": more_cells,
            "page": page,
            "lines": [(one, Verdict.Value(one.old).label) for one in page],
            "left": rejudging.left(ruleset),
            "waiting": Recount.objects.count(),
            "may_decide": self.has_decide_permission(request) and ruleset.name != current,
            "form": form,
            "code_form": code_form,
        }
        return TemplateResponse(request, "admin/checks/ruleset/changes.html", context)


def _made_current(request: HttpRequest, ruleset: Ruleset, reason: str) -> bool:
    by = cast(User, request.user)  # nobody else has the permission
    try:
        moderation.make_ruleset_current(ruleset, by=by, reason=reason)
    except moderation.NoReason:
        messages.error(request, gettext("Write the reason for this decision."))
    except moderation.NotWaiting:
        messages.warning(request, gettext("Public states rest on this ruleset already: someone was faster."))
    except rejudging.NotApplicable:
        messages.error(request, gettext("This version of the software does not have this ruleset."))
    except rejudging.NotRejudged:
        messages.error(
            request,
            gettext("Measurements that episodes rest on have no verdict under this ruleset: judge all of them first."),
        )
    else:
        waiting = Recount.objects.count()
        done = ngettext(
            "Public states rest on ruleset %(ruleset)s now. %(count)d cell is being counted anew.",
            "Public states rest on ruleset %(ruleset)s now. %(count)d cells are being counted anew.",
            waiting,
        )
        messages.success(request, done % {"ruleset": ruleset, "count": waiting})
        return True
    return False


@admin.register(Dispute)
class DisputeAdmin(ReadOnly):
    list_display = ["episode", "reason", "marked_on"]
    list_select_related = ["episode__target", "episode__network"]
