"""The pages of what people said: statements, where they do not agree, official figures, threats and bans of use."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from registry import claims, status, veil
from registry.models import Authority, Event, Notice, OfficialFigure, Statement
from registry.veil import Veil
from registry.web.names import sort_choices

STATEMENTS, CONTRADICTIONS, FIGURES, NOTICES = 20, 8, 20, 15  # on one page


class StatementFilter(forms.Form):
    stance = forms.ChoiceField(
        label=_("What is said"), choices=lambda: [("", _("any")), *Statement.Stance.choices], required=False
    )
    authority = forms.ModelChoiceField(
        Authority.objects.all(), label=_("Authority"), to_field_name="code", empty_label=_("any"), required=False
    )
    event = forms.ModelChoiceField(
        Event.objects.all(), label=_("Event"), to_field_name="key", empty_label=_("any"), required=False
    )
    year = forms.IntegerField(label=_("Year"), min_value=1990, max_value=2100, required=False)

    def __init__(self, *args: Any, withheld: Veil, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        keys = Event.objects.values_list("key", flat=True)  # the choices spell them
        self.fields["event"].queryset = Event.objects.exclude(key__in=[key for key in keys if withheld.in_key(key)])  # type: ignore[attr-defined]
        said = Statement.objects.public()
        self.fields["authority"].queryset = Authority.objects.filter(pk__in=said.values("authority"))  # type: ignore[attr-defined]
        sort_choices(self.fields["authority"])

    def leaves(self) -> QuerySet[Statement]:
        """The statements that the filter leaves, newest first; none while it is not understood."""
        if not self.is_valid():
            return Statement.objects.none()
        rows, asked = Statement.objects.public().with_basis(), self.cleaned_data
        for field in ("stance", "authority"):
            if asked[field]:
                rows = rows.filter(**{field: asked[field]})
        if asked["event"]:
            rows = rows.filter(Q(event=asked["event"]) | Q(restriction__event=asked["event"]))
        if asked["year"]:
            rows = rows.filter(date__startswith=str(asked["year"]))
        return rows.order_by("-date", "-id")


def statements(request: HttpRequest) -> HttpResponse:
    asked = StatementFilter(request.GET, withheld=veil.of(request), auto_id="filter-%s")
    page = Paginator(asked.leaves(), STATEMENTS).get_page(request.GET.get("page"))
    code = 200 if asked.is_valid() else 400
    return render(request, "registry/statements.html", {"form": asked, "page": page}, status=code)


def contradictions(request: HttpRequest) -> HttpResponse:
    page = Paginator(claims.contradicted(), CONTRADICTIONS).get_page(request.GET.get("page"))
    rows = claims.statements_about(list(page.object_list))
    resources = {row.restriction.resource_id: row.restriction.resource for row in rows if row.restriction}
    found = status.of_many(list(resources.values()), at=timezone.now())
    context = {"page": page, "contradictions": claims.contradictions(rows, {one.resource.pk: one for one in found})}
    return render(request, "registry/contradictions.html", context)


def figures(request: HttpRequest) -> HttpResponse:
    rows = OfficialFigure.objects.select_related("ground", "authority", "source")
    page = Paginator(rows, FIGURES).get_page(request.GET.get("page"))
    shown = list(page.object_list)
    ours = claims.own_counts(shown)
    context = {"page": page, "rows": [(row, ours[row.pk]) for row in shown], "day": timezone.localdate()}
    return render(request, "registry/figures.html", context)


def notices(request: HttpRequest) -> HttpResponse:
    rows = Notice.objects.select_related("resource", "authority", "source")
    page = Paginator(rows, NOTICES).get_page(request.GET.get("page"))
    return render(request, "registry/notices.html", {"page": page})


urlpatterns = [
    path("statements/", statements, name="statements"),
    path("statements/contradictions/", contradictions, name="contradictions"),
    path("figures/", figures, name="figures"),
    path("notices/", notices, name="notices"),
]
