"""`manage.py admit_vantage NAME --asn N --role access|control --key HEX`: propose a probe location."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from checks.models import Vantage
from registry.management import proposing
from registry.proposals import Operation


class Command(BaseCommand):
    help = "Propose to admit a probe location, or to renew its key."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="small letters, digits and '-'; its queue is probe.NAME")
        parser.add_argument("--asn", type=int, required=True, help="the network it stands in, for example 9198")
        parser.add_argument("--role", choices=Vantage.Role.values, required=True)
        parser.add_argument(
            "--key", required=True, help="public key, as `python -m checks.probe --make-key` printed it"
        )
        parser.add_argument("--region", default="", help="ISO 3166-2, for example KZ-75")
        parser.add_argument("--takes-unreviewed", action="store_true", help="may visit names that no editor has seen")
        parser.add_argument("--reason", default="admitted by the operator", help="for the public log")

    def handle(self, *args: Any, **options: Any) -> None:
        fields = {
            "name": options["name"],
            "asn": options["asn"],
            "role": options["role"],
            "key": options["key"].strip().lower(),
            "region": options["region"],
            "takes_unreviewed": options["takes_unreviewed"],
        }
        self.stdout.write(proposing.propose(Operation.ADMIT, None, fields, options["reason"]))
