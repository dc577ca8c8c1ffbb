"""The demo is not an installed package: the root of the repository joins the path, as `python -m` has it."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2]))
