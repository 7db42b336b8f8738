"""Puts `catalogue.py` within reach: importlib mode leaves tests/ off the path."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))  # at the end: it must shadow nothing
