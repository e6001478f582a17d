"""Two people agree on a change of the record: one proposes it, and another, who has seen the very same, approves it.

A proposal is canonical JSON and its hash: what shall be done to which record, with which fields, for which reason, and
in which state the record was when its author looked. Whoever approves names that hash. Only then is it done, in the
same transaction, and the log tells both. The database refuses it otherwise (registry.guards).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from django.apps import apps
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext

from checks import packs as checks_packs
from checks.models import Vantage
from checks.packs import BadPack, Files
from checks.vantages import Admission, NotAdmitted
from registry import documents, editing, log, merging, moderation, packs
from registry.editing import Changed, NotPossible
from registry.ledger.tree import canonical
from registry.models import Act, Approval, LogEntry, Prepared, Proposal, PublicCopy, Resource, Trial
from registry.models.proposal import ANY
from registry.models.withdrawal import Withdrawable
from registry.moderation import key_id
from registry.papers import marks

Operation = Proposal.Operation
State = Proposal.State
Content = Mapping[str, Any]

NOWHERE = -1
# What changes more than one table, so that any guarded one may be written; and what an editor needs for it.
OF_MANY: Mapping[Operation, str] = {
    Operation.MERGE: "registry.change_resource",
    Operation.PUBLISH: "registry.change_act",
    Operation.REDACT: "registry.change_act",
    Operation.PACK: "registry.change_act",
    Operation.ADMIT: "checks.change_ruleset",  # whoever decides what public states rest on
    Operation.REVOKE: "checks.change_ruleset",
}


OF_A_PAPER = frozenset({Operation.PUBLISH, Operation.REDACT})


class OwnProposal(NotPossible):
    """Who proposed it cannot approve it."""


class Waits(NotPossible):
    """It was proposed already, as `row`."""

    def __init__(self, row: Proposal) -> None:
        told = gettext("It was proposed already, as proposal %(number)d, which waits: decide on that one.")
        super().__init__(told % {"number": row.pk})
        self.row = row


# --- proposing


def propose(
    operation: Operation,
    record: models.Model | type[models.Model] | None,
    fields: Content,
    *,
    by: User | None,
    reason: str,
    seen: str = "",
) -> Proposal:
    """Put it before a second person. It is tried first, and whatever would be wrong with it is raised.

    `record`: the row that it changes, the table that it adds to, or None for more than one table. `seen`: the state
    that the author looked at (`editing.state_of`), where that may be older than this moment. A probe location that is
    to be admitted just so already, or is, is not proposed again: answers with the row that there is.
    Raises NoReason, Waits, NotPossible, ValidationError by field.
    """
    reason = editing.checked(reason)
    if operation == Operation.ADMIT and (same := _same_admission(fields)):
        return same
    fields, data = _drawn(operation, record, fields)
    with transaction.atomic():
        return _put(_made(operation, record, fields, by, reason, seen), data)


def _same_admission(fields: Content) -> Proposal | None:
    """That waits, or was the last one that was agreed to for a vantage that is still admitted with this key."""
    rows = Proposal.objects.filter(operation=Operation.ADMIT, state__in=[State.WAITING, State.DONE])
    of_it = [row for row in rows if row.told["fields"]["name"] == fields["name"]]
    admitted = Vantage.objects.filter(name=fields["name"], public_key=fields["key"], state=Vantage.State.ADMITTED)
    last = next((row for row in of_it if row.state == State.DONE), None) if admitted.exists() else None
    waiting = [row for row in of_it if row.state == State.WAITING]
    return next((row for row in (*waiting, last) if row and row.told["fields"] == fields), None)


def _drawn(operation: Operation, record: Any, fields: Content) -> tuple[Content, bytes]:
    """What is proposed; of a paper that is to be blackened with its copy as it would be, and the hash of that.

    It takes seconds, so no transaction should wait for it.
    """
    if operation != Operation.REDACT:
        return fields, b""
    try:
        made = documents.drawn(_copy(record), marks.of(fields["marks"]))
    except documents.NotTaken as refused:
        raise NotPossible(str(refused)) from refused
    return {**fields, "copy": made.sha256}, made.data


def _put(row: Proposal, data: bytes) -> Proposal:
    """Inside a transaction, which what is raised ends."""
    if row.operation in OF_A_PAPER and (same := _waiting_of(row)):
        raise Waits(same)
    row.save()
    if data:
        Prepared.objects.create(proposal=row, sha256=hashlib.sha256(data).hexdigest(), data=data)
    tried(lambda: _carry_out(row, _hands(row)))
    return row


def propose_pack(
    country: str, root: Path, *, by: User | None, reason: str = ""
) -> tuple[Proposal | None, packs.Loaded]:
    """Put a country pack before others, with all that it would change, for which it is tried once.

    No proposal where nothing would change; the one that waits where the very same files were proposed already.
    Raises BadPack, NoReason.
    """
    files = checks_packs.files(country, root)
    fields = {"country": country, "folder": str(root.resolve()), "sha256": packs.sha256_of(files)}
    waiting = Proposal.objects.filter(operation=Operation.PACK, state=State.WAITING)
    if same := next((one for one in waiting if one.told["fields"] == fields), None):
        return same, changes_of(same)
    reason = editing.checked(reason or f"country pack {country}")
    with transaction.atomic():
        row, moment = _made(Operation.PACK, None, fields, by, reason, ""), _moment()
        loaded: packs.Loaded = tried(lambda: packs.load_files(country, files))
        if not loaded.differences:
            return None, loaded
        row.save()
        _keep(row, moment, loaded)
    return row, loaded


def changes_of(row: Proposal) -> packs.Loaded:
    """What a pack would change if it were agreed to now: tried anew only where the record changed since that was done.

    Raises Changed, NotPossible.
    """
    fields = row.told["fields"]
    files = _files(fields)
    moment = _moment()
    kept = Prepared.objects.filter(proposal=row).first()
    if kept and (found := json.loads(bytes(kept.data)))["moment"] == moment:
        differences = [packs.Difference(**one) for one in found["differences"]]
        return packs.Loaded(found["counts"], found["models"], differences)
    loaded: packs.Loaded = tried(lambda: _loaded(fields["country"], files))
    with transaction.atomic():
        if Proposal.objects.select_for_update().filter(pk=row.pk, state=State.WAITING):
            _keep(row, moment, loaded)
    return loaded


def _moment() -> str:
    """Another one as soon as the record changed. Address ranges are in no entry of the log."""
    last = LogEntry.objects.order_by("-pk").values_list("pk", flat=True).first()
    return f"{last} {Proposal.objects.filter(operation=Operation.PACK, state=State.DONE).count()}"


def _keep(row: Proposal, moment: str, loaded: packs.Loaded) -> None:
    all_of_it = {"counts": loaded.counts, "models": loaded.models, "differences": list(map(vars, loaded.differences))}
    data = json.dumps({"moment": moment, **all_of_it}).encode()
    told = {"sha256": hashlib.sha256(data).hexdigest(), "data": data}
    Prepared.objects.update_or_create(proposal=row, defaults=told)


def preview(
    operation: Operation, record: Any, fields: Content, *, by: User, reason: str, seen: str = ""
) -> list[dict[str, Any]]:
    """What the log would tell of it. Raises as `propose` does."""
    row = _made(operation, record, fields, by, editing.checked(reason), seen)
    return told_of(row)


def told_of(row: Proposal) -> list[dict[str, Any]]:
    """What the log would tell of a proposal if it were approved now. Raises what keeps it from that."""
    by = _hands(row)
    return cast(list[dict[str, Any]], tried(lambda: editing.preview(lambda: _carry_out(row, by), by=by)))


def seen_after(row: Proposal, look: Callable[[models.Model | None], Any]) -> Any:
    """What `look` finds where the proposal is approved, at the record. Raises what keeps it from that."""
    return tried(lambda: look(_carry_out(row, _hands(row))))


def tried(act: Callable[[], Any]) -> Any:
    """Do it and undo it. The database lets nothing of a trial be committed."""
    with transaction.atomic():
        Trial.objects.create(never_id=NOWHERE)
        found = act()
        transaction.set_rollback(True)
    return found


def _made(operation: Operation, record: Any, fields: Content, by: User | None, reason: str, seen: str) -> Proposal:
    row = record if isinstance(record, models.Model) else None
    content = {
        "operation": str(operation),
        "record": log.subject_of(row) if row else _name_of(record),
        "fields": fields,
        "reason": reason,
        "seen": seen or (_key_of(fields["name"]) if operation == Operation.ADMIT else _state_of(row)),
        "head": _head_of(row),
    }
    text = canonical(content)
    return Proposal(
        operation=operation,
        record_type=ANY if operation in OF_MANY else _name_of(record),
        record_id=row.pk if row else None,
        content=text.decode(),
        sha256=hashlib.sha256(text).hexdigest(),
        author=by,
    )


def _name_of(record: Any) -> str:
    return str(record._meta.model_name) if record is not None else ANY


def _state_of(row: models.Model | None) -> str:
    return editing.state_of(row) if isinstance(row, Withdrawable) and type(row) in editing.EDITABLE else ""


def _key_of(name: str) -> str:
    """The public key of the vantage that is admitted under a name: whoever agrees to another renews this one."""
    admitted = Vantage.objects.filter(name=name, state=Vantage.State.ADMITTED)
    return admitted.values_list("public_key", flat=True).first() or ""


def _head_of(row: models.Model | None) -> str:
    """The leaf of the last entry that the log has of it."""
    if row is None:
        return ""
    last = LogEntry.objects.filter(subject=log.subject_of(row)).order_by("-id").values_list("leaf", flat=True)
    return last.first() or ""


# --- deciding


@transaction.atomic
def approve(proposal: Proposal, *, sha256: str, by: User) -> models.Model | None:
    """Agree to exactly what has this hash. With the last approval that it needs it is done; answers with the record.

    Raises Changed, OwnProposal, NotPossible, NoReason, ValidationError by field; then nothing is done, nor agreed to.
    """
    row = _waiting(proposal)
    if sha256 != row.sha256:
        raise Changed(gettext("This is not what you looked at. Look at it again before you decide."))
    if by == row.author:
        raise OwnProposal(gettext("You proposed it yourself: another person has to agree."))
    if has_left(row):
        raise NotPossible(
            gettext("Who proposed it may not do so any more. Take it over, and let another person agree.")
        )
    if row.approvals.filter(approver=by).exists():
        raise NotPossible(gettext("You agreed to it already: another person has to agree too."))
    _check_unchanged(row)
    Approval.objects.create(proposal=row, sha256=sha256, author=row.author, approver=by)
    if row.approvals.filter(approver__is_active=True).count() < needed(row):  # who left since agrees to nothing
        return None
    row.state, row.never_id = State.CARRYING, NOWHERE
    row.save(update_fields=["state", "never"])
    done = _carry_out(row, _hands(row))
    row.made_id = done.pk if done and row.record_id is None else None
    row.state, row.never_id, row.closed_at = State.DONE, None, timezone.now()
    row.save(update_fields=["state", "never", "made_id", "closed_at"])
    Prepared.objects.filter(proposal=row).delete()
    return done


def needed(row: Proposal) -> int:
    """Approvals. Of whoever proposed it at the command line nobody knows who it was. The database has the same rule."""
    return 1 if row.author else 2


@transaction.atomic
def refuse(proposal: Proposal, *, by: User, reason: str) -> None:
    """Raises NoReason, NotPossible, ValidationError."""
    row = _waiting(proposal)
    if by == row.author:
        raise OwnProposal(gettext("You proposed it yourself: take it back."))
    _close(row, State.REFUSED, editing.checked(reason))


@transaction.atomic
def take_back(proposal: Proposal, *, by: User) -> None:
    row = _waiting(proposal)
    if by != row.author:
        raise NotPossible(gettext("Another person proposed it: refuse it with a reason."))
    _close(row, State.TAKEN_BACK, "")


@transaction.atomic
def take_over(proposal: Proposal, *, by: User) -> Proposal:
    """Propose the same as one's own, where the author has left. Raises as `propose` does."""
    row = _waiting(proposal)
    if not has_left(row):
        raise NotPossible(gettext("Who proposed it is still an editor."))
    _check_unchanged(row)
    content = row.told
    prepared = Prepared.objects.filter(proposal=row).first()
    data = bytes(prepared.data) if prepared else b""
    _close(row, State.REFUSED, gettext("Taken over by another editor."))
    return _put(_made(Operation(row.operation), _record_of(row), content["fields"], by, content["reason"], ""), data)


def _close(row: Proposal, state: State, answer: str) -> None:
    row.state, row.answer, row.closed_at = state, answer, timezone.now()
    row.save(update_fields=["state", "answer", "closed_at"])
    Prepared.objects.filter(proposal=row).delete()


def _waiting(proposal: Proposal) -> Proposal:
    row = Proposal.objects.select_for_update(of=("self",)).select_related("author").get(pk=proposal.pk)
    if row.state != State.WAITING:
        raise NotPossible(gettext("It was decided already: someone was faster."))
    return row


def is_outdated(row: Proposal) -> bool:
    """The record is not what the author looked at."""
    content = row.told
    if row.operation == Operation.ADMIT:
        return bool(content["seen"] != _key_of(content["fields"]["name"]))
    if row.record_id is None:
        return False
    record = _record_of(row)
    return not isinstance(record, models.Model) or (content["seen"], content["head"]) != (
        _state_of(record),
        _head_of(record),
    )


def _check_unchanged(row: Proposal) -> None:
    if is_outdated(row):
        raise Changed(
            gettext("The entry was changed since this was proposed. It has to be looked at and proposed anew.")
        )


def _hands(row: Proposal) -> str:
    """The author first, then who agreed."""
    approvers = [one.approver for one in row.approvals.select_related("approver")] if row.pk else []
    return "+".join(key_id(one) if one else "operator" for one in (row.author, *approvers))


# --- who may


def permission_for(row: Proposal) -> str:
    """What an editor needs to be allowed to propose it, or to agree to it."""
    return OF_MANY.get(Operation(row.operation), f"registry.change_{row.record_type}")


def has_left(row: Proposal) -> bool:
    """Its author has no account any more, or another role."""
    return row.author is not None and not (row.author.is_active and row.author.has_perm(permission_for(row)))


# --- what waits that is like it


def alike(model: type[models.Model], fields: Content) -> tuple[list[Act], list[Proposal]]:
    """Acts that the register has, and proposals that wait, of the same number and day as a new act."""
    number = str(fields.get("number") or "").strip()
    if model is not Act or not number:
        return [], []
    same_day = Q(date=fields.get("date") or "") | Q(date="")
    acts = list(Act.objects.standing().filter(same_day if fields.get("date") else Q(), number__iexact=number)[:5])
    waiting = Proposal.objects.filter(state=State.WAITING, operation=Operation.CREATE, record_type="act")
    return acts, [one for one in waiting if _same_number(one.told["fields"], number)]


def _waiting_of(row: Proposal) -> Proposal | None:
    """One to publish the same copy, or to make the same of it. Two who propose at once come here one by one."""
    list(PublicCopy.objects.select_for_update().filter(pk=row.record_id or 0).values_list("pk"))
    waiting = Proposal.objects.filter(state=State.WAITING, operation=row.operation, record_id=row.record_id)
    made = row.told["fields"].get("copy")
    return next((one for one in waiting if one.told["fields"].get("copy") == made), None)


def _same_number(fields: Content, number: str) -> bool:
    return str(fields.get("number") or "").strip().casefold() == number.casefold()


# --- carrying out


def _record_of(row: Proposal) -> Any:
    """The record, the table of a new one, or None."""
    name, _slash, pk = row.told["record"].partition("/")
    if name == ANY:
        return None
    model = apps.get_model("registry", name)
    if not pk:
        return model
    found = model._base_manager.filter(pk=int(pk)).first()
    if found is None:
        raise Changed(gettext("It is no longer there. Look it up again."))
    return found


def _carry_out(row: Proposal, by: str) -> models.Model | None:
    content = row.told
    return _ACTS[Operation(row.operation)](_record_of(row), content, by)


def _create(model: type[Withdrawable], content: Content, by: str) -> models.Model:
    return editing.create(model, content["fields"], by=by, reason=content["reason"])


def _correct(record: Any, content: Content, by: str) -> models.Model:
    if not editing.correct(record, content["fields"], by=by, reason=content["reason"], seen=content["seen"]):
        raise NotPossible(gettext("Nothing would change: it says so already."))
    return cast(models.Model, record)


def _withdraw(record: Any, content: Content, by: str) -> models.Model:
    editing.withdraw(record, by=by, reason=content["reason"])
    return cast(models.Model, record)


def _restore(record: Any, content: Content, by: str) -> models.Model:
    editing.restore(record, by=by, reason=content["reason"])
    return cast(models.Model, record)


def _merge(record: Any, content: Content, by: str) -> models.Model:
    fields = content["fields"]
    into = Resource.objects.filter(pk=fields["into"]).first()
    if into is None:
        raise Changed(gettext("It is no longer there. Look it up again."))
    try:
        return merging.merge(record, into, by=by, reason=content["reason"], across_types=fields["across_types"])
    except merging.OtherType:
        raise
    except merging.NotMerged as refused:
        raise NotPossible(str(refused)) from refused


def _copy(record: Any) -> PublicCopy:
    return cast(PublicCopy, record)


def _publish(record: Any, content: Content, by: str) -> models.Model:
    copy, fields = _copy(record), dict(content["fields"])
    acts = _by_key(Act, fields.pop("acts"))
    return documents.publish(copy.original, acts=acts, seen=copy.sha256, by=by, reason=content["reason"], **fields)


def _redact(record: Any, content: Content, by: str) -> models.Model:
    copy, fields = _copy(record), content["fields"]
    data = _prepared(fields.get("copy", ""))
    told: Mapping[str, Any] = {"by": by, "reason": content["reason"], "at": timezone.now()}
    try:
        return documents.replace(copy, data, marks.of(fields["marks"]), **told)
    except documents.NotTaken as refused:
        raise NotPossible(str(refused)) from refused


def _prepared(sha256: str) -> bytes:
    """The very bytes that have this hash. Raises NotPossible."""
    found = Prepared.objects.filter(sha256=sha256).first()
    if found is None or hashlib.sha256(found.data).hexdigest() != sha256:
        raise NotPossible(gettext("The blackened copy that was proposed is not there. Propose it anew."))
    return bytes(found.data)


def copy_of(row: Proposal) -> tuple[str, bytes]:
    """Media type and bytes of the copy that the public would have if a paper's proposal were approved.

    Raises Changed, NotPossible.
    """
    copy = _copy(_record_of(row))
    if row.operation == Operation.REDACT:
        return copy.media_type, _prepared(row.told["fields"].get("copy", ""))
    if copy.data is None:
        raise Changed(gettext("Somebody else blackened it meanwhile. Look at the new copy."))
    return copy.media_type, bytes(copy.data)


def _pack(record: None, content: Content, by: str) -> None:
    country, sha256 = content["fields"]["country"], content["fields"]["sha256"]
    _loaded(country, _files(content["fields"]), f"country pack {country}, SHA-256 {sha256}, agreed by {by}")


def _files(fields: Content) -> Files:
    """The files of a pack, as they are loaded then. Raises Changed, NotPossible."""
    try:
        found = checks_packs.files(fields["country"], Path(fields["folder"]))
    except BadPack as refused:
        raise NotPossible(str(refused)) from refused
    if packs.sha256_of(found) != fields["sha256"]:
        raise Changed(gettext("The files of the pack are not the ones that were proposed."))
    return found


def _loaded(country: str, files: Files, reason: str = "") -> packs.Loaded:
    try:
        return packs.load_files(country, files, reason=reason)
    except BadPack as refused:  # they were right when they were proposed; the program has changed since
        raise NotPossible(str(refused)) from refused


def _admit(record: None, content: Content, by: str) -> models.Model:
    try:
        return moderation.admit_vantage(Admission(**content["fields"]), by=by, reason=content["reason"])
    except NotAdmitted as refused:
        raise NotPossible(str(refused)) from refused


def _revoke(record: None, content: Content, by: str) -> models.Model:
    try:
        return moderation.revoke_vantage(content["fields"]["vantage"], by=by, reason=content["reason"])
    except NotAdmitted as refused:
        raise NotPossible(str(refused)) from refused


def _by_key(model: type[Act], keys: Iterable[str]) -> list[Act]:
    found = {one.key: one for one in model.objects.filter(key__in=list(keys))}
    if missing := [key for key in keys if key not in found]:
        raise ValidationError({"acts": gettext("There is no act of this key: %(key)s.") % {"key": ", ".join(missing)}})
    return list(found.values())


_ACTS: Mapping[Operation, Callable[[Any, Content, str], models.Model | None]] = {
    Operation.CREATE: _create,
    Operation.CORRECT: _correct,
    Operation.WITHDRAW: _withdraw,
    Operation.RESTORE: _restore,
    Operation.MERGE: _merge,
    Operation.PUBLISH: _publish,
    Operation.REDACT: _redact,
    Operation.PACK: _pack,
    Operation.ADMIT: _admit,
    Operation.REVOKE: _revoke,
}
