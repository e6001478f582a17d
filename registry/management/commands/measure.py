"""`manage.py measure`: put names on the plan that measures the register, and make it due now."""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from checks import planning
from checks.engine.names import BadName, parse
from checks.models import Plan, Target

LONGEST = 24 * 366  # hours: what is measured less than once a year is not measured regularly


class Command(BaseCommand):
    help = "Measure names regularly, from every admitted access vantage, beginning now."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("names", nargs="*", metavar="NAME", help="domains or URLs that the register has")
        parser.add_argument("--all", action="store_true", help="every target of the register")
        parser.add_argument("--every", type=_hours, metavar="HOURS", help="how often, from now on")

    def handle(self, *args: Any, **options: Any) -> None:
        targets = list(Target.objects.filter(coverage__isnull=False).distinct()) if options["all"] else []
        for text in options["names"]:
            try:
                url = parse(text).url
            except BadName as error:
                raise CommandError(f"{text}: {error}") from error
            found = Target.objects.filter(url=url).first()
            if found is None:
                raise CommandError(f"{url} is not in the register: report it at the site and accept the report first")
            targets.append(found)
        if not targets:
            raise CommandError("name what to measure, or say --all")
        plan = planning.measure_regularly(*targets)
        changes: dict[str, Any] = {"due_at": timezone.now()}
        if options["every"]:
            changes["period"] = timedelta(hours=options["every"])
        Plan.objects.filter(pk=plan.pk).update(**changes)
        vantages = plan.vantages.count()
        self.stdout.write(f"{plan.targets.count()} targets are planned from {vantages} vantages, beginning now")


def _hours(text: str) -> float:
    try:
        hours = float(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no number of hours, such as 6 or 0.5") from None
    if not 0 < hours <= LONGEST:  # of what is no number neither is true
        raise ArgumentTypeError(f"{text!r} is not between 0 and {LONGEST} hours")
    return hours
