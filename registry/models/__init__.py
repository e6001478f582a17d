"""The tables of the record, one subject a file."""

from registry.models.act import Act, ActRole
from registry.models.alarm import Alarm
from registry.models.appeal import Appeal
from registry.models.authority import Authority, Ground, Lineage, Region
from registry.models.candidate import Candidate, Mention
from registry.models.category import Category
from registry.models.deadline import Deadline, Holiday
from registry.models.display import Display, strictest
from registry.models.dispute import Dispute
from registry.models.document import Document, Original, PublicCopy
from registry.models.erratum import Erratum
from registry.models.event import Event
from registry.models.field_source import FieldSource
from registry.models.figure import OfficialFigure
from registry.models.former_address import FormerAddress
from registry.models.hiding import Hiding
from registry.models.lease import Lease
from registry.models.listing import Listing
from registry.models.log import LogEntry, PrivatePart
from registry.models.notice import Notice
from registry.models.problem import ProblemReport
from registry.models.proposal import Approval, Prepared, Proposal, Trial
from registry.models.report import Decision, Report
from registry.models.request import InformationRequest, RequestStep
from registry.models.resource import Coverage, Resource
from registry.models.restriction import Restriction, RestrictionRole
from registry.models.snapshot import STATE_REGISTER, Snapshot, SnapshotFile
from registry.models.source import Confidence, Source
from registry.models.standing import Standing, Tally
from registry.models.statement import Statement

__all__ = [
    "STATE_REGISTER",
    "Act",
    "ActRole",
    "Alarm",
    "Appeal",
    "Approval",
    "Authority",
    "Candidate",
    "Category",
    "Confidence",
    "Coverage",
    "Deadline",
    "Decision",
    "Display",
    "Dispute",
    "Document",
    "Erratum",
    "Event",
    "FieldSource",
    "FormerAddress",
    "Ground",
    "Hiding",
    "Holiday",
    "InformationRequest",
    "Lease",
    "Lineage",
    "Listing",
    "LogEntry",
    "Mention",
    "Notice",
    "OfficialFigure",
    "Original",
    "Prepared",
    "PrivatePart",
    "ProblemReport",
    "Proposal",
    "PublicCopy",
    "Region",
    "Report",
    "RequestStep",
    "Resource",
    "Restriction",
    "RestrictionRole",
    "Snapshot",
    "SnapshotFile",
    "Source",
    "Standing",
    "Statement",
    "Tally",
    "Trial",
    "strictest",
]
