"""`manage.py enrol_probe NAME --asn N --role access|control …`: invite a probe; its key is made on the probe."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from checks import vantages
from checks.models import Vantage
from registry import moderation
from registry.management import probes


class Command(BaseCommand):
    help = "Print a token with which a probe hands in its key, once and within a week; two people then admit it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        probes.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            token = moderation.invite_vantage(probes.admission(options, Vantage.Way.DOOR), at=timezone.now())
        except vantages.NotAdmitted as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"On the probe, once and until {timezone.localtime() + vantages.INVITED:%Y-%m-%d}:\n"
            f"  python -m checks.probe --enrol {settings.SITE_URL} --token {token} --name {options['name']}"
            f" --asn {options['asn']}{' --control' if options['role'] == Vantage.Role.CONTROL else ''}\n"
            "Then two editors admit it at the desk."
        )
