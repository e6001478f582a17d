"""The tables of the evidence. Machines write them; no row here knows who reported anything."""

from checks.models.archive import Archive
from checks.models.imports import Import
from checks.models.measurement import Certificate, Measurement
from checks.models.network import IMITATED, AddressRange, Network, address_key
from checks.models.parked import Parked
from checks.models.plan import Plan, Priority, Target
from checks.models.run import Round, Run
from checks.models.state import Cell, Episode, Recount, State
from checks.models.trouble import Tick, Trouble
from checks.models.vantage import CONSENTS, Enrolment, Nonce, Vantage, VantageQuerySet
from checks.models.verdict import Ruleset, Verdict
from checks.models.wave import Wave
from checks.models.witness import Witness

__all__ = [
    "CONSENTS",
    "IMITATED",
    "AddressRange",
    "Archive",
    "Cell",
    "Certificate",
    "Enrolment",
    "Episode",
    "Import",
    "Measurement",
    "Network",
    "Nonce",
    "Parked",
    "Plan",
    "Priority",
    "Recount",
    "Round",
    "Ruleset",
    "Run",
    "State",
    "Target",
    "Tick",
    "Trouble",
    "Vantage",
    "VantageQuerySet",
    "Verdict",
    "Wave",
    "Witness",
    "address_key",
]
