"""The tables of the record, one subject a file."""

from registry.models.act import Act, ActRole
from registry.models.authority import Authority, Ground, Region
from registry.models.deadline import Deadline, Holiday
from registry.models.dispute import Dispute
from registry.models.event import Event
from registry.models.listing import Listing
from registry.models.log import LogEntry
from registry.models.report import Decision, Report
from registry.models.request import InformationRequest, RequestStep
from registry.models.resource import Coverage, Resource
from registry.models.restriction import Restriction
from registry.models.source import Confidence, Source
from registry.models.statement import Statement

__all__ = [
    "Act",
    "ActRole",
    "Authority",
    "Confidence",
    "Coverage",
    "Deadline",
    "Decision",
    "Dispute",
    "Event",
    "Ground",
    "Holiday",
    "InformationRequest",
    "Listing",
    "LogEntry",
    "Region",
    "Report",
    "RequestStep",
    "Resource",
    "Restriction",
    "Source",
    "Statement",
]
