"""`compare`: what it takes, in which units, and what it refuses."""

import json

import numpy as np
import pytest

import girsanov as gv
from girsanov.comparison.measures.registry import MEASURES, measure_of

DRAWS = np.random.default_rng(0)
DATA = DRAWS.gamma(2.0, size=(120, 3)) * [1.0, 1000.0, 1e-3]
NEAR = DRAWS.gamma(2.0, size=(160, 3)) * [1.0, 1000.0, 1e-3]
FAR = DRAWS.gamma(3.0, size=(160, 3)) * [1.0, 1000.0, 1e-3]


def test_every_measure_has_a_row():
    found = gv.compare(NEAR, DATA, train=FAR)
    of_arrays = [m for m in MEASURES if not measure_of(m).tabular]
    assert [row.name for row in found.rows] == [m for m in of_arrays if m != "labels"]
    for row in found.rows:
        assert row.low <= row.value <= row.high
        assert row.note
        if row.floor is not None:
            assert row.floor[1] <= row.floor[0] <= row.floor[2]
    json.dumps(found.to_json(), allow_nan=False)
    assert found.compared.samples == 160
    assert found.compared.data == 120
    assert "deviations of each column of the data" in found.compared.units


@pytest.mark.parametrize("name", ["sliced-w2", "gaussian-w2", "mmd", "classifier", "frechet"])
def test_far_is_farther_than_near(name):
    near, far = (gv.compare(x, DATA, by=[name])[name] for x in (NEAR, FAR))
    assert far.value > near.value
    assert far.computed > near.computed


def test_units_do_not_matter_for_vectors():
    in_grams, in_tons = (gv.compare(NEAR * s, DATA * s, by=["sliced-w2"]) for s in (1.0, 1e-6))
    assert in_grams["sliced-w2"].value == pytest.approx(in_tons["sliced-w2"].value, rel=1e-4)


def test_a_shift_of_one_deviation_is_one_in_gaussian_w2():
    shift = np.array([0.0, DATA[:, 1].std(), 0.0])
    found = gv.compare(DATA + shift, DATA, by=["gaussian-w2"])["gaussian-w2"]
    assert found.computed == pytest.approx(1, abs=0.02)


def test_the_same_seed_gives_the_same_and_rows_bound_what_is_read():
    one, two = (gv.compare(NEAR, DATA, rows=90, seed=3).to_json() for _ in range(2))
    assert one == two
    assert one["samples"] == 80  # whole groups of at most 90
    assert gv.compare(NEAR, DATA, rows=90, seed=4).to_json() != one


def test_images_and_tables_and_laws():
    images = DRAWS.integers(0, 17, size=(90, 4, 4)).astype(np.uint8)
    found = gv.compare(images[::-1], images, by=["sliced-w2", "mmd"])
    assert "[-1, 1]" in found.compared.units
    kind = np.where(DATA[:, 0] > 2, "tall", "short")
    table = np.rec.fromarrays([DATA[:, 0], kind], names="height,kind")
    assert gv.compare(table, table, by=["sliced-w2"]).compared.dimension == 3
    law = gv.Gaussian(np.array([1.0, 2.0]), np.eye(2))
    drawn = law.sample(400, seed=9).numpy()
    assert gv.compare(drawn, law, by=["sliced-w2"], rows=400)["sliced-w2"].low == 0


def test_given_features_are_used_for_the_rows_that_were_chosen(tmp_path):
    path = tmp_path / "features.npz"
    np.savez(path, samples=NEAR[:, :1], data=DATA[:, :1])
    of_file, of_pair = (
        gv.compare(NEAR, DATA, by=["frechet"], features=f, rows=100)["frechet"]
        for f in (path, (NEAR[:, :1], DATA[:, :1]))
    )
    assert of_file == of_pair
    assert "1 given features" in of_file.note


def test_labels_of_the_data_make_the_features():
    data = gv.load_data(DATA, labels=(DATA[:, 0] > 2).astype(int))
    assert "classifier" in gv.compare(NEAR, data, by=["frechet"])["frechet"].note
    assert "principal" in gv.compare(NEAR, DATA, by=["frechet"])["frechet"].note


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"by": ["fid"]}, "by: must be one of sliced-w2"),
        ({"by": []}, "at least one"),
        ({"by": ["memorisation"]}, "train: must be given"),
        ({"confidence": 1.0}, "confidence: must be below 1"),
        ({"rows": 19}, "samples: must hold at least 20 rows"),
        ({"features": "none.npz"}, "features: must be a .npz with arrays samples and data"),
        ({"features": (NEAR, DATA[:50])}, "features: must have one row for each of the data"),
        ({"features": (NEAR, DATA[:, :1])}, "features: must be as many"),
    ],
)
def test_what_cannot_be_done_is_refused(options, message):
    with pytest.raises(gv.InputError, match=message):
        gv.compare(NEAR, DATA, **options)


def test_sets_that_do_not_fit_are_refused():
    with pytest.raises(gv.InputError, match=r"samples: does not fit the data.*got"):
        gv.compare(NEAR[:, :2], DATA)


def test_vectors_in_columns_are_compared_as_vectors_with_their_labels(tmp_path):
    """As `sample` writes vectors into a table: columns x0, x1, ..., and one of labels."""
    law = gv.Gaussian([3.0, -1.0], [2.0, 0.1])
    rows, codes = law.sample(200, seed=1).numpy(), np.arange(200) % 3
    table = np.rec.fromarrays([*rows.T, np.array(["a", "b", "c"])[codes]], names="x0,x1,kind")
    path = tmp_path / "samples.csv"
    np.savetxt(path, table, fmt=["%.17g", "%.17g", "%s"], delimiter=",", header="x0,x1,kind",
               comments="")  # fmt: skip
    read = gv.load_data(path, labels="kind")
    plain = gv.compare(rows, law, by="sliced-w2")["sliced-w2"]
    assert gv.compare(read, law, by="sliced-w2")["sliced-w2"] == plain
    data = gv.load_data(law.sample(100, seed=2).numpy(), labels=[*"abcba"] * 20)
    assert "labels" in [row.name for row in gv.compare(read, data).rows]


def test_small_sets_are_compared_in_fewer_groups_and_as_honestly():
    """36 held-out rows, as a fifth of 178 is: intervals miss as often as those of 200 rows do."""
    rng = np.random.default_rng(5)
    missed, widths = {36: 0, 200: 0}, {36: 0.0, 200: 0.0}
    for seed in range(60):
        for rows in missed:
            x, y = (
                rng.gamma(2.0, size=(rows + 24, 2)),
                rng.gamma(2.0, size=(rows, 2)) + np.array([1.5, 0]),
            )
            compared = gv.compare(x, y, by=["gaussian-w2"], seed=seed)
            row, truth = compared["gaussian-w2"], 1.5 / y.std(axis=0)[0]
            missed[rows] += not row.low <= truth <= row.high
            widths[rows] += row.high - row.low
            assert compared.compared.data == (36 if rows == 36 else 200)
    assert widths[36] > 1.5 * widths[200]
    assert missed[36] <= 60 * 0.09 + 3 * (60 * 0.09 * 0.91) ** 0.5
    every = gv.compare(x[:50], y[:36])
    assert {row.name for row in every.rows} >= {"sliced-w2", "mmd", "classifier", "frechet"}
    assert "(in groups of equal size" in str(every)
