"""The `mamlab` command, and `python -m mamlab`."""

from __future__ import annotations

import sys

from mamlab import refuse_hidden


def main() -> None:
    """Run the `mamlab` command."""
    try:
        refuse_hidden()
    except ImportError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    from study.cli import main as command

    command()


if __name__ == "__main__":
    main()
