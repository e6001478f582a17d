"""`python -m registry.ledger verify FILE`: does a downloaded log hold together?

FILE holds one entry a line, as `/api/v1/log/` gives them: {"index", "payload", "leaf"}. Of a payload its shape is
checked too: in version 2 the fields before and after, and the hash that stands for what is withheld.
Exit code 0: it does, and the tree head is printed. 1: it does not, and the line says where. 2: not readable.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

from registry.ledger.tree import leaf_hash, root


class Broken(Exception):
    """The log contradicts itself; the message names the line."""


def verify(lines: list[str]) -> tuple[int, str]:
    """Number of entries and tree head in hexadecimal. Raises Broken."""
    leaves: list[bytes] = []
    heads: dict[str, str] = {}  # subject → hash of its last leaf
    unseen: set[str] = set()  # leaves whose payload the register does not show: an address that must not be advertised
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
        if payload is None:
            unseen.add(leaf)
            leaves.append(_hash_of(leaf, number))
            continue
        if misshapen:
            raise Broken(f"line {number}: {misshapen}")
        computed = leaf_hash(payload.encode())
        if computed.hex() != leaf:
            raise Broken(f"line {number}: the payload of entry {index} was changed (hash {computed.hex()})")
        if previous != heads.get(subject, "") and previous not in unseen:
            raise Broken(f"line {number}: entry {index} does not follow the last entry of {subject}")
        heads[subject] = leaf
        leaves.append(computed)
    return len(leaves), root(leaves).hex()


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
    check = commands.add_parser("verify", help="verify a downloaded log")
    check.add_argument("file", type=Path)
    file: Path = parser.parse_args(arguments).file
    try:
        with file.open(encoding="utf-8") as text:
            lines = text.readlines()  # at line feeds only: str.splitlines would cut a payload at U+2028
    except (OSError, UnicodeDecodeError) as error:
        print(f"{file}: cannot be read: {error}", file=sys.stderr)
        return 2
    try:
        size, head = verify(lines)
    except Broken as error:
        print(f"{file}: {error}", file=sys.stderr)
        return 1
    print(f"{size} entries hold together; tree head {head}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
