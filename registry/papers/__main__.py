"""Keys of sealed originals, for the machine on which the private halves are kept (docs/running.md).

python -m registry.papers make-key FILE                makes a pair: FILE is the private half, the public one is printed
python -m registry.papers open SEALED OUT --key FILE   opens a sealed original; --key once for each of its locks
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from registry.papers import sealing


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m registry.papers", description=(__doc__ or "").splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    making = commands.add_parser("make-key", help="make a pair of keys")
    making.add_argument("file", type=Path, help="where the private half goes")
    opening = commands.add_parser("open", help="open a sealed original")
    opening.add_argument("sealed", type=Path)
    opening.add_argument("out", type=Path)
    opening.add_argument("--key", type=Path, action="append", required=True, help="a private half")
    options = parser.parse_args(arguments)
    try:
        if options.command == "make-key":
            print(sealing.make_key(options.file))
            return 0
        opened = sealing.unseal(options.sealed.read_bytes(), [path.read_text("ascii") for path in options.key])
        with options.out.open("xb") as out:
            out.write(opened.data)
    except (OSError, UnicodeDecodeError, sealing.NotOpened) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"salt {opened.salt.hex()}")
    print(f"commitment {opened.commitment}, the SHA-256 of the salt and the original")
    return 0


if __name__ == "__main__":
    sys.exit(main())
