"""The tables of the record, one subject a file."""

from registry.models.act import Act, ActRole
from registry.models.authority import Authority, Ground, Region
from registry.models.candidate import Candidate, Mention
from registry.models.dispute import Dispute
from registry.models.event import Event
from registry.models.listing import Listing
from registry.models.log import LogEntry
from registry.models.report import Decision, Report
from registry.models.resource import Coverage, Resource
from registry.models.restriction import Restriction
from registry.models.snapshot import STATE_REGISTER, Snapshot, SnapshotFile
from registry.models.source import Confidence, Source
from registry.models.statement import Statement

__all__ = [
    "STATE_REGISTER",
    "Act",
    "ActRole",
    "Authority",
    "Candidate",
    "Confidence",
    "Coverage",
    "Decision",
    "Dispute",
    "Event",
    "Ground",
    "Listing",
    "LogEntry",
    "Mention",
    "Region",
    "Report",
    "Resource",
    "Restriction",
    "Snapshot",
    "SnapshotFile",
    "Source",
    "Statement",
]
