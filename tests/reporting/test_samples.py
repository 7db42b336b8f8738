import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from girsanov import InputError
from girsanov.data import load_data
from girsanov.reporting.figures.samples import montage, pictures, sample_rows, to_pixels

RNG = np.random.default_rng(0)


def decoded(grid):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(grid.url.split(",")[1]))))


def table(n):
    names = {"age": "i8", "income": "f8", "city": "U8"}
    out = np.zeros(n, dtype=list(names.items()))
    out["age"], out["income"] = RNG.integers(0, 90, n), RNG.lognormal(size=n)
    out["city"] = RNG.choice(["Oslo", "Bergen"], n)
    return out


def test_nothing_given_nothing_shown():
    assert pictures(None, None) is None


def test_pictures_are_shown_pixel_by_pixel():
    images = RNG.integers(0, 17, (3, 4, 5)).astype(np.uint8)
    images[0, 0, 0], images[0, 0, 1] = 0, 16
    section = pictures(images, images)
    assert [g.caption for g in section.grids] == ["samples", "data"]
    pixels = decoded(section.grids[0])
    times = pixels.shape[0] // 4
    assert pixels.shape[1] == 3 * 5 * times + 2 * 4
    first = pixels[::times, : 5 * times : times, 0]
    np.testing.assert_array_equal(first, np.rint(images[0] / 16 * 255))
    assert pixels[0, 5 * times, 3] == 0  # the gap is transparent


@pytest.mark.parametrize(
    "shape", [(6, 8, 8), (6, 8, 8, 3), (6, 3, 8, 8), (6, 1, 8, 8), (6, 8, 8, 4)]
)
def test_layouts(shape):
    assert to_pixels(RNG.random(shape), "samples", 0.0, 1.0).shape == (6, 8, 8, 4)


def test_samples_use_the_range_of_the_data():
    data, samples = RNG.uniform(-1, 1, (4, 6, 6)), np.full((4, 6, 6), 9.0)
    assert decoded(pictures(samples, data).grids[0]).max() == 255
    assert (decoded(pictures(samples, data).grids[0])[:6, :6, :3] == 255).all()


def test_large_pictures_are_fewer_and_smaller():
    tiles = np.zeros((48, 500, 300, 4), np.uint8)
    assert max(montage(tiles).shape) <= 4 * 160 + 3 * 4


def test_digits_next_to_samples():
    digits = load_data("digits")
    raw = digits.raw(slice(0, 60))
    section = pictures(raw, digits)
    assert [g.count for g in section.grids] == [48, 48]
    assert section.grids[0].url.startswith("data:image/png;base64,")


def test_tables_become_named_histograms_and_pairs():
    section = pictures(table(500), table(300))
    assert len(section.histograms) == 3
    whole = "".join(section.histograms)
    assert "Histogram of age" in whole
    assert "Shares of city" in whole
    assert whole.count('class="data-line"') == whole.count('class="sample-area"')
    assert "Pairs of age, income" in section.pairs


def test_histogram_shares_add_up():
    data = np.array([0, 0, 1, 2], dtype=np.int64)[:, None]
    section = pictures(np.array([0, 1, 1, 1])[:, None], data)
    assert (
        "0: samples 25.0 %, data 50.0 %; 1: samples 75.0 %, data 25.0 %" in section.histograms[0]
    )


@pytest.mark.parametrize("one", ["samples", "data"])
def test_one_of_the_two_is_enough(one):
    section = pictures(**{"samples": None, "data": None, one: RNG.normal(size=(100, 2))})
    assert not section.compared
    assert section.sampled == (one == "samples")
    assert len(section.histograms) == 2


def test_many_columns_are_cut_to_twelve():
    section = pictures(RNG.normal(size=(50, 30)), None)
    assert len(section.histograms) == 12
    assert section.hidden == 18


@pytest.mark.parametrize(
    "column",
    [np.zeros(9), np.full(9, 1e300), np.array([np.nan] * 9), np.array([1.0] * 8 + [np.inf])],
)
def test_odd_columns_are_drawn(column):
    section = pictures(np.stack([column, np.arange(9.0)], axis=1), None)
    assert "nan" not in "".join(section.histograms) + str(section.pairs)


def test_rows_are_evenly_spaced():
    np.testing.assert_array_equal(sample_rows(np.arange(9), "data", 3), [0, 4, 8])


def test_samples_that_do_not_match_data_are_refused():
    with pytest.raises(InputError, match=r"samples: must have the shape of data, \(3,\) a row"):
        pictures(np.zeros((5, 2)), np.zeros((5, 3)))
    with pytest.raises(InputError, match="samples: must have the columns of data"):
        pictures(np.zeros((5, 2)), table(5))
    other = np.zeros(5, dtype=[("age", "i8"), ("income", "f8"), ("city", "f8")])
    with pytest.raises(InputError, match="samples column 'city': must hold what it holds in data"):
        pictures(other, table(5))
    with pytest.raises(InputError, match="data: must hold numbers"):
        pictures(None, np.array([{}, {}], dtype=object))
    with pytest.raises(InputError, match="samples: must have at least one row"):
        pictures(np.zeros((0, 3)), None)


def test_the_top_of_the_page_has_a_row_of_pictures_or_the_first_columns():
    images = RNG.integers(0, 17, (40, 4, 5)).astype(np.uint8)
    strip = pictures(images, images[:20]).strip
    assert (strip.caption, strip.count) == ("samples", 12)
    whole = decoded(pictures(images, None).grids[0])
    np.testing.assert_array_equal(decoded(strip)[:, :50], whole[: strip.height, :50])
    assert pictures(None, images).strip.caption == "data"
    section = pictures(table(50), table(30))
    assert section.strip is None
    assert len(section.lead) == 3
    idents = [re.search(r'id="([^"]+)-title"', f)[1] for f in (*section.lead, *section.histograms)]
    assert len({*idents}) == 6
