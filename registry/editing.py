"""Editing the record: one change of one row by an editor, whole or not at all, with its entry of the log.

Which fields of each table may be edited is data. A change is a plain mapping as JSON has it: a column by its value, a
row that it points at by its key, code or number. So it can be shown, hashed and agreed upon before it is made.
Nothing is deleted: what was wrong altogether is withdrawn, and stays with the reason.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.db import IntegrityError, models, transaction
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from checks.models import Network
from registry import displays, log
from registry.dates import PartialDateField
from registry.ledger.tree import canonical
from registry.models import (
    Act,
    ActRole,
    Appeal,
    Authority,
    Document,
    Erratum,
    Event,
    FieldSource,
    Ground,
    LogEntry,
    Notice,
    OfficialFigure,
    Region,
    Restriction,
    RestrictionRole,
    Source,
    Statement,
)
from registry.models.document import SHA256
from registry.models.withdrawal import Withdrawable
from registry.requests import PersonalData, refuse_personal

Fields = Mapping[str, Any]
Row = TypeVar("Row", bound=Withdrawable)

REASON_LIMIT = 2_000  # characters
TEXT_LIMIT = 20_000  # of one text
WORDS_LIMIT = 500_000  # of an act in its own words
LINKS_LIMIT = 500  # rows that one field names
EXACT = 2**53 - 1  # the largest whole number that JSON says exactly
SHOWN = 5  # of what stands in the way


# --- what may be edited


@dataclass(frozen=True)
class Table:
    columns: tuple[str, ...]
    links: tuple[str, ...] = ()  # to many rows of one table
    roles: Mapping[str, str] = field(
        default_factory=dict
    )  # of bodies: the field's name, as in country packs, and the role
    fixed: tuple[str, ...] = ()  # columns that only a new row is given: others know it by them


_NAMES = ("name_kk", "name_ru", "name_en")
_ROLES = {role.value: role.value for role in ActRole.Role}
_PARTS = {**_ROLES, "authorities": RestrictionRole.Role.UNKNOWN.value}

EDITABLE: Mapping[type[Withdrawable], Table] = {
    Restriction: Table(
        (
            *("kind", "kind_reason", "status", "began", "began_not_later_than", "began_not_before"),
            *("ended", "ended_not_later_than", "ended_not_before", "authority_as_written", "networks_as_written"),
            *("scope_ordered", "scope_observed", "fact", "confidence", "conflicting", "event"),
        ),
        links=("acts", "grounds", "regions", "networks", "sources"),
        roles=_PARTS,
        fixed=("resource",),
    ),
    Act: Table(
        ("type", "number", "date", "scope_ordered", "text", "language", "note", "confidence"),
        links=("documents", "sources"),
        roles=_ROLES,
        fixed=("key",),
    ),
    Statement: Table(
        ("restriction", "event", "authority", "speaker", "stance", "date", "words", "source"),
        fixed=("key",),
    ),
    Appeal: Table(
        (
            *("act", "restriction", "previous", "stage", "body", "filed", "decided", "outcome", "result"),
            *("note", "confidence"),
        ),
        links=("documents", "sources"),
        fixed=("key",),
    ),
    Notice: Table(
        (
            *("type", "about", "resource", "authority", "speaker", "bound", "alternative", "date", "ended"),
            *("fact", "confidence", "source"),
        ),
        fixed=("key",),
    ),
    Event: Table(
        ("type", *_NAMES, "began", "ended", "fact", "authority_as_written", "confidence"),
        links=("authorities", "regions", "networks", "sources"),
        fixed=("key",),
    ),
    OfficialFigure: Table(
        (
            *("value", "qualifier", "unit", "counts_kk", "counts_ru", "counts_en", "period_from", "period_to"),
            *("ground", "kind", "authority", "speaker", "source"),
        ),
        fixed=("key",),
    ),
    Authority: Table((*_NAMES, "role", "valid_from", "valid_to"), links=("predecessors", "sources"), fixed=("code",)),
    Ground: Table((*_NAMES, "law_ref", "display"), fixed=("code",)),
    Document: Table(("title", "language", "media_type", "size", "sha256", "url"), fixed=("key",)),
    FieldSource: Table(("field", "source"), fixed=("restriction", "act", "event")),
    Erratum: Table(
        (
            *("subject", "since", "righted_on", "wrong_kk", "righted_kk", "wrong_ru", "righted_ru", "wrong_en"),
            *("righted_en", "entry"),
        ),
    ),
    # A source is known by the first three, in country packs too: another address is another source.
    Source: Table(("archive_url", "archived_on", "sha256"), fixed=("url", "title", "date")),
}

# By which column a change names a row; of the others their number.
_NAMED_BY: Mapping[type[models.Model], str] = {
    Act: "key",
    Appeal: "key",
    Authority: "code",
    Document: "key",
    Event: "key",
    Ground: "code",
    Network: "asn",
    Region: "iso",
}

# What others are made of. It can be withdrawn only when nothing that stands names it any more; all else is told
# without a part that was withdrawn.
FIRM: tuple[type[Withdrawable], ...] = (Authority, Ground, Source)


def named_by(model: type[models.Model]) -> str:
    return _NAMED_BY.get(model, "pk")


def kept(record: Withdrawable) -> tuple[str, ...]:
    """What no correction changes of this very row: of a paper that we took in, what its copy is."""
    return Document.OF_THE_COPY if isinstance(record, Document) and record.ours else ()


def points_at(model: type[models.Model], name: str) -> type[models.Model] | None:
    """The table whose rows a field names; None of a plain column."""
    if name in EDITABLE[model].roles:  # type: ignore[index]  # asked of editable tables alone
        return Authority
    return model._meta.get_field(name).related_model


def _roles(record: Withdrawable) -> Any:
    """The bodies with their parts. Only acts and restrictions have them, as `EDITABLE` says."""
    return cast(Any, record).roles


def names_many(model: type[Withdrawable], name: str) -> bool:
    return name in EDITABLE[model].links or name in EDITABLE[model].roles


def fields_for(model: type[Withdrawable], *, new: bool) -> tuple[str, ...]:
    """The names of what a new row, or a correction, may set; in the order in which they are asked for."""
    table = EDITABLE[model]
    return (*(table.fixed if new else ()), *table.columns, *table.links, *table.roles)


# --- what is wrong with a change; what is wrong with a field is a ValidationError that names it


class NotPossible(ValueError):
    """This cannot be done to the record as it is; the text says what to do first."""


class Changed(NotPossible):
    """The record is not what the editor looked at."""


# --- reading a record as a change has it


def fields_of(record: Withdrawable) -> dict[str, Any]:
    """Everything of it that can be edited, as plain JSON."""
    table = EDITABLE[type(record)]
    found = {name: _column_of(record, name) for name in (*table.fixed, *table.columns)}
    for name in table.links:
        target = getattr(record, name)
        found[name] = sorted(target.order_by().values_list(named_by(target.model), flat=True))
    if table.roles:
        parts = defaultdict(list)
        for role, code in _roles(record).values_list("role", "authority__code"):
            parts[role].append(code)
        found |= {name: sorted(parts[role]) for name, role in table.roles.items()}
    return found


def fields_of_nothing(model: type[Withdrawable]) -> dict[str, Any]:
    """The same of a record that is not made yet."""
    return _after(model(), {}, {})


def state_of(record: Withdrawable) -> str:
    """What an editor who looks at it now has seen, as a hash."""
    content = {"fields": fields_of(record), "withdrawn": record.withdrawn}
    return hashlib.sha256(canonical(_exact(content))).hexdigest()


def _column_of(record: models.Model, name: str) -> Any:
    value = getattr(record, name)
    if isinstance(value, models.Model):
        return getattr(value, named_by(type(value)))
    return str(value) if isinstance(value, str) else value  # a choice is a text too


def _exact(value: Any) -> Any:
    """The same where a number that JSON cannot say exactly is a text: what was there before may be anything."""
    if isinstance(value, Mapping):
        return {name: _exact(one) for name, one in value.items()}
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and value > EXACT else value


# --- the acts


def create(model: type[Row], fields: Fields, *, by: str, reason: str) -> Row:
    """A new record. Raises NoReason, and ValidationError by field."""
    with transaction.atomic():
        reason = checked(reason)
        record = model()
        after = _write(record, {}, fields)
        _refresh_displays(record, after, by, reason)
        if is_public(record):
            _log("create", record, None, after, by, reason)
        return record


def correct(record: Row, fields: Fields, *, by: str, reason: str, seen: str) -> bool:
    """Change some fields; False where they are so already, and nothing is logged.

    `seen` is the `state_of` what the editor looked at. Raises NoReason, Changed, NotPossible, ValidationError by field.
    """
    with transaction.atomic():
        reason = checked(reason)
        row = _locked(record)
        if seen != state_of(row):
            raise Changed(gettext("Somebody changed it meanwhile. Look at it again before you decide."))
        if row.withdrawn:
            raise NotPossible(gettext("It was withdrawn. Restore it first, if it is to be corrected."))
        before, was_public = fields_of(row), is_public(row)
        after = _write(row, before, fields)
        changed = [name for name, value in after.items() if value != before[name]]
        if not changed:
            return False
        _refresh_displays(row, changed, by, reason)
        if was_public:  # of what it became only its editors know, if nobody else may read it any more
            _log("correct", row, before, after, by, reason, private=() if is_public(row) else changed)
        elif is_public(row):  # nobody was told of it until now
            _log("create", row, None, after, by, reason)
    record.refresh_from_db()
    return True


def withdraw(record: Withdrawable, *, by: str, reason: str) -> None:
    """Take a record back. It stays where it is and says why. Raises NoReason, NotPossible, ValidationError."""
    with transaction.atomic():
        reason = checked(reason)
        row = _locked(record)
        if row.withdrawn:
            raise NotPossible(gettext("It was withdrawn already."))
        if isinstance(row, FIRM) and (resting := _resting_on(row)):
            told = gettext("These still name it: %(records)s. Correct or withdraw them first.")
            raise NotPossible(told % {"records": _listed(resting)})
        _mark(row, reason, by=by, reason=reason)
    record.refresh_from_db()


def restore(record: Withdrawable, *, by: str, reason: str) -> None:
    """Let it stand again, as it was: what was not public is not made so. Raises as `withdraw` does."""
    with transaction.atomic():
        reason = checked(reason)
        row = _locked(record)
        if not row.withdrawn:
            raise NotPossible(gettext("It stands already."))
        if missing := _rests_on_withdrawn(row):
            told = gettext("It names what was withdrawn: %(records)s. Restore that first.")
            raise NotPossible(told % {"records": _listed(missing)})
        _mark(row, "", by=by, reason=reason)
    record.refresh_from_db()


def preview(act: Callable[[], object], *, by: str) -> list[dict[str, Any]]:
    """What the log would tell of an act, which is then not done. Raises whatever the act raises."""
    with transaction.atomic():
        last = LogEntry.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        act()
        payloads = LogEntry.objects.filter(pk__gt=last).order_by("pk").values_list("payload", flat=True)
        made = [json.loads(payload) for payload in payloads]
        transaction.set_rollback(True)
    return [payload for payload in made if payload["by"] == by]


def _mark(row: Withdrawable, why: str, *, by: str, reason: str) -> None:
    before = _marked(row)
    row.withdrawn, row.withdrawn_on = why, timezone.localdate() if why else None
    row.save(update_fields=["withdrawn", "withdrawn_on"])
    if is_public(row):
        _log("withdraw" if why else "restore", row, before, _marked(row), by, reason)


def _marked(row: Withdrawable) -> dict[str, Any]:
    return {"withdrawn": row.withdrawn, "withdrawn_on": row.withdrawn_on.isoformat() if row.withdrawn_on else None}


def _locked(record: Row) -> Row:
    row = type(record)._base_manager.select_for_update().filter(pk=record.pk).first()
    if row is None:
        raise Changed(gettext("It is no longer there. Look it up again."))
    return row


def is_public(row: Withdrawable) -> bool:
    """Of what is not public there is no LogEntry."""
    if isinstance(row, FieldSource):
        return row.restriction is None or row.restriction.public
    rows: Any = type(row)._default_manager.all()
    return not hasattr(rows, "public") or rows.public().filter(pk=row.pk).exists()


def _log(
    operation: str,
    row: Withdrawable,
    before: Fields | None,
    after: Fields,
    by: str,
    reason: str,
    *,
    private: Collection[str] = (),
) -> None:
    """Of a new record, which has no `before`, what is empty is not told."""
    if before is None:
        after = {name: value for name, value in after.items() if value not in ("", None, [])}
    else:
        before = _exact(before)
    log.append(operation, row, before=before, after=_exact(after), reason=reason, by=by, private=private)


def _refresh_displays(row: Withdrawable, changed: Iterable[str], by: str, reason: str) -> None:
    """Before the log is told: how much of it may be told follows from them."""
    if isinstance(row, Restriction) and "grounds" in changed:
        displays.refresh([row.resource_id], by=by, reason=reason)
    elif isinstance(row, Ground) and "display" in changed:
        named = Restriction.objects.filter(grounds=row).order_by().values_list("resource", flat=True)
        displays.refresh(set(named), by=by, reason=reason)


# --- what stands in the way of a withdrawal


def _resting_on(row: Withdrawable) -> list[models.Model]:
    """Some of what stands and names it, in whatever table."""
    found: list[models.Model] = []
    for relation in row._meta.get_fields(include_hidden=True):
        if not relation.auto_created or relation.concrete or relation.related_model._meta.auto_created:  # type: ignore[union-attr]
            continue
        related: Any = relation.related_model
        rows = related._base_manager.filter(**{relation.field.name: row})  # type: ignore[union-attr]
        if issubclass(related, Withdrawable):
            rows = rows.filter(withdrawn="")
        elif issubclass(related, ActRole):
            rows = rows.filter(act__withdrawn="").select_related("act")
        elif issubclass(related, RestrictionRole):
            rows = rows.filter(restriction__withdrawn="").select_related("restriction")
        found += rows.order_by("pk")[: SHOWN + 1]
    return found


def _rests_on_withdrawn(row: Withdrawable) -> list[models.Model]:
    """Of what others are made of, and it names."""
    table = EDITABLE[type(row)]
    found: list[models.Model] = []
    for name in (*table.fixed, *table.columns):
        target = getattr(row, name)
        if isinstance(target, FIRM) and target.withdrawn:
            found.append(target)
    for name in table.links:
        rows = getattr(row, name)
        if issubclass(rows.model, FIRM):
            found += rows.exclude(withdrawn="")
    if table.roles:
        found += [one.authority for one in _roles(row).exclude(authority__withdrawn="")]
    return found


def _listed(rows: list[models.Model]) -> str:
    """As the log names them, and as people know them; of roles, what they are a part of."""
    parts = [row.act if isinstance(row, ActRole) else row for row in rows]
    parts = [row.restriction if isinstance(row, RestrictionRole) else row for row in parts]
    told = list(dict.fromkeys(f"{log.subject_of(row)} ({row})" for row in parts))
    return ", ".join([*told[:SHOWN], *(["…"] if len(told) > SHOWN else [])])


# --- writing a change


def checked(reason: str) -> str:
    """The reason as it is kept. Raises NoReason, ValidationError."""
    log.check_reason(reason)
    if len(reason) > REASON_LIMIT:
        raise ValidationError({"reason": _too_long(REASON_LIMIT)})
    try:
        _check_letters(reason)
        refuse_personal(reason)
    except (PersonalData, ValidationError) as refused:
        raise ValidationError({"reason": _message(refused)}) from refused
    return reason.strip()


def _write(record: Withdrawable, before: Fields, fields: Fields) -> dict[str, Any]:
    """Bring a record to these fields, if they are right. Answers with all of its fields, as they are then."""
    errors: dict[str, list[Any]] = {}
    allowed = set(fields_for(type(record), new=not before)) - set(kept(record))
    for name in fields:
        if name not in allowed:
            errors[name] = [gettext("This cannot be changed.")]
    given = {name: value for name, value in fields.items() if name in allowed}
    rows = _Named(type(record), given)
    many: dict[str, list[models.Model]] = {}
    for name, value in given.items():
        try:
            if names_many(type(record), name):
                many[name] = rows.many(name, value, before.get(name, ()))
            elif points_at(type(record), name):
                setattr(record, name, rows.one(name, value, before.get(name)))
            else:
                setattr(record, name, _plain(record, name, value))
        except (PersonalData, ValidationError) as refused:
            errors[name] = [_message(refused)]
    after = _after(record, before, many)
    changed = {name for name in after if after[name] != before.get(name, object())}
    if not errors and before and not changed:
        return after
    _check_personal(record, changed & set(given), errors)
    _check_sense(record, before, changed, many, errors)
    _check_model(record, errors)
    if errors:
        raise ValidationError(errors)
    _save(record, before, many, changed)
    return after


def _after(record: Withdrawable, before: Fields, many: Mapping[str, list[models.Model]]) -> dict[str, Any]:
    table = EDITABLE[type(record)]
    after = {name: _or_none(record, name) for name in (*table.fixed, *table.columns)}
    for name in (*table.links, *table.roles):
        after[name] = before.get(name, [])
        if name in many:
            after[name] = sorted(getattr(row, named_by(type(row))) for row in many[name])
    return after


def _or_none(record: models.Model, name: str) -> Any:
    """A required row that a new record was not given is no attribute of it yet."""
    try:
        return _column_of(record, name)
    except models.ObjectDoesNotExist:
        return None


class _Named:
    """The rows that a change names, read at once. Those that others are made of stay locked while it is made."""

    def __init__(self, model: type[Withdrawable], fields: Fields) -> None:
        self._model = model
        asked: dict[type[models.Model], set[Any]] = defaultdict(set)
        for name, value in fields.items():
            if target := points_at(model, name):
                for one in value if isinstance(value, list | tuple) else [value]:
                    if _is_name(target, one):
                        asked[target].add(one)
        self._rows: dict[type[models.Model], dict[Any, models.Model]] = {}
        for target in sorted(asked, key=lambda one: one.__name__):
            rows = target._default_manager.filter(**{f"{named_by(target)}__in": asked[target]}).order_by("pk")
            if issubclass(target, FIRM):
                rows = rows.select_for_update()
            self._rows[target] = {getattr(row, named_by(target)): row for row in rows}

    def one(self, name: str, value: Any, before: Any) -> models.Model | None:
        if value is None:
            return None
        return self._row(name, value, known=value == before)

    def many(self, name: str, value: Any, before: Iterable[Any]) -> list[models.Model]:
        if not isinstance(value, list | tuple) or len(value) > LINKS_LIMIT:
            raise ValidationError(gettext("Name at most %(limit)d.") % {"limit": LINKS_LIMIT})
        there = list(before)
        return list({(row := self._row(name, one, known=one in there)).pk: row for one in value}.values())

    def _row(self, name: str, value: Any, *, known: bool) -> models.Model:
        target: Any = points_at(self._model, name)
        row = self._rows.get(target, {}).get(value) if _is_name(target, value) else None
        if row is None:
            raise ValidationError(gettext("The register has no “%(name)s”.") % {"name": str(value)[:100]})
        if not known and isinstance(row, Withdrawable) and row.withdrawn:
            raise ValidationError(gettext("“%(name)s” was withdrawn.") % {"name": value})
        return row


def _is_name(model: type[models.Model], value: Any) -> bool:
    if named_by(model) in ("pk", "asn"):
        return (
            isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= models.BigIntegerField.MAX_BIGINT
        )
    return isinstance(value, str) and "\0" not in value and value.isprintable()


def _plain(record: Withdrawable, name: str, value: Any) -> Any:
    """The value of a column, of the kind that the column has; whether it is right the model says."""
    column: Any = record._meta.get_field(name)
    kinds: tuple[type, ...] = (str,)
    if isinstance(column, models.BooleanField):
        kinds = (bool,)
    elif isinstance(column, models.IntegerField):
        kinds = (int,) if not column.null else (int, type(None))
    if value is None and kinds == (int,):
        raise ValidationError(gettext("Fill this in."))
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise ValidationError(gettext("This is no value for it."))
    if isinstance(value, int) and abs(value) > EXACT:
        raise ValidationError(gettext("Write at most %(limit)d.") % {"limit": EXACT})
    if isinstance(value, str):
        _check_letters(value)
        limit = WORDS_LIMIT if name == "text" else TEXT_LIMIT
        if len(value) > limit:
            raise ValidationError(_too_long(limit))
        return value.strip()
    return value


def _too_long(limit: int) -> str:
    return gettext("Shorten it to %(limit)d characters.") % {"limit": limit}


def _check_letters(text: str) -> None:
    """PostgreSQL takes no NUL, and UTF-8 no half of a pair."""
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise ValidationError(gettext("There is a character in it that no text may have."))


def _check_personal(record: Withdrawable, changed: Iterable[str], errors: dict[str, list[Any]]) -> None:
    for name in changed:
        if not names_many(type(record), name) and _is_free_text(record._meta.get_field(name)):
            try:
                refuse_personal(getattr(record, name))
            except PersonalData as refused:
                errors.setdefault(name, []).append(str(refused))


def _is_free_text(column: Any) -> bool:
    """Words that somebody wrote, as against keys, addresses, dates and hashes."""
    written = isinstance(column, models.CharField | models.TextField) and not column.choices
    bound = isinstance(column, models.SlugField | models.URLField | PartialDateField) or SHA256 in column.validators
    return written and not bound


def _check_sense(
    record: Withdrawable,
    before: Fields,
    changed: Iterable[str],
    many: Mapping[str, list[models.Model]],
    errors: dict[str, list[Any]],
) -> None:
    """What no column and no constraint can know."""
    known = set(Restriction.Kind.values) - {Restriction.Kind.UNKNOWN}
    if isinstance(record, Restriction) and record.kind in known:
        if before and "kind" in changed and "kind_reason" not in changed:
            told = gettext("Say why it is of this kind; what stands there was said of another.")
            errors.setdefault("kind_reason", []).append(told)
        elif not {"kind", "kind_reason"}.isdisjoint(changed) and log.says_nothing(record.kind_reason):
            errors.setdefault("kind_reason", []).append(gettext("Say why it is of this kind."))
    circle = gettext("It would come before itself.")
    if isinstance(record, Appeal) and record.pk and "previous" in changed:
        step, passed = record.previous, set[int]()
        while step is not None and step.pk not in passed and step.pk != record.pk:
            passed.add(step.pk)
            step = step.previous
        if step is not None:
            errors.setdefault("previous", []).append(circle)
    if isinstance(record, Authority) and record.pk and "predecessors" in many:
        earlier = {one.pk for one in many["predecessors"]}
        if record.pk in earlier | Authority.objects.lineage().above(earlier):
            errors.setdefault("predecessors", []).append(circle)


# The field that a broken constraint is told at, and what to do.
_BROKEN: Mapping[str, tuple[str, Any]] = {
    "restriction_ends_after_start": ("ended", _("It ends before it begins.")),
    "restriction_bounds_of_began_in_order": ("began_not_before", _("Its earliest day comes after its latest.")),
    "restriction_bounds_of_ended_in_order": ("ended_not_before", _("Its earliest day comes after its latest.")),
    "restriction_kind_has_a_reason": ("kind_reason", _("Say why it is of this kind.")),
    "act_text_has_a_language": ("language", _("Say in which language the text is.")),
    "appeal_is_decided_after_it_is_filed": ("decided", _("It is decided before it is filed.")),
    "appeal_pending_has_no_decision": ("outcome", _("What is not decided yet has neither a decision nor its day.")),
    "appeal_challenges_another_act": ("result", _("What came of it is another act than the one that is challenged.")),
    "appeal_follows_another": ("previous", _("It would come before itself.")),
    "erratum_is_told_in_some_language": ("wrong_ru", _("Say what was wrong in one language at the least.")),
    **{
        f"erratum_is_whole_in_{language}": (
            f"righted_{language}",
            _("Say in this language both what was wrong and how it was put right, or neither."),
        )
        for language in ("kk", "ru", "en")
    },
    "erratum_is_put_right_after_it_was_wrong": ("righted_on", _("It was put right before it was wrong.")),
    "figure_period_ends_after_start": ("period_to", _("It ends before it begins.")),
    "notice_ends_after_start": ("ended", _("It ends before it begins.")),
    "notice_of_a_ban_says_whom_it_binds": ("bound", _("Say whom the ban binds.")),
    "source_is_a_url_or_a_dated_title": ("url", _("A source is an address, or a title with its date.")),
    "source_hash_is_of_a_copy": ("archive_url", _("Day and hash are of an archived copy; say where it is.")),
    "source_once": ("url", _("The register has this source already.")),
    "statement_is_about_one_thing": ("restriction", _("It is about either one restriction or one event.")),
    "field_source_is_of_one_record": ("restriction", _("It is of either one restriction, one act or one event.")),
    **{
        f"field_source_once_{record}": ("source", _("This source supports this field already."))
        for record in FieldSource.ABOUT
    },
}


def _check_model(record: Withdrawable, errors: dict[str, list[Any]]) -> None:
    wrong = list(errors)
    try:
        record.full_clean(exclude=[*wrong, *kept(record)], validate_constraints=False)
    except ValidationError as refused:
        for name, found in refused.error_dict.items():
            told = [_told(one) for one in found]
            errors.setdefault(name, []).extend(told)
    if errors:  # a constraint of fields that are wrong by themselves says nothing more
        return
    for constraint in record._meta.constraints:
        try:
            constraint.validate(type(record), record)
        except ValidationError as refused:
            if constraint.name in _BROKEN:
                name, told = _BROKEN[constraint.name]
                errors.setdefault(name, []).append(str(told))
            else:
                errors.setdefault(NON_FIELD_ERRORS, []).append(refused)


def _told(one: ValidationError) -> Any:
    if one.code in ("null", "blank"):
        return gettext("Fill this in.")
    return _taken() if one.code in ("unique", "unique_together") else one


def _taken() -> str:
    return gettext("Another entry has it already; choose another.")


def _message(refused: Exception) -> str:
    return " ".join(refused.messages) if isinstance(refused, ValidationError) else str(refused)


def _save(record: Withdrawable, before: Fields, many: Mapping[str, list[models.Model]], changed: Iterable[str]) -> None:
    table = EDITABLE[type(record)]
    try:
        with transaction.atomic():
            record.save(update_fields=[name for name in table.columns if name in changed] if before else None)
    except IntegrityError as refused:  # somebody took the key since it was looked for
        raise ValidationError({(table.fixed or (NON_FIELD_ERRORS,))[0]: _taken()}) from refused
    for name, rows in many.items():
        if name not in changed:
            continue
        if name in table.links:
            getattr(record, name).set(rows)
            continue
        roles = _roles(record).filter(role=table.roles[name])
        roles.exclude(authority__in=rows).delete()
        known = set(roles.values_list("authority", flat=True))
        for row in rows:
            if row.pk not in known:
                _roles(record).create(authority=row, role=table.roles[name])
