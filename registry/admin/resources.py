"""Resources at the desk: how they are described and shown, and duplicates that become one."""

from __future__ import annotations

from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from checks.admin import ReadOnly
from registry import describing, displays, editing, merging, proposals
from registry.admin.decisions import WIDE, DecisionForm, MergeForm
from registry.admin.requests import draft_request
from registry.admin.signing_in import agreed, ask_again
from registry.models import Alarm, Category, Display, FormerAddress, Resource
from registry.moderation import key_id
from registry.proposals import Operation

_TEXT = forms.TextInput(attrs=WIDE)


class DescriptionForm(DecisionForm):
    category = forms.ModelChoiceField(
        Category.objects.all(), label=_("Category"), to_field_name="code", required=False, empty_label="–"
    )
    own_display = forms.ChoiceField(
        label=_("How much of the name is shown"),
        help_text=_(
            "Without a choice of your own, the grounds of its restrictions decide; "
            "never more is shown than its category allows."
        ),
        choices=lambda: [("", _("no choice of our own")), *Display.choices],
        required=False,
    )
    service = forms.ModelChoiceField(
        Resource.objects.filter(type=Resource.Type.SERVICE).order_by("slug"),
        label=_("Service that groups it"),
        required=False,
        empty_label="–",
    )
    languages = forms.CharField(
        label=_("Languages of the site"), help_text=_("Codes with spaces: kk ru en"), required=False, widget=_TEXT
    )
    condition = forms.ChoiceField(
        label=_("What became of the site"),
        choices=lambda: [("", _("nothing is known")), *Resource.Condition.choices],
        required=False,
    )
    condition_since = forms.CharField(
        label=_("Seen so on"), help_text=_("2014-10-21, 2014-10 or 2014"), max_length=10, required=False, widget=_TEXT
    )
    field_order = ["category", "own_display", "service", "languages", "condition", "condition_since", "reason"]


class MergeEntriesForm(MergeForm):
    across_types = forms.BooleanField(
        label=_("They are one thing, though of different types"),
        help_text=_("A page that becomes a domain speaks for the whole site from then on, and an app for no address."),
        required=False,
    )


@admin.register(Resource)
class ResourceAdmin(ReadOnly):
    list_display = ["id", "name", "type", "category", "display", "condition", "created_at"]
    list_display_links = ["name"]
    list_filter = ["type", "display", "condition"]
    search_fields = ["search", "slug"]
    actions = [draft_request]
    change_form_template = "admin/registry/resource/change_form.html"

    def has_decide_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("registry.change_resource")

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        context = {**(extra_context or {}), "may_decide": self.has_decide_permission(request)}
        return super().change_view(request, object_id, form_url, context)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("<int:pk>/describe/", view(self.describe), name="registry_resource_describe"),
            path("<int:pk>/merge/", view(self.merge), name="registry_resource_merge"),
        ]
        return [*own, *super().get_urls()]

    def describe(self, request: HttpRequest, pk: int) -> HttpResponse:
        one = self._chosen(request, pk)
        now = {
            "category": one.category,
            "own_display": one.own_display,
            "service": one.service_id,
            "languages": " ".join(one.languages),
            "condition": one.condition,
            "condition_since": one.condition_since,
        }
        form = DescriptionForm(request.POST if request.method == "POST" else None, initial=now)
        code_form = ask_again(request)
        if agreed(code_form) and form.is_valid() and self._describe(request, one, form):
            return redirect("admin:registry_resource_change", one.pk)
        extra = {"rows": [(one.name, one.get_type_display())], "code_form": code_form}
        return self._page(request, "admin/registry/decide.html", gettext("Describe this entry"), form, **extra)

    def _describe(self, request: HttpRequest, one: Resource, form: DescriptionForm) -> bool:
        fields, by = form.cleaned_data, key_id(cast(User, request.user))
        reason = fields["reason"]
        category = fields["category"].code if fields["category"] else ""
        try:
            with transaction.atomic():
                describing.describe(
                    one,
                    service=fields["service"],
                    languages=fields["languages"].split(),
                    condition=fields["condition"],
                    condition_since=fields["condition_since"],
                    by=by,
                    reason=reason,
                )
                if category != one.category:
                    displays.categorise(one, category, by=by, reason=reason)
                if fields["own_display"] != one.own_display:
                    displays.choose(one, fields["own_display"], by=by, reason=reason)
        except (describing.NotDescribed, displays.NotShown) as error:
            form.add_error(None, str(error))
            return False
        return True

    def merge(self, request: HttpRequest, pk: int) -> HttpResponse:
        """First the other entry, then both side by side with what will move, and the reason."""
        one = self._chosen(request, pk)
        form = MergeEntriesForm(request.POST if request.method == "POST" else None)
        other = None
        if form.is_bound and form.fields["into"] and form["into"].value():
            form.is_valid()
            other = form.cleaned_data.get("into")
        confirmed = other is not None and request.POST.get("confirmed") == str(other.pk)
        code_form = ask_again(request) if other else None
        if confirmed and agreed(code_form) and form.is_valid():
            fields = form.cleaned_data
            wanted = {"into": fields["into"].pk, "across_types": fields["across_types"]}
            try:
                row = proposals.propose(
                    Operation.MERGE, one, wanted, by=cast(User, request.user), reason=fields["reason"]
                )
            except merging.OtherType as error:
                form.add_error("across_types", str(error))
            except editing.NotPossible as error:
                form.add_error(None, str(error))
            except ValidationError as error:
                form.add_error(None, error)
            else:
                messages.success(request, gettext("It is proposed. It is done when another person agrees."))
                return redirect("desk:proposal", row.pk)
        if other and not confirmed:
            form.errors.pop("reason", None)
        if other is None or other.type == one.type:
            del form.fields["across_types"]
        extra = {"one": one, "other": other, "moves": merging.moves(one), "code_form": code_form}
        return self._page(request, "desk/merge.html", gettext("Merge this entry into another"), form, **extra)

    def _chosen(self, request: HttpRequest, pk: int) -> Resource:
        if not self.has_decide_permission(request):
            raise PermissionDenied
        return get_object_or_404(Resource, pk=pk)

    def _page(self, request: HttpRequest, template: str, title: str, form: forms.Form, **extra: Any) -> HttpResponse:
        context = {**self.admin_site.each_context(request), "opts": self.opts, "title": title, "form": form, **extra}
        return TemplateResponse(request, template, context)


@admin.register(Category)
class CategoryAdmin(ReadOnly):
    list_display = ["code", "name_en", "display"]


@admin.register(FormerAddress)
class FormerAddressAdmin(ReadOnly):
    list_display = ["number", "slug", "resource", "merged_on"]
    list_select_related = ["resource"]
    search_fields = ["=number", "slug"]


@admin.register(Alarm)
class AlarmAdmin(ReadOnly):
    list_display = ["opened_on", "kind", "resource", "act", "seen_on", "closed_on"]
    list_display_links = ["opened_on"]
    list_filter = ["kind", ("closed_on", admin.EmptyFieldListFilter)]
    list_select_related = ["resource", "act"]
