"""Decode mutated images by the ten thousand; one JSON line says how that went, and the exit code whether it went well.

python scripts/fuzz_images.py [--count 20000] [--start 0]
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from faults import fuzz

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--start", type=int, default=0, help="index, and so the seed, of the first image")
    arguments = parser.parse_args()
    outcome = fuzz.run(arguments.count, arguments.start)
    print(json.dumps(asdict(outcome)))
    sys.exit(not outcome.is_clean)
