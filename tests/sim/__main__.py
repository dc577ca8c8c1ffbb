"""Walk one seed again and tell its story: `PYTHONPATH=operator:tests python -m sim SEED [good]`."""

from __future__ import annotations

import sys

from sim.walk import Walk, good_walk
from sim.world import Violation

seed = int(sys.argv[1])
walk = good_walk(seed) if sys.argv[2:] == ["good"] else Walk(seed)
try:
    found = f"ends in {walk.run()}"
except Violation as violation:
    found = f"VIOLATION: {violation}"
sys.stdout.write(f"{walk.trace(last=10_000)}\n{found}\n")
