"""What is said of dependencies: vulnerable, not known, and only then fine."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

from check_dependencies import FINE, UNKNOWN, VULNERABLE, judged

GOOD = {"name": "numpy", "version": "2.4.1", "vulns": []}
BAD = {"name": "pillow", "version": "9.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["9.1"]}]}
SKIPPED = {"name": "torch", "skip_reason": "not found on PyPI"}


@pytest.mark.parametrize(
    ("found", "code", "said"),
    [
        ([GOOD, GOOD], FINE, "2 dependencies, none with"),
        ([GOOD, BAD, SKIPPED], VULNERABLE, "pillow 9.0: PYSEC-1, mended in 9.1"),
        ([GOOD, SKIPPED], UNKNOWN, "no advisory source knew 1 of 2"),
        ([SKIPPED], UNKNOWN, "no advisory source knew 1 of 1"),
        ([], UNKNOWN, "no advisory source knew 0 of 0"),
    ],
)
def test_what_could_not_be_looked_up_is_not_fine(found, code, said):
    got, (line,) = judged(found)
    assert got == code
    assert said in line
