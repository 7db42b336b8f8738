"""The report says how much of the data's variance samples keep."""

import numpy as np

from girsanov import load_data
from girsanov.reporting.samples_origin import opened

RNG = np.random.default_rng(5)


def test_a_page_says_in_which_direction_samples_are_too_narrow(tmp_path):
    data = RNG.gamma(2.0, size=(600, 2)) * [3.0, 1.0] + [5.0, -2.0]
    made = (RNG.gamma(2.0, size=(600, 2)) * [3.0, 0.6]) + [5.0, -2.0]
    np.save(tmp_path / "made.npy", made)
    real = load_data(data)
    for source in (tmp_path / "made.npy", load_data(made)):
        notes = " ".join(opened(source, real, (), ()).notes)
        assert "too narrow in direction 2" in notes
        assert "in direction 1" not in notes
    assert opened(load_data(made), None, (), ()).notes == ()
    few = load_data(data[:15])  # too few rows to be compared
    assert opened(load_data(made), few, (), ()).notes == ()
