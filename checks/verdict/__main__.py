"""Judge measurements: `python -m checks.verdict FILE… [--ooni] [--explain] [--fingerprints FOLDER]`.

A FILE holds JSON: one document, a list, or one document a line; .gz and .tar of these are read too, as
a stream, and nothing in one may be larger than 32 MB. A document is what the register publishes:
/api/v1/measurements/ID, or a line of /api/v1/measurements?format=jsonl&records=1. It is also
{"measurement": {...}, "controls": [{...}, ...]} of records, one record alone, or a web_connectivity
measurement of OONI. One JSON line is printed for each; a row of a control has no verdict and is passed over.
What cannot be read becomes an `inconclusive` line with the reason, and the exit code 1.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, get_args

from checks.engine.records import Measurement
from checks.verdict import archives, facts, ooni
from checks.verdict.facts import UNKNOWN, Setting
from checks.verdict.fingerprints import References
from checks.verdict.judge import Language, conclude, explain
from checks.verdict.rules import RULESET, Verdict
from checks.verdict.trace import trace

PACK = Path(__file__).resolve().parent.parent / "countries" / "kz"
# A file from elsewhere may hold anything; a wrong type deep inside a record is found only when it is used.
UNREADABLE = (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RecursionError)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        references = References.load(options.references, *options.fingerprints)
    except (OSError, ValueError) as error:
        parser.error(f"the fingerprints cannot be read: {error}")
    language = options.language if options.explain else None
    readable, controls = True, 0
    for path in options.files:
        for place, document in _documents(path):
            if isinstance(document, dict) and document.get("control") is True and "record" in document:
                controls += 1
                continue
            line = _line(place, document, references, language, is_ooni=options.ooni)
            readable = readable and "error" not in line
            # A file may hold half a character, which no terminal takes.
            said = json.dumps(line, ensure_ascii=False).encode("utf-8", "backslashreplace").decode("utf-8")
            print(said, flush=True)
    if controls:
        print(f"passed over: {controls} measurements of controls, which have no verdict of their own", file=sys.stderr)
    return 0 if readable else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m checks.verdict", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--ooni", action="store_true", help="take every document for one of OONI's; else it is seen")
    parser.add_argument(
        "--explain",
        action="store_true",
        help="add the sentence that readers see, the facts that led there, and why other rules did not apply",
    )
    parser.add_argument("--language", choices=get_args(Language), default="en")
    parser.add_argument("--references", type=Path, default=PACK, help="a country pack's folder (default: %(default)s)")
    parser.add_argument(
        "--fingerprints",
        type=Path,
        action="append",
        default=[],
        metavar="FOLDER",
        help="further fingerprints, as `python -m checks.verdict.fingerprints` writes them",
    )
    return parser


def _documents(path: Path) -> Iterator[tuple[str, Any]]:
    """(where, document); in a document's stead the error that kept it from being read."""
    name = str(path) if path.name.endswith(archives.SUFFIXES) else f"{path}.json"
    try:
        with path.open("rb") as file:
            for found in archives.documents(file, name):
                yield found.place, ValueError(found.error) if found.error else found.document
    except OSError as error:
        yield str(path), ValueError(archives.in_words(error))


def _line(
    place: str, document: Any, references: References, language: Language | None, *, is_ooni: bool
) -> dict[str, Any]:
    try:
        if isinstance(document, Exception):
            raise document
        subject, measurement, controls, setting = _read(document, is_ooni or ooni.is_ooni(document))
        drawn = facts.of(measurement, controls, references, setting)
        judgement = conclude(drawn, measurement.trust_store, references.revision)
    except UNREADABLE as error:
        return {**_answer(place, Verdict.INCONCLUSIVE), "notes": ["unreadable"], "error": _in_words(error)}
    line = {
        **_answer(subject, judgement.verdict),
        "mechanism": judgement.mechanism,
        "rule": judgement.rule,
        "confidence": judgement.confidence,
        "notes": list(judgement.notes),
        "measurement": measurement.id,
    }
    if language is None:
        return line
    traced = trace(drawn)
    return {
        **line,
        "sentence": explain(drawn, judgement, language),
        "because": list(traced.facts),
        "not_applied": [f"{rule}: {fact}" for rule, fact in traced.missed],
    }


def _answer(subject: str, verdict: Verdict) -> dict[str, Any]:
    return {
        "input": subject,
        "verdict": verdict,
        "mechanism": None,
        "rule": None,
        "ruleset": RULESET,
        "confidence": "low",
        "notes": [],
    }


def _read(document: Any, is_ooni: bool) -> tuple[str, Measurement, Sequence[Measurement], Setting]:
    if is_ooni:
        found = ooni.read(document)
        return found.input, found.measurement, found.controls, found.setting
    measurement, controls = _ours(document)
    return measurement.url, measurement, controls, _setting(document.get("setting"))


def _setting(document: Any) -> Setting:
    """The API tells it of what was imported."""
    if document is None:
        return UNKNOWN
    if not isinstance(document, dict) or not isinstance(document.get("networks", {}), dict):
        raise ValueError('"setting" has another form')
    return Setting(**document)


def _ours(document: Any) -> tuple[Measurement, Sequence[Measurement]]:
    if not isinstance(document, dict):
        raise ValueError("a measurement is a JSON object, and this is none")
    if "results" in document and "next" in document:
        raise ValueError("a page of the API's table holds no records: take /measurements/ID, or format=jsonl&records=1")
    if "record" not in document and "measurement" not in document:
        if "queries" not in document and "vantage" in document:
            raise ValueError("a row of the API's table holds no record: ask for it with format=jsonl&records=1")
        return _record(document), []
    record = document.get("record", document.get("measurement"))
    controls = document.get("controls") or []
    if record is None:
        raise ValueError("the record of this measurement is not published: it would give the name of the site away")
    if not isinstance(controls, list):
        raise ValueError('"controls" is no list')
    return _record(record), [_record(control) for control in controls]


def _record(document: Any) -> Measurement:
    if not isinstance(document, dict):
        raise ValueError("a record of a measurement is a JSON object, and this is none")
    needed = [field.name for field in fields(Measurement) if field.default is MISSING]
    if missing := [name for name in [*needed, "format"] if name not in document]:
        raise ValueError(f"no record of a measurement: without {', '.join(missing)}")
    return Measurement.from_json(document)


def _in_words(error: Exception) -> str:
    match error:
        case RecursionError():
            return "this is nested too deeply"
        case ValueError(__cause__=KeyError() as cause):
            return f"no record of a measurement: a part of it is without {cause.args[0]}"
        case ValueError(__cause__=Exception() as cause):
            return f"no record of a measurement: a part of it has another form ({cause})"
        case ValueError():
            return str(error)
    return f"no record of a measurement: a value is of the wrong kind ({error})"


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:  # whoever read our lines wants no more of them
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
