"""Bring lists of fingerprints into our form: `python -m checks.verdict.fingerprints FILE… --to FOLDER`.

A FILE is the CSV of ooni/blocking-fingerprints (.csv), or Censored Planet's false positives, a JSON object a
line. Rows that cannot be used are named and left out. The folder is for `python -m checks.verdict
--fingerprints FOLDER`; the lists belong to their makers, so it is not for the repository.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from checks.verdict.fingerprints import FALSE_POSITIVE, PAGES_FILE, Fingerprint, wrong

COLUMNS = ("id", "field", "kind", "pattern", "scope", "countries", "source")
_NEEDED = ("name", "scope", "location_found", "pattern_type", "pattern")
_SCOPES = {"fp": FALSE_POSITIVE}  # theirs → ours; the others are the same


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m checks.verdict.fingerprints", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--to", type=Path, required=True, metavar="FOLDER", help="where to write blockpages.csv")
    options = parser.parse_args(arguments)
    kept: dict[Fingerprint, str] = {}  # and the file that it is from
    left_out = 0
    try:
        for path in options.files:
            for place, found in _rows(path):
                if reason := found if isinstance(found, str) else wrong(found):
                    left_out += 1
                    print(f"{place}: left out: {reason}", file=sys.stderr)
                elif isinstance(found, Fingerprint):
                    kept.setdefault(found, path.name)
        _write(options.to / PAGES_FILE, kept)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        print(f"nothing was written: {error}", file=sys.stderr)
        return 1
    print(f"{len(kept)} fingerprints in {options.to / PAGES_FILE}; {left_out} rows were left out")
    return 0


def _rows(path: Path) -> Iterator[tuple[str, Fingerprint | str]]:
    """(where, the fingerprint or why there is none)."""
    with path.open(encoding="utf-8", newline="") as file:
        if path.suffix == ".csv":
            reader = csv.DictReader(file)
            if missing := [name for name in _NEEDED if name not in (reader.fieldnames or ())]:
                yield f"{path}", f"no CSV of ooni/blocking-fingerprints: without {', '.join(missing)}"
                return
            for row in reader:
                yield f"{path}:{reader.line_num}", _of_ooni(row)
        else:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield f"{path}:{number}", _of_censored_planet(line)


def _of_ooni(row: dict[str, str | None]) -> Fingerprint | str:
    name, scope, field, kind, pattern = (row.get(column) or "" for column in _NEEDED)
    if not name or kind not in ("full", "prefix", "contains", "regexp"):
        return f"no row of ooni/blocking-fingerprints: {', '.join(_NEEDED)} are its columns"
    countries = frozenset((row.get("expected_countries") or "").upper().replace(",", " ").split())
    return Fingerprint(name, field, pattern, _SCOPES.get(scope, scope), kind, countries)


def _of_censored_planet(line: str) -> Fingerprint | str:
    try:
        row = json.loads(line)
        name, pattern = row["fingerprint"], row["pattern"]
    except (ValueError, KeyError, TypeError, RecursionError):
        name = pattern = None
    if not (isinstance(name, str) and isinstance(pattern, str)):  # whatever else it is, as a text it would match pages
        return 'no JSON object with "fingerprint" and "pattern", which are texts'
    return Fingerprint(name, "body", pattern, FALSE_POSITIVE, "regexp")


def _write(path: Path, kept: Mapping[Fingerprint, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for one, source in kept.items():
            writer.writerow(
                (one.id, one.field, one.kind, one.pattern, one.scope, " ".join(sorted(one.countries)), source)
            )


if __name__ == "__main__":
    sys.exit(main())
