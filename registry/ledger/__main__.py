"""`python -m registry.ledger verify FILE`: does a downloaded log hold together?

FILE holds one entry a line, as `/api/v1/log/` gives them: {"index", "payload", "leaf"}. Of a payload its shape is
checked too: in version 2 the fields before and after, and the hash that stands for what is withheld.
With `--excerpt`, FILE is only a part of the log, as in an evidence pack: it has no tree head, and of each record it may
begin with any entry, but from there on none is missing in between. With `--in LOG`, each of its entries stands in LOG,
the whole log, which is verified first.
Exit code 0: it does, and the tree head is printed. 1: it does not, and the line says where. 2: not readable.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from registry.ledger.tree import leaf_hash, root


class Broken(Exception):
    """The log contradicts itself; the message names the line."""


@dataclass
class Chains:
    """What was read and holds together so far."""

    leaves: list[bytes] = field(default_factory=list)
    places: dict[int, str] = field(default_factory=dict)  # index → leaf
    heads: dict[str, str] = field(default_factory=dict)  # subject → hash of its last leaf
    unseen: set[str] = field(default_factory=set)  # leaves whose payload the register does not show
    later: set[str] = field(default_factory=set)  # subjects that an excerpt has not from their first entry on


def verify(lines: list[str]) -> tuple[int, str]:
    """Number of entries and tree head in hexadecimal, of the whole log. Raises Broken."""
    leaves = _read(lines).leaves
    return len(leaves), root(leaves).hex()


def verify_excerpt(lines: list[str], within: list[str] | None = None) -> tuple[Chains, str]:
    """A part of the log, and of the whole log `within` its tree head, where that is given. Raises Broken."""
    part = _read(lines, excerpt=True)
    if within is None:
        return part, ""
    whole = _read(within)
    for index, leaf in part.places.items():
        if whole.places.get(index) != leaf:
            raise Broken(f"entry {index} of the excerpt does not stand in the log so")
    return part, root(whole.leaves).hex()


def _read(lines: list[str], *, excerpt: bool = False) -> Chains:
    found = Chains()
    previous_index = 0
    for number, line in enumerate(lines, start=1):
        try:
            entry = json.loads(line)
            index, payload, leaf = entry["index"], entry["payload"], entry["leaf"]
            content = json.loads(payload) if payload is not None else {"subject": "", "previous": ""}
            subject, previous = content["subject"], content["previous"]
            misshapen = payload is not None and _misshapen(content)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Broken(f"line {number}: not a log entry ({error!r})") from error
        if index <= previous_index:
            raise Broken(f"line {number}: index {index} does not follow {previous_index}")
        previous_index = index
        found.places[index] = leaf
        if payload is None:
            found.unseen.add(leaf)
            found.leaves.append(_hash_of(leaf, number))
            continue
        if misshapen:
            raise Broken(f"line {number}: {misshapen}")
        computed = leaf_hash(payload.encode())
        if computed.hex() != leaf:
            raise Broken(f"line {number}: the payload of entry {index} was changed (hash {computed.hex()})")
        if previous != found.heads.get(subject, "") and previous not in found.unseen:
            if not excerpt or subject in found.heads:
                raise Broken(f"line {number}: entry {index} does not follow the last entry of {subject}")
            found.later.add(subject)
        found.heads[subject] = leaf
        found.leaves.append(computed)
    return found


_KEYS = {
    1: {"v", "at", "operation", "subject", "fields", "reason", "by", "previous"},
    2: {"v", "at", "operation", "subject", "before", "after", "withheld", "private"}
    | {"reason", "by", "role", "previous"},
}


def _misshapen(content: dict[str, Any]) -> str:
    """What is wrong with the shape of a payload; empty: nothing."""
    version = content["v"]
    if version not in _KEYS:
        return f"its version is {version!r}; get a newer program"
    if content.keys() != _KEYS[version]:
        return f"it has other keys than version {version}: {sorted(content.keys() ^ _KEYS[version])}"
    if version == 1:
        return ""
    if not content["before"].keys() <= content["after"].keys():
        return "a field was there before that is not told of afterwards"
    told = {*content["before"], *content["after"], *(["reason"] if content["reason"] else [])}
    if told & set(content["withheld"]):
        return "it tells what it says to withhold"
    if bool(content["withheld"]) != (re.fullmatch(r"[0-9a-f]{64}", content["private"]) is not None):
        return "what is withheld needs a hash, and a hash something that is withheld"
    return ""


def _hash_of(leaf: str, number: int) -> bytes:
    """The leaf alone, of an entry whose payload is null: it counts in the tree, and its words cannot be checked."""
    try:
        found = bytes.fromhex(leaf)
    except (TypeError, ValueError):
        found = b""
    if len(found) != 32:
        raise Broken(f"line {number}: the leaf is no hash")
    return found


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m registry.ledger", description=(__doc__ or "").splitlines()[0])
    commands = parser.add_subparsers(required=True)
    check = commands.add_parser("verify", help="verify a downloaded log, or a part of it")
    check.add_argument("file", type=Path)
    check.add_argument("--excerpt", action="store_true", help="FILE is a part of the log")
    check.add_argument("--in", dest="log", type=Path, metavar="LOG", help="the whole log, of which FILE is a part")
    options = parser.parse_args(arguments)
    file = options.file
    try:
        lines = _lines(file)
        within = _lines(file := options.log) if options.log else None
    except (OSError, UnicodeDecodeError) as error:
        print(f"{file}: cannot be read: {error}", file=sys.stderr)
        return 2
    try:
        if options.excerpt or within is not None:
            print(_told(*verify_excerpt(lines, within)))
        else:
            size, head = verify(lines)
            print(f"{size} entries hold together; tree head {head}")
    except Broken as error:
        print(f"{options.file}: {error}", file=sys.stderr)
        return 1
    return 0


def _lines(file: Path) -> list[str]:
    with file.open(encoding="utf-8") as text:
        return text.readlines()  # at line feeds only: str.splitlines would cut a payload at U+2028


def _told(part: Chains, head: str) -> str:
    later = f", {len(part.later)} of them not from their first entry on" if part.later else ""
    place = f"each stands in the log whose tree head is {head}" if head else "an excerpt has no tree head"
    return f"{len(part.leaves)} entries of {len(part.heads)} records hold together{later}; {place}"


if __name__ == "__main__":
    sys.exit(main())
