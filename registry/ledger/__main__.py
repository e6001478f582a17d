"""`python -m registry.ledger verify FILE`: does a downloaded log hold together?

FILE holds one entry a line, as `/api/v1/log/` gives them: {"index", "payload", "leaf"}.
Exit code 0: it does, and the tree head is printed. 1: it does not, and the line says where. 2: not readable.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

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
        except (ValueError, KeyError, TypeError) as error:
            raise Broken(f"line {number}: not a log entry ({error!r})") from error
        if index <= previous_index:
            raise Broken(f"line {number}: index {index} does not follow {previous_index}")
        previous_index = index
        if payload is None:
            unseen.add(leaf)
            leaves.append(_hash_of(leaf, number))
            continue
        computed = leaf_hash(payload.encode())
        if computed.hex() != leaf:
            raise Broken(f"line {number}: the payload of entry {index} was changed (hash {computed.hex()})")
        if previous != heads.get(subject, "") and previous not in unseen:
            raise Broken(f"line {number}: entry {index} does not follow the last entry of {subject}")
        heads[subject] = leaf
        leaves.append(computed)
    return len(leaves), root(leaves).hex()


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
