"""Adding, correcting, withdrawing and restoring what the record says: one form for every table that can be edited.

A form is sent twice. The first time it is shown what the log would tell everybody, and nothing is done.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.contrib.admin import EmptyFieldListFilter
from django.contrib.auth.models import User
from django.core.exceptions import FieldDoesNotExist, PermissionDenied, ValidationError
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from checks.admin import ReadOnly
from checks.models import Network
from registry import editing, labels, proposals
from registry.admin.decisions import WIDE, DecisionForm, check_typed, resources_meant
from registry.dates import PartialDateField, PartialTimeField
from registry.models import Authority, Event, Ground, Region, Resource, Restriction, Source
from registry.models.withdrawal import Withdrawable
from registry.proposals import Operation

CHOSEN = (Authority, Event, Ground, Region)  # tables of which one row is chosen from a list
TICKED = (Ground, Region)  # and of which several are ticked
NOTHING = ("", "–")
WITHDRAWN = ("withdrawn_on", EmptyFieldListFilter)  # a filter of the lists

_HELP = {
    Authority: _("Codes of authorities, one a line."),
    Network: _("Numbers of autonomous systems, one a line."),
    Resource: _("The number, the address or the name of a resource of the register."),
    Source: _("Numbers or addresses of sources that the register has, one a line."),
}


class CorrectionForm(DecisionForm):
    """The fields of one table, as a change has them, and the reason."""

    names: tuple[str, ...]
    new: bool

    def __init__(self, data: Any, *, initial: Mapping[str, Any]) -> None:
        super().__init__(data, initial=dict(initial))
        for name, field in self.fields.items():  # what was chosen once stays a choice, also when it was withdrawn since
            if isinstance(field, forms.ChoiceField):
                value = self.initial.get(name)
                chosen = value if isinstance(value, list) else [value or ""]
                offered: list[Any] = list(field.choices)  # type: ignore[arg-type]  # they were read by now
                known = {one for one, _label in offered}
                field.choices = [*offered, *((one, one) for one in chosen if one not in known)]

    def change(self) -> dict[str, Any]:
        """What differs from what the form showed at first."""
        given = {name: _as_given(self.cleaned_data[name]) for name in self.names}
        if self.new:
            return {name: value for name, value in given.items() if value not in ("", None, [], False)}
        first = {name: _as_given(self.fields[name].clean(self.initial[name])) for name in self.names}
        return {name: value for name, value in given.items() if value != first[name]}


class NamesField(forms.CharField):
    """One row, or several with one a line, by what a change calls them. Whether they exist, editing knows."""

    def __init__(self, target: type[models.Model], *, many: bool, **options: Any) -> None:
        self.target, self.many = target, many
        box = forms.Textarea(attrs={"rows": 3, **WIDE}) if many else forms.TextInput(attrs=WIDE)
        super().__init__(required=False, widget=box, **options)

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(map(str, value)) if isinstance(value, list) else value

    def clean(self, value: Any) -> Any:
        value = self.prepare_value(value)
        lines = [line.strip() for line in super().clean(value).splitlines() if line.strip()]
        names = [self._name(line) for line in lines]
        if self.many:
            return names
        if len(names) > 1:
            raise ValidationError(gettext("Name one."))
        return names[0] if names else None

    def _name(self, text: str) -> Any:
        if text.isascii() and text.isdecimal() and len(text) < 19:
            return int(text) if editing.named_by(self.target) in ("pk", "asn") else text
        if self.target is Source:
            return Source.objects.filter(url=text).values_list("pk", flat=True).first() or text
        if self.target is Resource:
            found = resources_meant(text)
            return found[0].pk if len(found) == 1 else text
        return text


def form_for(model: type[Withdrawable], *, of: Withdrawable | None = None) -> type[CorrectionForm]:
    """For a new record, or for the correction `of` one."""
    new = of is None
    names = tuple(name for name in editing.fields_for(model, new=new) if of is None or name not in editing.kept(of))
    fields: dict[str, Any] = {name: _field(model, name) for name in names}
    return type("CorrectionForm", (CorrectionForm,), {**fields, "names": names, "new": new, "field_order": names})


def label_of(model: type[Withdrawable], name: str) -> Any:
    """A field's name at the desk."""
    if model not in editing.EDITABLE:  # a resource that is joined to another, a probe location
        return capfirst(labels.field(str(model._meta.model_name), name))
    if name in editing.EDITABLE[model].roles:
        return capfirst(labels.PARTS[name])
    try:
        return capfirst(model._meta.get_field(name).verbose_name)  # type: ignore[union-attr]  # never a relation from another table
    except FieldDoesNotExist:
        return name


def _field(model: type[Withdrawable], name: str) -> forms.Field:
    label, target, many = label_of(model, name), editing.points_at(model, name), editing.names_many(model, name)
    if target is None:
        return _plain(model._meta.get_field(name), label)
    if many and issubclass(target, TICKED):
        tick = forms.CheckboxSelectMultiple
        return forms.MultipleChoiceField(label=label, choices=lambda: _offered(target), required=False, widget=tick)
    if not many and issubclass(target, CHOSEN):
        return _NothingIsNone(label=label, choices=lambda: [NOTHING, *_offered(target)], required=False)
    return NamesField(target, many=many, label=label, help_text=_help(target, many=many))


def _help(target: type[models.Model], *, many: bool) -> Any:
    if many:
        return _HELP.get(target, _("Keys, one a line."))
    if target is Source:
        return _("The number or the address of a source that the register has.")
    return _HELP[Resource] if target is Resource else _("Its key; of a restriction its number.")


def _plain(column: Any, label: Any) -> forms.Field:
    words: Any = ""
    if isinstance(column, PartialTimeField):
        words = _("2014-10-21, 2014-10, 2014, or an hour in UTC: 2014-10-21T07Z. Empty: not known.")
    elif isinstance(column, PartialDateField):
        words = _("2014-10-21, 2014-10 or 2014. Empty: not known.")
    if isinstance(column, models.BooleanField):
        return forms.BooleanField(label=label, required=False)
    if column.choices:
        choices = [*([] if column.has_default() and column.default else [NOTHING]), *column.choices]
        return forms.ChoiceField(label=label, choices=choices, required=False)
    if isinstance(column, models.IntegerField):
        return forms.IntegerField(label=label, required=False, widget=forms.TextInput(attrs={"inputmode": "numeric"}))
    many_lines = isinstance(column, models.TextField)
    box = forms.Textarea(attrs={"rows": 4, **WIDE}) if many_lines else forms.TextInput(attrs=WIDE)
    return forms.CharField(label=label, required=False, help_text=words, widget=box)


class _NothingIsNone(forms.ChoiceField):
    def clean(self, value: Any) -> Any:
        return super().clean(value) or None


def _offered(target: type[models.Model]) -> list[tuple[Any, str]]:
    """The rows that stand, by their name."""
    rows: Any = target._default_manager.all()
    if issubclass(target, Withdrawable):
        rows = rows.filter(withdrawn="")
    by = editing.named_by(target)
    return sorted(((getattr(row, by), f"{row} ({getattr(row, by)})") for row in rows), key=lambda one: one[1])


def _as_given(value: Any) -> Any:
    """Browsers send the end of a line as two characters."""
    return value.replace("\r\n", "\n").strip() if isinstance(value, str) else value


class Edited(ReadOnly):
    """Rows that editors add, correct, withdraw and restore, each by a function of `registry.editing`."""

    change_form_template = "admin/registry/edited/change_form.html"
    change_list_template = "admin/registry/edited/change_list.html"

    def has_edit_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(f"registry.change_{self.opts.model_name}")

    def get_urls(self) -> list[URLPattern]:
        doors = [
            path("new/", self.admin_site.admin_view(self.new), name=self._name("new")),
            path("<int:pk>/correct/", self.admin_site.admin_view(self.correct), name=self._name("correct")),
            path("<int:pk>/withdraw/", self.admin_site.admin_view(self.withdraw), name=self._name("withdraw")),
            path("<int:pk>/restore/", self.admin_site.admin_view(self.restore), name=self._name("restore")),
        ]
        return [*doors, *super().get_urls()]

    def _name(self, act: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{act}"

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        new = f"admin:{self._name('new')}" if self.has_edit_permission(request) else ""
        return super().changelist_view(request, {**(extra_context or {}), "new_url": new})

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        urls = {f"{act}_url": f"admin:{self._name(act)}" for act in ("correct", "withdraw", "restore")}
        context = {**(extra_context or {}), **urls, "may_edit": self.has_edit_permission(request)}
        return super().change_view(request, object_id, form_url, context)

    def new(self, request: HttpRequest) -> HttpResponse:
        kind = form_for(self.model)
        empty = editing.fields_of_nothing(self.model)
        form = kind(request.POST or None, initial=empty | _asked(kind, request))
        return self._edit(request, form, gettext("Add an entry"), None, lambda: Change(Operation.CREATE, form.change()))

    def correct(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = get_object_or_404(self.model, pk=pk)
        kind = form_for(self.model, of=row)
        # What an address suggests is shown as if it had been typed: what differs from the record is what is proposed.
        asked = {} if request.POST else _asked(kind, request)
        form = kind(request.POST or None, initial=editing.fields_of(row) | asked)
        seen = request.POST.get("seen") or editing.state_of(row)
        return self._edit(
            request, form, gettext("Correct"), row, lambda: Change(Operation.CORRECT, form.change(), seen)
        )

    def withdraw(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = get_object_or_404(self.model, pk=pk)
        form = WithdrawForm(request.POST or None, name=name_of(row))
        return self._edit(request, form, gettext("Withdraw"), row, lambda: Change(Operation.WITHDRAW))

    def restore(self, request: HttpRequest, pk: int) -> HttpResponse:
        row = get_object_or_404(self.model, pk=pk)
        form = DecisionForm(request.POST or None)
        return self._edit(request, form, gettext("Restore"), row, lambda: Change(Operation.RESTORE))

    def _edit(
        self, request: HttpRequest, form: DecisionForm, title: str, row: Any, change: Callable[[], Change]
    ) -> HttpResponse:
        """A change that is right is first shown, as the log would tell it, and then put before a second person."""
        if not self.has_edit_permission(request):
            raise PermissionDenied
        preview: list[dict[str, Any]] = []
        wanted = Change(Operation.CREATE)
        sent = _hash_of(form) if request.method == "POST" and form.is_valid() else ""
        if sent:
            wanted = change()
            about = {"by": cast(User, request.user), "reason": form.cleaned_data["reason"], "seen": wanted.seen}
            try:
                if "confirm" in request.POST and request.POST.get("shown") == sent:
                    made = proposals.propose(wanted.operation, row or self.model, wanted.fields, **about)
                    messages.success(request, gettext("It is proposed. It is done when another person agrees."))
                    return redirect("desk:proposal", made.pk)
                preview = proposals.preview(wanted.operation, row or self.model, wanted.fields, **about)
            except editing.NotPossible as refused:
                form.add_error(None, str(refused))
            except ValidationError as refused:
                _add_errors(form, refused)
            if row:
                row.refresh_from_db()  # it was read again while the act was tried
        acts, waiting = proposals.alike(self.model, wanted.fields) if sent and row is None else ([], [])
        context = {
            "opts": self.opts,
            "title": title,
            "row": row,
            "form": form,
            "seen": wanted.seen or (editing.state_of(row) if row else ""),
            "sent": sent,
            "preview": [Told(self.model, one) for one in preview],
            "checked": bool(sent) and not form.errors,
            "acts": acts,
            "waiting": waiting,
        }
        return TemplateResponse(request, "desk/edit.html", context)


def _asked(kind: type[CorrectionForm], request: HttpRequest) -> dict[str, str]:
    """Fields that the address fills in."""
    return {name: request.GET[name] for name in kind.base_fields if name in request.GET}


@dataclass(frozen=True)
class Change:
    operation: Operation
    fields: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    seen: str = ""


class WithdrawForm(DecisionForm):
    typed = forms.CharField(required=False, max_length=2048, widget=forms.TextInput(attrs=WIDE))
    field_order = ["reason", "typed"]

    def __init__(self, data: Any, *, name: str) -> None:
        super().__init__(data)
        self._name = name
        self.fields["typed"].label = gettext("Type %(name)s") % {"name": name}

    def clean_typed(self) -> str:
        typed: str = self.cleaned_data["typed"]
        check_typed(typed, self._name)
        return typed


def name_of(record: models.Model) -> str:
    """What a person calls it: its key, its site, or its number."""
    if isinstance(record, Restriction):
        return str(record.resource)
    if isinstance(record, Resource):
        return str(record)
    return str(getattr(record, "key", "") or getattr(record, "code", "") or record.pk)


class Told:
    """What one entry of the log would tell: each field before and after, and what it would keep back."""

    def __init__(self, model: type[Withdrawable], payload: Mapping[str, Any]) -> None:
        before, after = payload["before"], payload["after"]
        kind = payload["subject"].partition("/")[0]
        self.about = kind if payload["operation"] == "display" else ""
        records = labels.Records([*labels.references(kind, before or {}), *labels.references(kind, after)])

        def words(name: str, fields: Mapping[str, Any] | None) -> str:
            return labels.value(kind, name, (fields or {}).get(name), records)

        self.rows = [(label_of(model, name), words(name, before), words(name, after)) for name in after]
        self.withheld = [label_of(model, name) if name != "reason" else _("Reason") for name in payload["withheld"]]
        self.reason = payload["reason"]


def _hash_of(form: DecisionForm) -> str:
    """Of exactly what was sent, so that what is confirmed is what was shown."""
    given = {name: str(form.cleaned_data.get(name)) for name in form.fields}
    return hashlib.sha256(json.dumps(given, sort_keys=True).encode(errors="surrogatepass")).hexdigest()


def _add_errors(form: DecisionForm, refused: ValidationError) -> None:
    """Beside the fields that the form has."""
    found: Iterable[tuple[str, list[str]]] = refused.message_dict.items()
    for name, told in found:
        for text in told:
            form.add_error(name if name in form.fields else None, text)
