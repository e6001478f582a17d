"""The tables of the record, one subject a file."""

from registry.models.act import Act, ActRole
from registry.models.alarm import Alarm
from registry.models.authority import Authority, Ground, Region
from registry.models.category import Category
from registry.models.display import Display, strictest
from registry.models.dispute import Dispute
from registry.models.event import Event
from registry.models.former_address import FormerAddress
from registry.models.listing import Listing
from registry.models.log import LogEntry
from registry.models.report import Decision, Report
from registry.models.resource import Coverage, Resource
from registry.models.restriction import Restriction
from registry.models.source import Confidence, Source
from registry.models.statement import Statement

__all__ = [
    "Act",
    "ActRole",
    "Alarm",
    "Authority",
    "Category",
    "Confidence",
    "Coverage",
    "Decision",
    "Display",
    "Dispute",
    "Event",
    "FormerAddress",
    "Ground",
    "Listing",
    "LogEntry",
    "Region",
    "Report",
    "Resource",
    "Restriction",
    "Source",
    "Statement",
    "strictest",
]
