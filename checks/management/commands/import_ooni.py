"""`manage.py import_ooni FILE…`: take OONI's public measurements as evidence (docs/running.md)."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from checks import counting, judging
from checks.formats import ooni
from checks.management.progress import Progress
from checks.models import Import, Recount
from checks.verdict import archives

HERE = judging.COUNTRY.upper()


class Command(BaseCommand):
    help = (
        "Take OONI's web_connectivity measurements as evidence. Taking one again changes nothing; stop it at any time "
        "and begin it again. Exit code 1: something could not be read; the rest was taken."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "files",
            nargs="+",
            type=Path,
            metavar="FILE",
            help=".json, .jsonl, .tar, .gz of these, or a folder of such files",
        )
        chosen = parser.add_mutually_exclusive_group()
        chosen.add_argument(
            "--country",
            action="append",
            metavar="CC",
            help=f"of which probes, ISO 3166; may be given several times (default: {HERE})",
        )
        chosen.add_argument("--every-country", action="store_true", help="whatever country a probe was in")

    def handle(self, *args: Any, **options: Any) -> None:
        given = {code.upper() for code in options["country"] or [HERE]}
        countries = None if options["every_country"] else frozenset(given)
        paths = [inner for path in options["files"] for inner in archives.files(path)]
        manifests = self._take(paths, countries)
        self._count()
        taken, known, refused = ooni.summed(manifests)
        self.stdout.write(f"{taken} taken, {known} known already, {refused.total()} refused, of {len(manifests)} files")
        for reason, count in refused.most_common():
            self.stdout.write(f"  {count} refused: {reason}")
            examples = [place for one in manifests for place, why in one.examples if why == reason]
            self.stdout.write("".join(f"    {place}\n" for place in examples[:3]), ending="")
        if not all(manifest.whole for manifest in manifests):
            sys.exit(1)

    def _take(self, paths: list[Path], countries: frozenset[str] | None) -> list[Import]:
        sizes = [path.stat().st_size if path.is_file() else 0 for path in paths]
        progress, before, manifests = Progress(sys.stderr, sum(sizes), "bytes"), 0, []
        for path, size in zip(paths, sizes, strict=True):
            manifest = ooni.begin(path, at=timezone.now())
            for read in ooni.take(path, manifest, countries=countries, at=manifest.began_at):
                progress.show(before + read)
            before += size
            manifests.append(manifest)
            progress.end()
            self.stdout.write(
                f"{manifest}: {manifest.taken} taken, {manifest.known} known already, "
                f"{sum(manifest.refused.values())} refused; sha256 {manifest.sha256 or '-'}"
            )
        return manifests

    def _count(self) -> None:
        """Each cell once, however many of its measurements came."""
        progress = Progress(sys.stderr, Recount.objects.count(), "cells")
        for counted, _ in enumerate(counting.recount(at=timezone.now()), start=1):
            progress.show(counted)
        progress.end()
