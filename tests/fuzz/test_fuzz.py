"""A few hundred hostile files through every reader; `make fuzz` runs a hundred thousand."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))
from fuzz import fuzz
from readers import DEAR, READERS


@pytest.mark.parametrize("name", READERS)
def test_hostile_files_are_refused_in_one_line_or_read(name):
    assert not fuzz(name, first=0, count=25 if name in DEAR else 60)
