"""`manage.py admit_vantage NAME --asn N --role access|control --key HEX`: propose a probe location."""

from argparse import ArgumentParser
from dataclasses import asdict, replace
from typing import Any

from django.core.management.base import BaseCommand

from checks.models import Vantage
from registry.management import probes, proposing
from registry.proposals import Operation


class Command(BaseCommand):
    help = "Propose to admit a probe location, or to renew its key."

    def add_arguments(self, parser: ArgumentParser) -> None:
        probes.add_arguments(parser)
        parser.add_argument(
            "--key", required=True, help="public key, as `python -m checks.probe --make-key` printed it"
        )
        parser.add_argument("--way", choices=Vantage.Way.values, default=Vantage.Way.QUEUE, help="how work comes to it")
        parser.add_argument("--reason", default="admitted by the operator", help="for the public log")

    def handle(self, *args: Any, **options: Any) -> None:
        admission = replace(probes.admission(options, options["way"]), key=options["key"].strip().lower())
        self.stdout.write(proposing.propose(Operation.ADMIT, None, asdict(admission), options["reason"]))
