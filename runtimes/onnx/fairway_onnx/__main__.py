"""`python -m fairway_onnx`; see process.py for the exit codes."""

import os
import sys
from typing import NoReturn

# structlog would import rich, a fifth of the start, for coloured tracebacks that a server never draws.
sys.modules.setdefault("rich", None)  # type: ignore[arg-type]

from fairway_onnx.process import run  # noqa: E402


def main() -> NoReturn:
    """Serve, then leave at once: a run of the model that never ends must not keep the process alive."""
    code = run()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
