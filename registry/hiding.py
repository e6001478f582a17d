"""Hiding in an emergency: one person hides at once what endangers somebody or is nobody's business.

It ends after 72 hours unless another person confirms it; then it holds until two lift it. The log tells all of it but
the words themselves, to which it commits. What one person could do with it alone is bounded, and is seen at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import django
from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext

from checks.models import Network
from registry import editing, log, veil
from registry.editing import NotPossible
from registry.models import Authority, Category, Display, Document, Ground, Hiding, LogEntry, Region, Resource
from registry.moderation import key_id

SHORTEST = 6  # letters and digits of what is hidden
DIGITS = 9  # where it has no letter: eight are a date
LONGEST = 200  # characters
IN_FORCE = 50  # hidden at a time
OF_ONE = 10  # of one person, that nobody has confirmed
PLACES = 500  # entries of the log that spell it
PIECE = 3  # letters of a word of ours that counts
_HASH_OR_HOUR = re.compile(r"[0-9a-f]{64}|(?:19|20)\d{6}t\d\d")
NOBODY_CONFIRMED = "nobody confirmed it"
OURS = ("config", "checks", "registry")  # folders of the code, and its texts
KINDS = (".py", ".html", ".po")
DJANGO = Path(django.__file__).parent
NAMES: tuple[type[models.Model], ...] = (Authority, Ground, Category, Region)


class OwnHiding(NotPossible):
    """Who hid it cannot confirm it."""


@transaction.atomic
def hide(*, words: str = "", document: Document | None = None, kind: str, reason: str, by: User) -> Hiding:
    """Of words or of a document, one. Raises NoReason, NotPossible, ValidationError by field."""
    reason = editing.checked(reason)
    if kind not in Hiding.Kind.values:
        raise ValidationError({"kind": gettext("Say why it is hidden.")})
    if (words == "") == (document is None):
        raise ValidationError({"words": gettext("Write the words, or choose a document.")})
    if words:
        words = _checked(words)
    User.objects.select_for_update().get(pk=by.pk)  # one after the other: what one person hides is counted
    at = timezone.now()
    _check_room(words, document, by, at)
    row = Hiding.objects.create(kind=kind, words=words, document=document, reason=reason, by=by, begun_at=at)
    what = {"words": words} if document is None else {"document": document.key}
    log.append("hide", row, after={"kind": kind, **what, "until": _hour(row)}, reason=reason, by=key_id(by))
    return row


@transaction.atomic
def confirm(hiding: Hiding, *, by: User) -> None:
    """From now on it holds until it is lifted. Raises OwnHiding, NotPossible."""
    row = _in_force(hiding)
    if row.confirmed_by_id:
        raise NotPossible(gettext("It is confirmed already."))
    if by == row.by:
        raise OwnHiding(gettext("You hid it yourself: another person has to confirm it."))
    before = {"until": _hour(row)}
    row.confirmed_by = by
    row.save(update_fields=["confirmed_by"])
    hands = f"{key_id(row.by)}+{key_id(by)}"
    log.append("confirm_hiding", row, before=before, after={"until": ""}, reason=row.reason, by=hands)


@transaction.atomic
def lift(hiding: Hiding, *, by: User, reason: str) -> bool:
    """Show it again. What another person confirmed is shown again when a second one wants it lifted too.

    Answers whether it is over. Raises NoReason, NotPossible, ValidationError by field.
    """
    reason = editing.checked(reason)
    row = _in_force(hiding)
    hands = key_id(by)
    if row.confirmed_by_id:
        if row.lifting_by is None:
            row.lifting_by, row.lifting_reason = by, reason
            row.save(update_fields=["lifting_by", "lifting_reason"])
            return False
        if by == row.lifting_by:
            raise NotPossible(gettext("You want it lifted yourself: another person has to agree."))
        hands, reason = f"{key_id(row.lifting_by)}+{hands}", f"{row.lifting_reason} / {reason}"
    row.ended_at, row.ended_by, row.lifting_reason = timezone.now(), by, reason
    _end(row, "lift_hiding", reason=reason, by=hands)
    return True


def log_ends(*, at: datetime) -> int:
    """Tell the log of what is over because nobody confirmed it. It was over without that."""
    ended = 0
    for pk in Hiding.objects.run_out(at).order_by("pk").values_list("pk", flat=True):
        with transaction.atomic():
            row = Hiding.objects.run_out(at).select_for_update().filter(pk=pk).first()
            if row is not None:
                row.ended_at = row.until
                _end(row, "end_hiding", reason=NOBODY_CONFIRMED, by="clock")
                ended += 1
    return ended


def _end(row: Hiding, operation: str, *, reason: str, by: str) -> None:
    # While it is hidden: a reason that says the words is committed to, and not told.
    log.append(operation, row, before={"until": _hour(row)}, after={"until": ""}, reason=reason, by=by)
    row.save(update_fields=["ended_at", "ended_by", "lifting_reason"])


def _in_force(hiding: Hiding) -> Hiding:
    rows = Hiding.objects.select_for_update(of=("self",)).select_related("by", "lifting_by")
    row = rows.in_force(timezone.now()).filter(pk=hiding.pk).first()
    if row is None:
        raise NotPossible(gettext("It is not hidden any more."))
    return row


def _hour(row: Hiding) -> str:
    """When it ends by itself, as the log tells it: nobody's minute is told."""
    return f"{row.until.astimezone(UTC):%Y-%m-%dT%HZ}" if row.until else ""


# --- how much one person can hide


def _check_room(words: str, document: Document | None, by: User, at: datetime) -> None:
    now = Hiding.objects.in_force(at)
    if any(_same(one, words, document) for one in now):
        raise NotPossible(gettext("It is hidden already."))
    if now.count() >= IN_FORCE:
        raise NotPossible(gettext("%(count)d things are hidden already. Lift one first.") % {"count": IN_FORCE})
    if now.filter(by=by, confirmed_by=None).count() >= OF_ONE:
        told = gettext("You hid %(count)d things that nobody has confirmed. Ask another person to look at them.")
        raise NotPossible(told % {"count": OF_ONE})
    before = Hiding.objects.filter(by=by, confirmed_by=None, ended_at__lte=at) | Hiding.objects.run_out(at).filter(
        by=by
    )
    if any(_alike(one, words, document) for one in before):
        raise NotPossible(gettext("You hid this before, and nobody confirmed it. Now another person has to hide it."))


def _same(one: Hiding, words: str, document: Document | None) -> bool:
    if document is not None:
        return one.document_id == document.pk
    return bool(one.words) and _letters(one.words) == _letters(words)


def _alike(one: Hiding, words: str, document: Document | None) -> bool:
    """The same, or a part of it: a word less does not make it another thing."""
    if document is not None or not one.words:
        return _same(one, words, document)
    mine, other = _letters(words), _letters(one.words)
    return mine in other or other in mine


def _letters(words: str) -> str:
    return veil.letters_of(veil.folded(words))


def _checked(words: str) -> str:
    """Words as they are kept, if they may be hidden. Raises ValidationError."""
    if len(words) > LONGEST:
        raise _wrong(gettext("Write %(count)d characters at most: only the words themselves.") % {"count": LONGEST})
    words = " ".join(words.split())
    if not words.isprintable():
        raise _wrong(gettext("Some of its characters are seen by nobody. Write it anew."))
    letters = _letters(words)
    if len(letters) < (DIGITS if letters.isdecimal() else SHORTEST):
        told = gettext("Write %(letters)d letters or digits at least, or %(digits)d digits where it is only a number.")
        raise _wrong(told % {"letters": SHORTEST, "digits": DIGITS})
    only = veil.Veil(hidden=frozenset({words}))
    if _is_of_the_log(letters) or any(only.names(text) for text in _own_texts()):
        raise _wrong(gettext("The register's own pages are made of these words: without them nobody could read it."))
    if any(only.names(name) for name in _names()):
        raise _wrong(gettext("Bodies, grounds, categories, regions and networks are called so: their names stay."))
    if any(only.names(name) for name in _shown_names()):
        raise _wrong(gettext("An entry of the register is called so. Choose there how much of its name is shown."))
    if LogEntry.objects.filter(payload__icontains=words).order_by()[: PLACES + 1].count() > PLACES:
        raise _wrong(gettext("It stands in more than %(count)d places: hide what is rarer.") % {"count": PLACES})
    return words


def _wrong(text: str) -> ValidationError:
    return ValidationError({"words": text})


def _own_texts() -> Iterator[str]:
    """What pages, addresses, fields and feeds are made of, in every language."""
    folders = [settings.BASE_DIR / one for one in OURS]
    folders += [DJANGO / "conf" / "locale" / code for code, _name in settings.LANGUAGES]
    found = (path for folder in folders for path in sorted(folder.rglob("*")) if path.suffix in KINDS)
    for path in (*found, DJANGO / "utils" / "feedgenerator.py"):
        yield path.read_text(encoding="utf-8")


@cache
def _own_words() -> frozenset[str]:
    found = {word for text in _own_texts() for word in veil.words_of(veil.folded(text))}
    return frozenset(word for word in found if len(word) >= PIECE and not word.isdecimal())


def _is_of_the_log(letters: str) -> bool:
    """A hash, an hour, or words of ours with numbers of records and keys: “restriction/26”, “editor-3”. With one of
    them hidden, what was done in that hour, to that record or by that person would be told to nobody."""
    rest = "".join(one for one in letters if not one.isdecimal())
    numbered = not letters[0].isdecimal() and len(letters) - len(rest) < DIGITS
    return _HASH_OR_HOUR.search(letters) is not None or (numbered and _is_made_of(rest, _own_words()))


def _is_made_of(letters: str, words: frozenset[str]) -> bool:
    """Of some of them, one behind the other, as a page or a row of the API has them: “Sites Acts”, “null began”."""
    reached = {0}
    for end in range(PIECE, len(letters) + 1):
        if any(begin in reached and letters[begin:end] in words for begin in range(end - PIECE + 1)):
            reached.add(end)
    return len(letters) in reached


def _names() -> Iterator[str]:
    for model in NAMES:
        for names in model._default_manager.order_by().values_list("name_kk", "name_ru", "name_en"):
            yield from names
    for name, brand, asn in Network.objects.order_by().values_list("name", "brand", "asn"):
        yield from (name, brand, f"AS{asn}")


def _shown_names() -> Iterator[str]:
    """Of the entries, as far as they are shown: a part of one is what it is known by."""
    rows = Resource.objects.exclude(display=Display.WITHHELD).only("type", "name", "host", "slug", "display").order_by()
    for row in rows.iterator():
        yield row.display_name
        yield row.host
