"""Series as lines on one scale, and volumes as their middle slices."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from girsanov import InputError
from girsanov.reporting.figures.samples import pictures
from girsanov.reporting.figures.series import BOX, BOXES, GAP
from girsanov.reporting.figures.volumes import LINE, middle_slices

RNG = np.random.default_rng(0)


def points(path):
    return np.array(re.findall(r"([\d.-]+) ([\d.-]+)", path)).astype(float)


@pytest.mark.parametrize("layout", ["cl", "lc"])
def test_series_are_lines_where_their_values_are(layout):
    x = RNG.normal(size=(40, 2, 9))
    x[0, 0] = [0, 1, 0, 0, 0, 0, 0, 0, 2]
    given = x if layout == "cl" else np.moveaxis(x, 1, 2)
    section = pictures(given[:20], given, (2, 9))
    assert [lines.caption for lines in section.lines] == ["samples", "data"]
    assert section.sampled
    assert section.compared
    assert not section.histograms
    figure = section.lines[0].figure
    paths = re.findall(r'd="(M[^"]+)"', figure)
    assert len(paths) == 2 * BOXES
    low, high = (
        float(v.replace("−", "-"))
        for v in re.search(r"reach from (.+) to (.+)\. A series", section.note).groups()
    )
    for k, c in ((0, 0), (0, 1), (4, 1)):
        at = points(paths[2 * k + c])
        left, top = (k % 3) * (BOX[0] + GAP) + 1, (k // 3) * (BOX[1] + GAP) + 1
        across = left + 2 + (BOX[0] - 4) * np.arange(9) / 8
        up = (
            top
            + BOX[1]
            - 2
            - (BOX[1] - 4) * (np.clip(x[k if k else 0, c], low, high) - low) / (high - low)
        )
        np.testing.assert_allclose(at[:, 0], across, atol=0.06)
        np.testing.assert_allclose(at[:, 1], up, atol=0.6)  # the words have three digits


def test_more_channels_than_lines_are_said():
    section = pictures(None, RNG.normal(size=(5, 7, 30)), (7, 30))
    assert "7 channels, of which the first 4 are drawn" in section.note
    assert len(re.findall("<path", section.lines[0].figure)) == 4 * 5
    assert not section.sampled


def test_gaps_break_no_figure():
    x = RNG.normal(size=(5, 30))
    x[0, 3] = np.nan
    x[1] = np.nan
    assert "nan" not in pictures(None, x, (1, 30)).lines[0].figure
    assert "nan" not in pictures(None, np.full((4, 30), 7.0), (1, 30)).lines[0].figure


def test_middle_slices_are_those_of_numpy():
    x = RNG.normal(size=(3, 2, 4, 6, 5))
    got = middle_slices(x, 9.0)
    assert got.shape == (3, 6, 5 + LINE + 5 + LINE + 6)
    np.testing.assert_array_equal(got[:, :, :5], x[:, 0, 2])
    np.testing.assert_array_equal(got[:, 1:5, 5 + LINE : 10 + LINE], x[:, 0, :, 3])
    np.testing.assert_array_equal(got[:, 1:5, 10 + 2 * LINE :], x[:, 0, :, :, 2])
    assert (got[:, 0, 5:] == 9.0).all()
    twice = middle_slices(x, 9.0, 2)
    np.testing.assert_array_equal(twice[:, ::2, :10:2], x[:, 0, 2])


def test_volumes_are_pictures_of_slices():
    x = RNG.uniform(size=(20, 1, 6, 6, 6))
    section = pictures(x[:, 0], x[:, 0], (1, 6, 6, 6))
    assert section.note.startswith("Volumes of 6 x 6 x 6 values: the middle slice")
    pixels = np.asarray(
        Image.open(io.BytesIO(base64.b64decode(section.grids[0].url.split(",")[1])))
    )
    times = 40 // 6
    corner = pixels[: 6 * times : times, : 6 * times : times, 0]
    want = 255 * (x[0, 0, 3] - x.min()) / np.ptp(x)
    np.testing.assert_allclose(corner, want, atol=1)


def test_other_shapes_stay_what_they_were():
    assert pictures(None, RNG.normal(size=(9, 4, 5)), (1, 4, 5)).grids
    assert pictures(None, RNG.normal(size=(9, 20)), (20,)).histograms
    with pytest.raises(InputError, match="must have the shape of data"):
        pictures(RNG.normal(size=(9, 20)), RNG.normal(size=(9, 21)), (1, 21))
