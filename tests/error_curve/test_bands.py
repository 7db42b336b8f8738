"""Bands partition the coordinates; means over them lose nothing."""

import numpy as np
import pytest
import torch

from girsanov.error_curve.bands import bands_by_variance

RNG = np.random.default_rng(3)


@pytest.mark.parametrize("d", [1, 2, 15, 16, 17, 18, 33, 100, 257, 3000])
def test_bands_partition_the_coordinates(d):
    variances = RNG.gamma(0.3, size=d)
    bands = bands_by_variance(variances, 16)
    assert bands.index.shape == (d,)
    assert bands.count <= 16
    assert bands.sizes.sum() == d
    assert (bands.sizes > 0).all()  # an empty band would divide by zero
    if d <= 16:
        assert bands.count == d


def test_bands_hold_neighbouring_variances_the_largest_alone():
    variances = RNG.gamma(0.3, size=400)
    bands = bands_by_variance(variances, 16)
    order = bands.index[np.argsort(-variances)]
    assert (np.diff(order) >= 0).all()  # bands follow the ranks of the variances
    assert bands.sizes[0] == 1
    assert bands.sizes[-1] == bands.sizes.max()


def test_average_and_spread_are_the_mean_and_its_copy():
    bands = bands_by_variance(RNG.gamma(1.0, size=40), 5)
    rows = torch.as_tensor(RNG.normal(size=(7, 40)))
    got = bands.average(rows).numpy()
    assert got.shape == (7, bands.count)
    for j in range(bands.count):
        assert got[:, j] == pytest.approx(rows.numpy()[:, bands.index == j].mean(axis=1))
    assert bands.spread(got) @ np.ones(40) == pytest.approx(rows.numpy().sum(axis=1))


def test_ties_and_constants_are_dealt_out_too():
    assert bands_by_variance(np.zeros(100), 16).sizes.sum() == 100
    assert bands_by_variance(np.zeros(100), 16).count == bands_by_variance(np.ones(100), 16).count
