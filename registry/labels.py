"""What a reader calls what the log and measurements name by a code: a table, a field, a value, a record, a failure."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple, cast

from django.conf.locale import LANG_INFO
from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from checks import planning
from checks.engine.failures import Failure
from checks.models import Episode, Network, Ruleset, Vantage, Wave
from registry import dates, discretion, offers
from registry.gathering import together
from registry.models import (
    STATE_REGISTER,
    Act,
    ActRole,
    Appeal,
    Authority,
    Category,
    Deadline,
    Document,
    Erratum,
    Event,
    FieldSource,
    FormerAddress,
    Ground,
    Hiding,
    Holiday,
    InformationRequest,
    Listing,
    Notice,
    OfficialFigure,
    Region,
    RequestStep,
    Resource,
    Restriction,
    RestrictionRole,
    Snapshot,
    Source,
    Statement,
)

# Every table whose changes the log tells, in the order in which a reader chooses among them.
TABLES: Mapping[str, type[models.Model]] = {
    str(table._meta.model_name): table
    for table in (
        *(Resource, Restriction, RestrictionRole, Act, ActRole, Appeal, Document, Authority, Ground, Category),
        *(Event, Statement, Notice, OfficialFigure, InformationRequest, RequestStep, Listing, Snapshot),
        *(Source, FieldSource, Erratum, Deadline, Holiday, Region, Network, Vantage, Episode, Wave, Ruleset, Hiding),
    )
}

OPERATIONS = {
    "create": _("recorded"),
    "correct": _("corrected"),
    "change": _("changed"),
    "withdraw": _("withdrawn"),
    "restore": _("restored"),
    "publish": pgettext_lazy("what was done", "published"),
    "redact": _("more of it was blackened"),
    "merge": _("merged with another entry"),
    "cover": _("another address joined"),
    "describe": _("described"),
    "categorise": _("put into a category"),
    "choose_display": _("an editor chose how much is shown"),
    "display": _("shown otherwise"),
    "step": _("a step was recorded"),
    "import": _("imported"),
    "dispute": _("disputed"),
    "settle": _("no longer disputed"),
    "dismiss": pgettext_lazy("what was done", "dismissed"),
    "admit": pgettext_lazy("what was done", "admitted"),
    "revoke": pgettext_lazy("what was done", "revoked"),
    "make_current": _("public states rest on it from now on"),
    "hide": _("hidden by an editor in an emergency"),
    "confirm_hiding": _("another editor confirmed that it is hidden"),
    "lift_hiding": _("shown again"),
    "end_hiding": _("shown again, for nobody confirmed it"),
    "update": _("changed"),
}

# How the languages of this site call themselves.
OWN_NAMES = {"kk": "Қазақша", "ru": "Русский", "en": "English"}

ROLES = {
    "editor": _("an editor"),
    "pack": _("the country pack"),
    "import": _("an import"),
    "operator": _("the operator of the register"),
    "demo": _("the demo"),
    "clock": _("nobody: its time was over"),
}

PLANS = {  # those that the register has by itself
    planning.CHANGES: pgettext_lazy("a plan", "changes"),
    planning.REGISTRY: pgettext_lazy("a plan", "regular"),
    planning.TAIL: pgettext_lazy("a plan", "rare"),
    planning.RETEST: pgettext_lazy("a plan", "re-test"),
}
# Why a visit failed, by its name in OONI's df-007.
FAILURES = {
    Failure.DNS_NXDOMAIN: _("there is no such name"),
    Failure.DNS_NO_ANSWER: _("the name has no address"),
    Failure.DNS_SERVFAIL: _("the resolver failed"),
    Failure.DNS_REFUSED: _("the resolver refused to answer"),
    Failure.DNS_MISBEHAVING: _("the resolver's answer could not be read"),
    Failure.DNS_BOGON: _("its address is none of the public internet"),
    Failure.DNS_WRONG_ID: _("the resolver answered another question"),
    Failure.CONNECTION_REFUSED: _("the connection was refused"),
    Failure.CONNECTION_RESET: _("the connection was reset"),
    Failure.CONNECTION_ABORTED: _("the connection was broken off"),
    Failure.CONNECTION_CLOSED: _("the connection was closed"),
    Failure.EOF: _("the connection ended before the answer was whole"),
    Failure.TIMEOUT: _("no answer in time"),
    Failure.HOST_UNREACHABLE: _("there is no way to its address"),
    Failure.NETWORK_UNREACHABLE: _("there is no way to its network"),
    Failure.NETWORK_DOWN: _("the place of measurement was cut off"),
    Failure.NETWORK_RESET: _("the place of measurement lost its connection"),
    Failure.SSL_INVALID_HOSTNAME: _("the certificate is another name's"),
    Failure.SSL_UNKNOWN_AUTHORITY: _("no known authority stands behind the certificate"),
    Failure.SSL_INVALID_CERTIFICATE: _("the certificate is not valid"),
    Failure.SSL_FAILED_HANDSHAKE: _("no secured connection came about"),
    Failure.HTTP_REQUEST_FAILED: _("the answer could not be read"),
    Failure.INTERRUPTED: _("the time for the visit ended first"),
    Failure.UNKNOWN: _("for a reason that is not known"),
}

# Bodies by their part in an act or a restriction: no column of the record has them.
PARTS = {
    "initiated": _("initiated by"),
    "decided": _("decided by"),
    "executed": _("executed by"),
    "authorities": _("bodies whose part is not known"),
}

# What the log tells beside the columns of a table: columns of the pack, and what an act of an editor was about.
_COLUMNS = {
    "key": _("key"),
    "authorities": _("authorities"),
    "predecessors": _("predecessors"),
    "sources": _("sources"),
    "source_url": _("address of the source"),
    "source_title": _("title of the source"),
    "source_date": _("date of the source"),
    "case": _("case of the country pack"),
    "display_reason": _("why so much of the name is shown"),
    "into": _("merged into"),
    "from": _("merged with it"),
    "moved": _("what moved along"),
    "type": _("type of the resource"),  # beside the kind of a restriction
    "target": _("address that is measured"),
    "vantage": _("vantage"),
    "reason": _("reason"),
    "until": _("ends by itself, unless another editor confirms it"),
}

# Whose column it is where a table has none of that name: a case of the pack is a resource and its restriction at once.
_BEHIND: Mapping[str, tuple[type[models.Model], ...]] = {
    "restriction": (Resource,),
    "event": (Restriction, Resource),
    "informationrequest": (RequestStep,),
    "episode": (Network,),
    "vantage": (Network,),
}

# What a field names by a code, and by which column the code is found. A number is an id.
_CODES: Mapping[str, tuple[type[models.Model], str]] = {
    **dict.fromkeys(("authorities", "authority", "body", "predecessors"), (Authority, "code")),
    **dict.fromkeys(("initiated", "decided", "executed"), (Authority, "code")),
    **dict.fromkeys(("grounds", "ground"), (Ground, "code")),
    **dict.fromkeys(("regions", "region"), (Region, "iso")),
    **dict.fromkeys(("networks", "asn"), (Network, "asn")),
    **dict.fromkeys(("acts", "act", "result"), (Act, "key")),
    **dict.fromkeys(("case", "restriction"), (Restriction, "pack_key")),
    **dict.fromkeys(("service", "resource", "into", "from"), (Resource, "pk")),
    "category": (Category, "code"),
    **dict.fromkeys(("documents", "document"), (Document, "key")),
    "event": (Event, "key"),
    "previous": (Appeal, "key"),
    "request": (InformationRequest, "key"),
}
_CODED_TEXTS = {("resource", "category"), ("vantage", "region")}  # columns of text that hold a code
_ALONG = {  # what is read with a record, to call it by its name and to find its page
    "restriction": ("resource",),
    "restrictionrole": ("authority", "restriction"),
    "actrole": ("authority", "act"),
    "appeal": ("act",),
    "listing": ("resource",),
    "statement": ("authority", "event", "restriction"),
    "notice": ("resource", "authority"),
    "informationrequest": ("authority", "restriction"),
    "requeststep": ("request",),
    "fieldsource": ("restriction", "act", "event"),
    "episode": ("network",),
}
DIGITS = 19  # a number with fewer is one that a database keeps


class Reference(NamedTuple):
    """A record as the log names it: by its table, a column of that and the value there."""

    table: str
    column: str
    value: str


def operation(code: str) -> str:
    return str(OPERATIONS.get(code, code))


def hand(role: str) -> str:
    """Whose hand made a change; of two who agreed, both."""
    return " + ".join(str(ROLES.get(one, one)) for one in role.split("+"))


def table(model: str) -> str:
    """What a record of this table is."""
    return str(TABLES[model]._meta.verbose_name) if model in TABLES else model


def field(model: str, name: str) -> str:
    if name in PARTS and model in ("act", "restriction"):
        return str(PARTS[name])
    column = _own(model, name)
    if column is not None and (name not in _COLUMNS or column.concrete):
        return str(getattr(column, "verbose_name", name))
    if name in _COLUMNS:
        return str(_COLUMNS[name])
    behind = _column(model, name)
    if behind is not None:
        return str(getattr(behind, "verbose_name", name))
    return str(_CODES[name][0]._meta.verbose_name) if name in _CODES else name.replace("_", " ")


def plan(name: str) -> str:
    return str(PLANS.get(name, name))


def failure(name: str) -> str:
    """Why a visit failed; a name that has no words yet stands for itself."""
    return str(FAILURES.get(cast(Failure, name), name))


_PACK = re.compile(r"country pack (?P<country>\w+)(, SHA-256 (?P<sha256>[0-9a-f]{64}), agreed by (?P<by>\S+))?")


def reason(text: str) -> str:
    """A program's reason in the reader's language; an editor's stands as it was written."""
    if pack := _PACK.fullmatch(text):
        told = pack.groupdict()
        if told["by"]:
            return gettext("country pack %(country)s, SHA-256 %(sha256)s, agreed by %(by)s") % told
        return gettext("country pack %(country)s") % told
    fixed = {"snapshot": gettext("snapshot"), "nobody confirmed it": gettext("nobody confirmed it")}
    return fixed.get(text, text)


def languages(codes: Iterable[str]) -> str:
    """Languages of a site, each by its own name; one that has no name here by its code."""
    return ", ".join(OWN_NAMES.get(code) or LANG_INFO.get(code, {}).get("name_local", code) for code in codes)


class Records:
    """Records by how the log names them, all read in one query."""

    def __init__(self, asked: Iterable[Reference]) -> None:
        wanted: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        for one in asked:
            wanted[one.table][one.column].add(one.value)
        parts = {}
        for name, columns in wanted.items():
            match = Q()
            for column, values in columns.items():
                match |= Q(**{f"{column}__in": values})
            parts[name] = (_rows(name).filter(match), _ALONG.get(name, ()))
        if numbers := wanted.get("resource", {}).get("pk"):
            parts["former"] = (FormerAddress.objects.filter(number__in=numbers), ("resource",))
        found = together(**parts) if parts else {}
        self._rows: dict[Reference, Any] = {
            Reference("resource", "pk", str(row.number)): discretion.as_it_was(row, row.resource)
            for row in found.pop("former", ())
        }
        for name, rows in found.items():
            for row in rows:
                for column in wanted[name]:
                    self._rows[Reference(name, column, str(getattr(row, column)))] = row

    def get(self, reference: Reference) -> Any:
        return self._rows.get(reference)


def _rows(name: str) -> models.QuerySet[Any]:
    """What is not public has no name."""
    if name == "document":
        return Document.objects.with_display()
    rows: Any = TABLES[name]._default_manager
    found: models.QuerySet[Any] = rows.public() if hasattr(rows, "public") else rows.all()
    return found


def references(model: str, fields: Mapping[str, Any]) -> Iterable[Reference]:
    """The records that these fields name."""
    for name, given in fields.items():
        for one in _parts(given):
            if found := _reference(model, name, one):
                yield found


def value(model: str, name: str, given: Any, records: Records) -> str:
    """A value of a field in the reader's words; empty where there is none."""
    if given is None or given in ("", [], {}):
        return ""
    named = [(one, _reference(model, name, one)) for one in _parts(given)]
    if any(reference for _one, reference in named):
        rows = [(one, records.get(reference) if reference else None) for one, reference in named]
        return "; ".join(called(row) if row else str(one) for one, row in rows)
    column = _column(model, name)
    if isinstance(given, bool) or isinstance(column, models.BooleanField):
        return gettext("yes") if str(given).casefold() in ("true", "yes") else gettext("no")
    if choices := dict(getattr(column, "flatchoices", ())):
        return str(choices.get(given, given))
    if (model, name) == ("fieldsource", "field"):
        return field(next((one for one in FieldSource.ABOUT if _own(one, given)), model), str(given))
    if isinstance(given, list):
        if name == "intervals":
            return " ".join(offers.stretch(one) for one in given)
        if name == "redactions":
            return "; ".join(_blackened(given))
        return languages(given) if name == "languages" else "; ".join(map(str, given))
    if (model, name) == ("hiding", "until"):
        return _day(str(given))
    if isinstance(given, Mapping):  # of a merge: numbers of records by their table
        return "; ".join(f"{table(key)} № {', '.join(map(str, numbers))}" for key, numbers in given.items())
    if isinstance(column, dates.PartialDateField):
        return _day(str(given))
    if isinstance(column, models.DateTimeField):
        return _moment(str(given))
    return _day(str(given)) if isinstance(column, models.DateField) else str(given)


def is_plain_no(model: str, name: str, given: Any) -> bool:
    """A flag that is down, as it is of a record about which nobody says more."""
    column = _column(model, name)
    flag = isinstance(column, models.BooleanField)
    down = given is False or (flag and str(given).casefold() in ("false", "no"))
    return down and not (flag and column.default is True)


def called(row: Any) -> str:
    """What a record is called, as far as its own display allows."""
    match row:
        case Resource():
            return row.display_name
        case Restriction():
            return row.resource.display_name
        case Statement():
            return f"{row.authority.name if row.authority else row.speaker}: {row.get_stance_display()}"
        case OfficialFigure():
            return f"{row.value:,} – {row.counts}".replace(",", "\u202f")
        case Document():
            return "" if getattr(row, "hidden", True) else row.title
        case Erratum():
            return _day(row.righted_on)
        case InformationRequest():
            return row.to
        case Listing():
            return row.shown_address
        case Notice():
            hidden = row.resource is not None and row.resource.display != Resource.Display.FULL
            return str(row.get_type_display() if hidden else row)
        case RequestStep():
            return ", ".join(filter(None, (str(row.happened), _day(row.date))))
        case FieldSource():
            about = next(one for one in FieldSource.ABOUT if getattr(row, f"{one}_id"))
            return field(about, row.field)
        case Snapshot():
            name = gettext("State register").lower() if row.list == STATE_REGISTER else row.list
            return f"{name}, {_day(row.taken_on)}"
        case Episode():
            return f"{row.network}: {row.get_state_display()}"
        case Wave():
            return str(row.get_kind_display())
    return str(row)


def _parts(given: Any) -> list[Any]:
    """The several things that a value names."""
    if isinstance(given, list | tuple):
        return list(given)
    return [part.strip() for part in given.split(";")] if isinstance(given, str) else [given]


def _reference(model: str, name: str, given: Any) -> Reference | None:
    own = _own(model, name)
    if own is not None and not own.is_relation and (model, name) not in _CODED_TEXTS:
        return None
    if name not in _CODES or isinstance(given, bool) or not isinstance(given, str | int) or given == "":
        return None
    target, column = _CODES[name]
    if isinstance(given, int) and target != Network:
        column = "pk"
    if column in ("pk", "asn") and not (str(given).isdecimal() and len(str(given)) < DIGITS):
        return None
    return Reference(str(target._meta.model_name), column, str(given))


def _own(model: str, name: str) -> Any:
    """The column of that name; None where the table has none."""
    try:
        return TABLES[model]._meta.get_field(name) if model in TABLES else None
    except FieldDoesNotExist:
        return None


def _column(model: str, name: str) -> Any:
    """The column of that name, of the table or of one whose columns are told with it."""
    if name.startswith("source_"):
        return Source._meta.get_field(name.removeprefix("source_"))
    found = _own(model, name)
    for behind in _BEHIND.get(model, ()):
        found = found or _own(str(behind._meta.model_name), name)
    return found


def _blackened(marks: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    for page, count in sorted(Counter(one["page"] for one in marks).items()):
        told = ngettext("page %(page)d: %(count)d place", "page %(page)d: %(count)d places", count)
        yield told % {"page": page, "count": count}


def _day(text: str) -> str:
    """A partial date; what is none, as old entries may have it, stands for itself."""
    try:
        return dates.shown(text)
    except (ValueError, KeyError):
        return text


def _moment(text: str) -> str:
    try:
        return date_format(timezone.localtime(datetime.fromisoformat(text)), "DATETIME_FORMAT")
    except ValueError:
        return text
