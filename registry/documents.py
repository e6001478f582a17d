"""Papers: taken in as a harmless copy and a sealed original, blackened where somebody is named, published.

What was taken in waits for an editor, and nobody else sees it. The hash of each version of a public copy is in the log.
A document that was published is withdrawn and restored like any record (`registry.editing`); its copy goes with it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, BinaryIO

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from registry import editing, log
from registry.editing import Changed, NotPossible
from registry.models import Act, Appeal, Document, Original, PublicCopy
from registry.papers import limits, marks, rebuilding, sealing, writing
from registry.papers.marks import Mark
from registry.papers.rebuilding import Copy, Personal
from registry.papers.refusals import Reason, Refused
from registry.requests import PersonalData, refuse_personal

SENTENCES: dict[Reason, str | Promise] = {
    Reason.EMPTY: _("The file is empty. Send it again."),
    Reason.TOO_LARGE: _("The file is larger than %(megabytes)s MB. Scan it in grey at 150 dots an inch, or split it."),
    Reason.OTHER_KIND: _("This is no PDF, PNG or JPEG (%(detail)s). Save or print it as a PDF, and send that."),
    Reason.BROKEN: _("The file cannot be read: it was cut off or is damaged. Download or scan it again."),
    Reason.LOCKED: _("The PDF asks for a password. Print it as a PDF without one, and send that."),
    Reason.TOO_MANY_PAGES: _("The PDF has %(detail)s pages; %(pages)s is the most. Split it."),
    Reason.PAGE_TOO_LARGE: _("Page %(page)s is %(detail)s metres large. Print it as a PDF on A4 or A3, and send that."),
    Reason.PICTURE_TOO_LARGE: _(
        "The picture on page %(page)s has %(detail)s pixels; %(megapixels)s million is the most. Make it smaller."
    ),
    Reason.MOVES: _("The picture moves. Save the part that matters as a still picture."),
    Reason.TOO_SLOW: _("Reading the file took too long. Print it as a PDF, or split it, and send that."),
    Reason.TOO_MUCH: _(
        "Reading the file takes more memory than is allowed, or breaks the reader. Print it as a PDF, and send that."
    ),
    Reason.COPY_TOO_LARGE: _("The copy would be larger than %(copy)s MB. Split the file."),
    Reason.NO_SUCH_PAGE: _("There is no page %(page)s to blacken."),
}
MARGIN = 0.003  # of a page's width and height, round what is suggested to be blackened
ROW = ("sha256", "media_type", "size", "pages")


class NotTaken(ValueError):
    """The sentence says what to change."""


# --- taking in


def take_in(file: BinaryIO, *, redactions: Sequence[Mark] = (), by: str, at: datetime) -> Original:
    """Make a harmless copy and seal the original. It then waits for an editor. Takes seconds. Raises NotTaken.

    The file's name plays no part in it.
    """
    keys = _keys()
    data = file.read(limits.FILE_LIMIT + 1)
    copy = _rebuilt(data, redactions)
    sealed = sealing.seal(data, keys)
    with transaction.atomic():
        original = Original.objects.create(
            hash=sealed.commitment,
            size=len(data),
            box=sealed.box,
            keys=keys,
            taken_on=timezone.localdate(at),
            taken_by=by,
        )
        _keep(copy, original, previous=None, redactions=redactions, at=at)
    return original


def _keys() -> list[str]:
    """Raises NotTaken."""
    try:
        for key in settings.SEALED_FOR:
            sealing.public_key(key)
    except sealing.BadKey as error:
        raise NotTaken(str(error)) from error
    if not settings.SEALED_FOR:
        raise NotTaken(gettext("No key is set to seal originals with (TIZILIM_SEALED_FOR), so no paper is taken in."))
    return list(settings.SEALED_FOR)


def _rebuilt(data: bytes, redactions: Sequence[Mark]) -> Copy:
    try:
        return rebuilding.rebuild(data, redactions)
    except Refused as refused:
        raise NotTaken(sentence(refused)) from refused


def sentence(refused: Refused) -> str:
    """What is wrong with a paper, and what to change."""
    mega = 2**20
    return str(SENTENCES[refused.reason]) % {
        "page": refused.page,
        "detail": refused.detail or "?",
        "megabytes": limits.FILE_LIMIT // mega,
        "copy": limits.COPY_LIMIT // mega,
        "pages": limits.PAGES,
        "megapixels": limits.PIXELS // 10**6,
    }


def _keep(
    copy: Copy, original: Original, *, previous: PublicCopy | None, redactions: Sequence[Mark], at: datetime
) -> PublicCopy:
    """Inside a transaction. Raises NotTaken."""
    made = PublicCopy(
        original=original,
        previous=previous,
        sha256=copy.sha256,
        media_type=copy.media_type,
        size=len(copy.data),
        pages=copy.pages,
        marks=[*(previous.marks if previous else ()), *map(marks.row, redactions)],
        found=_left(previous.found if previous else list(map(_row, copy.found)), redactions),
        without_text=previous.without_text if previous else list(copy.without_text),
        blank=previous.blank if previous else list(copy.blank),
        fonts=previous.fonts if previous else list(copy.fonts),
        data=copy.data,
        made_on=timezone.localdate(at),
    )
    try:
        with transaction.atomic():
            made.save()
    except IntegrityError:  # by its hash: what was blackened once does not come back as it was
        raise NotTaken(gettext("This very paper was taken in before.")) from None
    return made


def _row(one: Personal) -> dict[str, Any]:
    return {"page": one.page, "kind": one.kind.value, "boxes": [marks.row(Mark(one.page, box)) for box in one.boxes]}


def _left(found: Iterable[dict[str, Any]], redactions: Sequence[Mark]) -> list[dict[str, Any]]:
    """What is not wholly covered. A number whose place is not known stays: nobody can tell."""

    def covered(box: Mark) -> bool:
        return any(mark.page == box.page and mark.box.covers(box.box) for mark in redactions)

    return [one for one in found if not (one["boxes"] and all(map(covered, marks.of(one["boxes"]))))]


# --- what an editor does with it


def current(original: Original) -> PublicCopy:
    """The version that has bytes."""
    return original.copies.get(data__isnull=False)


def suggested(copy: PublicCopy) -> list[Mark]:
    """Marks that cover what was found, with a margin."""
    boxes = [mark for one in copy.found for mark in marks.of(one["boxes"])]
    return [Mark(mark.page, mark.box.grown(MARGIN)) for mark in boxes]


def blacken(
    original: Original, redactions: Sequence[Mark], *, seen: str, by: str, reason: str, at: datetime
) -> PublicCopy:
    """Burn marks into a new version of the copy; the bytes of the old one are deleted. Takes seconds.

    `seen` is the hash of the copy on which they were drawn. Of a published document the new version is public at
    once. Raises NotTaken, NoReason, Changed, ValidationError.
    """
    reason = editing.checked(reason)
    before = current(original)
    if before.sha256 != seen:
        raise Changed(gettext("Somebody else blackened it meanwhile. Look at the new copy."))
    return replace(before, drawn(before, redactions).data, redactions, by=by, reason=reason, at=at)


def drawn(copy: PublicCopy, redactions: Sequence[Mark]) -> Copy:
    """The copy as it would be with these marks; nothing is kept. Takes seconds. Raises NotTaken, Changed."""
    if copy.data is None:
        raise Changed(gettext("Somebody else blackened it meanwhile. Look at the new copy."))
    made = _rebuilt(bytes(copy.data), redactions)
    if made.sha256 == copy.sha256:
        raise NotTaken(gettext("All of it is black already."))
    return made


def replace(
    before: PublicCopy, data: bytes, redactions: Sequence[Mark], *, by: str, reason: str, at: datetime
) -> PublicCopy:
    """Put what was drawn in the place of the copy, as `blacken` does. Raises NotTaken, NoReason, Changed."""
    reason = editing.checked(reason)
    copy = Copy(before.media_type, data, before.pages, found=(), without_text=(), blank=(), fonts=())
    with transaction.atomic():
        original = Original.objects.select_for_update(of=("self",)).get(pk=before.original_id)
        if not original.copies.filter(pk=before.pk).exclude(data=None).update(data=None):
            raise Changed(gettext("Somebody else blackened it meanwhile. Look at the new copy."))
        made = _keep(copy, original, previous=before, redactions=redactions, at=at)
        if original.document_id:
            document = Document.objects.select_for_update().get(pk=original.document_id)
            was = _public(document)
            _describe(document, made)
            document.save(update_fields=[*ROW, "url", "redactions"])
            if editing.is_public(document):
                log.append("redact", document, before=was, after=_public(document), reason=reason, by=by)
    return made


@transaction.atomic
def publish(
    original: Original,
    *,
    key: str,
    title: str,
    language: str = "",
    acts: Iterable[Act] = (),
    appeals: Iterable[Appeal] = (),
    seen: str,
    by: str,
    reason: str,
    despite_found: bool = False,
) -> Document:
    """Make a document of it, on the acts and appeals that it belongs to.

    `seen` is the hash of the copy that was looked at. While personal numbers are found in it, it is published only
    where an editor says that they are none. Raises NotPossible, NoReason, ValidationError by field.
    """
    reason = editing.checked(reason)
    try:
        refuse_personal(title)
    except PersonalData as refused:
        raise ValidationError({"title": str(refused)}) from refused
    original = Original.objects.select_for_update(of=("self",)).get(pk=original.pk)
    copy = current(original)
    if original.document_id:
        raise NotPossible(gettext("It was published already."))
    if copy.sha256 != seen:
        raise Changed(gettext("Somebody else blackened it meanwhile. Look at the new copy."))
    if copy.found and not despite_found:
        raise NotPossible(
            gettext("Numbers of persons were found on these pages: %(pages)s. Blacken them, or say that they are none.")
            % {"pages": ", ".join(map(str, sorted({one["page"] for one in copy.found})))}
        )
    if Document.objects.filter(key=key).exists():
        raise NotPossible(gettext("Another document has the key “%(key)s”.") % {"key": key})
    document = Document(
        key=key, title=title, language=language, taken_on=original.taken_on, original_hash=original.hash
    )
    document.full_clean(exclude=["url"])
    _describe(document, copy)
    document.save()
    Original.objects.filter(pk=original.pk).update(document=document)
    # The log is told of it last: how much of it may be told follows from what it is of.
    _join(document, [*acts, *appeals], by, reason)
    if editing.is_public(document):
        log.append("publish", document, after=_public(document), reason=reason, by=by)
    return document


def _join(document: Document, records: Iterable[Act | Appeal], by: str, reason: str) -> None:
    """Each of them says so in the log itself."""
    for record in records:
        keys = [*editing.fields_of(record)["documents"], document.key]
        editing.correct(record, {"documents": keys}, seen=editing.state_of(record), by=by, reason=reason)


def picture(media_type: str, data: bytes, page: int) -> tuple[str, bytes]:
    """Media type and bytes of one page of a copy of ours, with the very pixels it has there. Raises LookupError."""
    if media_type == PublicCopy.MediaType.PDF:
        return writing.picture(data, page)
    if page != 1:
        raise LookupError(page)
    return media_type, data


def shown(sha256: str) -> PublicCopy | None:
    """The copy with this hash, if the public may have it.

    Not where it was withdrawn, or where its act names what is not shown in full, or where it is hidden for now; nor
    where its bytes are others than two people agreed to: the database guards their hash, not them.
    """
    documents = _public_with(sha256).filter(hidden_now=False)
    copy = PublicCopy.objects.filter(sha256=sha256, data__isnull=False, original__document__in=documents).first()
    return copy if copy and hashlib.sha256(copy.data or b"").hexdigest() == sha256 else None


def hidden_for_now(sha256: str) -> bool:
    """Would the public have it, if it were not hidden in an emergency?"""
    return bool(_public_with(sha256).filter(hidden_now=True).exists())


def _public_with(sha256: str) -> QuerySet[Any]:
    return Document.objects.public().standing().with_display().filter(hidden=False, sha256=sha256)


def _describe(document: Document, copy: PublicCopy) -> None:
    for name in ROW:
        setattr(document, name, getattr(copy, name))
    document.redactions = copy.marks
    document.url = reverse("document", args=[copy.sha256])


def _public(document: Document) -> dict[str, Any]:
    names = ("key", "title", "language", *ROW, "url", "original_hash", "redactions")
    taken_on = document.taken_on.isoformat() if document.taken_on else ""
    return {name: getattr(document, name) for name in names} | {"taken_on": taken_on}
