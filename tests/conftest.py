"""Puts `catalogue.py` within reach, and Ctrl-C back where a runner in the background took it."""

import signal
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))  # at the end: it must shadow nothing
# A shell starts background jobs with SIGINT ignored, and their children inherit that; a handler
# of our own is inherited as the default instead, so that Ctrl-C can be tested anywhere.
signal.signal(signal.SIGINT, signal.default_int_handler)
