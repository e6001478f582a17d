"""`manage.py work QUEUE…`: work queues until stopped, and come back whatever the broker does."""

import os
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from checks.probe.progress import Progress
from config import workers


class Command(BaseCommand):
    help = "Work queues until stopped. Results are recorded by a worker of their own, which knows no other task."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("queues", nargs="+", choices=settings.QUEUES)
        parser.add_argument("--threads", type=int, default=2, help="pieces of work at a time (2)")
        parser.add_argument("--progress", type=Path, help="what the supervised worker touches while it gets on")

    def handle(self, *args: Any, **options: Any) -> None:
        queues = sorted(set(options["queues"]))
        if workers.RESULTS in queues and len(queues) > 1:
            raise CommandError("results are recorded by a worker of their own: start one more for the other queues")
        if options["progress"]:
            self._work(queues, options["threads"], options["progress"])
        else:
            _supervise(queues, options["threads"])

    def _work(self, queues: list[str], threads: int, progress: Path) -> None:
        app = workers.application(queues)
        worker = workers.worker(app, queues, threads)
        Progress(app, workers.names(queues), progress).start()
        worker.start()
        sys.exit(worker.exitcode)


def _supervise(queues: list[str], threads: int) -> None:
    """Become the supervisor, which starts this command again as the worker."""
    folder = settings.VAR / "progress"
    folder.mkdir(exist_ok=True)
    progress = folder / f"{'-'.join(queues)}-{os.getpid()}"
    itself = [sys.executable, str(settings.BASE_DIR / "manage.py"), "work", *queues, "--threads", str(threads)]
    watch = [sys.executable, "-m", "checks.probe.supervising", "--progress", str(progress)]
    os.chdir(settings.BASE_DIR)
    os.execv(sys.executable, [*watch, *itself, "--progress", str(progress)])  # noqa: S606 (ourselves)
