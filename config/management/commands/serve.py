"""`manage.py serve`: the site, its worker and its beat in one process, on the machine's own network."""

from argparse import ArgumentParser
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from config.embedded import HOST, Embedded, Refusal, Stop, check_port


class Command(BaseCommand):
    help = "Run web, worker and beat in one process; probes connect to the same broker."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *args: Any, **options: Any) -> None:
        stop = Stop()
        try:
            check_port(options["port"])
            call_command("migrate", verbosity=0)
            with Embedded(options["port"]):
                self.stdout.write(f"The register answers at http://{HOST}:{options['port']}/ until Ctrl-C.")
                while not stop.wait(1):
                    pass
        except Refusal as error:
            raise CommandError(str(error)) from error
