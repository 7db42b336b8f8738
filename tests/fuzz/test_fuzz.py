"""A few hundred hostile files and numbers; `make fuzz` runs a hundred thousand."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))
from bound_inputs import fuzz_bounds
from fuzz import fuzz
from readers import DEAR, READERS


@pytest.mark.parametrize("name", READERS)
def test_hostile_files_are_refused_in_one_line_or_read(name):
    assert not fuzz(name, first=0, count=25 if name in DEAR else 60)


def test_extreme_numbers_are_refused_or_bounded():
    assert not fuzz_bounds(first=0, count=400)
