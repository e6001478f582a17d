"""What the commands that admit or invite a probe location ask for."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Mapping
from typing import Any

from checks.models import CONSENTS, Vantage
from checks.vantages import Admission


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("name", help="small letters, digits and '-', for example astana-1")
    parser.add_argument("--asn", type=int, required=True, help="the network it stands in, for example 9198")
    parser.add_argument("--role", choices=Vantage.Role.values, required=True)
    parser.add_argument("--region", default="", help="ISO 3166-2, for example KZ-75")
    parser.add_argument("--takes-unreviewed", action="store_true", help="may visit names that no editor has seen")
    parser.add_argument("--consent-on", default="", metavar="DAY", help="when its host agreed in writing")
    parser.add_argument(
        "--consent-version",
        default="",
        metavar="VERSION",
        help=f"of the text that the host agreed to (docs/probes.md): {', '.join(sorted(CONSENTS))}",
    )
    parser.add_argument(
        "--exclude", nargs="*", default=[], metavar="CATEGORY", help="categories that its host does not want visited"
    )


def admission(options: Mapping[str, Any], way: str) -> Admission:
    """Without a key."""
    return Admission(
        name=options["name"],
        asn=options["asn"],
        role=options["role"],
        region=options["region"],
        takes_unreviewed=options["takes_unreviewed"],
        way=way,
        consent_on=options["consent_on"],
        consent_version=options["consent_version"],
        excluded_categories=[category.upper() for category in options["exclude"]],
    )
