"""The tables of the record, one subject a file."""

from registry.models.act import Act, ActRole
from registry.models.authority import Authority, Ground, Region
from registry.models.dispute import Dispute
from registry.models.event import Event
from registry.models.listing import Listing
from registry.models.log import LogEntry
from registry.models.report import Decision, Report
from registry.models.resource import Coverage, Resource
from registry.models.restriction import Restriction
from registry.models.source import Confidence, Source
from registry.models.standing import Standing, Tally
from registry.models.statement import Statement

__all__ = [
    "Act",
    "ActRole",
    "Authority",
    "Confidence",
    "Coverage",
    "Decision",
    "Dispute",
    "Event",
    "Ground",
    "Listing",
    "LogEntry",
    "Region",
    "Report",
    "Resource",
    "Restriction",
    "Source",
    "Standing",
    "Statement",
    "Tally",
]
