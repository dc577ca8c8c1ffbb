"""`fairway-fetch`; see commands.py."""

import sys

# structlog would import rich for coloured tracebacks that nobody draws here: a fifth of a second.
sys.modules.setdefault("rich", None)  # type: ignore[arg-type]

from fairway.fetch.commands import run  # noqa: E402


def main() -> None:
    """The entry point of the image's command."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
