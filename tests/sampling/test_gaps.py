"""Tables with gaps, filled: exact on a Gaussian law of columns, known cells kept, refusals."""

import numpy as np
import pytest
import torch

import girsanov as gv
from girsanov._checks import InputError
from girsanov.sampling.gaps import EXACT, rows_with_gaps

MEAN = np.array([50.0, -3.0, 1000.0])
ROOT = np.array([[5.0, 0.0, 0.0], [1.2, 0.5, 0.0], [-60.0, 30.0, 40.0]])
COV = ROOT @ ROOT.T
NAMES = ("a", "b", "c")
N = 4000


def table_of(values):
    rows = np.empty(len(values), [(name, "f8") for name in NAMES])
    for k, name in enumerate(NAMES):
        rows[name] = values[:, k]
    return rows


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    values = MEAN + rng.normal(size=(4000, 3)) @ ROOT.T
    return gv.load_data(table_of(values.round(9) + 1e-9 * rng.random(values.shape)))


@pytest.fixture(scope="module")
def model(data):
    """The exact denoiser of a Gaussian with the table's own moments, in its units."""
    x = data.batch(slice(None)).double().numpy()
    cov = torch.from_numpy(np.cov(x.T))

    def denoise(z, t):
        noisy = cov + t[:, None, None].double() ** 2 * torch.eye(3)
        return (torch.linalg.solve(noisy, z.double()[..., None])[..., 0] @ cov).to(z)

    return gv.wrap(denoise, (3,), times=(1e-3, 100.0), train=data,
                   weights={"none": torch.zeros(1)})  # fmt: skip


@pytest.fixture(scope="module")
def plan(model, data):
    held = np.random.default_rng(1).normal(size=(1500, 3)) @ ROOT.T + MEAN
    audit = gv.audit(model, gv.load_data(table_of(held)), levels=25, flow=0)
    return audit.plan(steps=10, sampler="analytic-dpm", covariance="full", last="draw")


def test_gaps_are_drawn_from_their_law_given_the_rest(data, model, plan):
    values = np.array([[58.0, np.nan, 900.0], [np.nan, -2.0, np.nan], [np.nan] * 3])
    filled = gv.fill(model, plan, table_of(values), N, seed=1)
    assert filled.shape == (3, N)
    raw = data.raw(slice(None))
    own = np.stack([raw[n] for n in NAMES], 1)
    mean, cov = own.mean(0), np.cov(own.T)
    for drawn, row in zip(filled, values, strict=True):
        k = np.isfinite(row)
        x = np.stack([drawn[n] for n in NAMES], 1)
        assert (x[:, k] == row[k]).all()
        gain = cov[np.ix_(~k, k)] @ np.linalg.inv(cov[np.ix_(k, k)])
        truth = mean[~k] + gain @ (row[k] - mean[k])
        left = cov[np.ix_(~k, ~k)] - gain @ cov[np.ix_(k, ~k)]
        var = np.diag(left)
        assert (
            np.abs(x[:, ~k].mean(0) - truth) < 5 * np.sqrt(var / N) + 0.05 * np.sqrt(var)
        ).all()
        spread = np.abs(np.cov(x[:, ~k].T).reshape(left.shape) - left)
        assert (spread < 0.12 * np.sqrt(np.outer(var, var))).all()


def test_fillings_are_the_same_in_any_batch(model, plan):
    rows = table_of(np.array([[58.0, np.nan, 900.0], [np.nan, -2.0, np.nan]]))
    one = gv.fill(model, plan, rows, 20, seed=3)
    again = gv.fill(model, plan, rows, 20, seed=3, batch_size=3)
    for name in NAMES:
        np.testing.assert_allclose(one[name], again[name], rtol=1e-5)


def test_columns_that_are_not_there_are_not_known(model):
    rows = np.array([(58.0, 1.0)], [("a", "f8"), ("other", "f8")])
    gaps = rows_with_gaps(model, rows)
    assert {name: known.tolist() for name, known in gaps.known.items()} == {
        "a": [True], "b": [False], "c": [False],
    }  # fmt: skip
    assert np.isfinite(gaps.seen_by(model, None, 4, None).values).tolist() == [
        [True, False, False]
    ]
    assert gaps.seen_by(model, None, 4, None).operator[0, 0] == 1 / EXACT


def test_what_lies_far_out_is_said(model):
    with pytest.warns(UserWarning, match="fill: a = 900 lies outside the training range"):
        rows_with_gaps(model, table_of(np.array([[900.0, np.nan, 1000.0]])))


def test_refusals(model, plan):
    with pytest.raises(gv.InputError, match=r"must have a column of the model's \(a, b, c\)"):
        gv.fill(model, plan, np.array([(1.0,)], [("z", "f8")]), 3)
    with pytest.raises(gv.InputError, match=r"column 'a'.*must hold numbers"):
        gv.fill(model, plan, np.array([("x",)], [("a", "U3")]), 3)
    with pytest.raises(gv.InputError, match="observed: must be left out"):
        gv.fill(model, plan, np.array([(1.0,)], [("a", "f8")]), 3, observed=None)
    law = gv.Gaussian(MEAN, COV)
    with pytest.raises(gv.InputError, match="must be of a table with columns"):
        rows_with_gaps(gv.ExactDenoiser(law), table_of(MEAN[None]))


def test_a_gap_of_a_column_that_had_gaps_is_filled_with_a_value(tmp_path):
    """Its mark is measured as "there": gaps are filled, whatever share of the data has some."""
    rng = np.random.default_rng(2)
    a = rng.normal(size=1500)
    rows = np.empty(1500, [("a", "f8"), ("kind", "U3")])
    rows["a"], rows["kind"] = np.where(rng.random(1500) < 0.4, np.nan, a), "oak"
    rows["kind"][a > 0] = "ash"
    model = gv.fit(gv.load_data(rows[:1200]), steps=60, network="mlp")
    plan = gv.audit(model, gv.load_data(rows[1200:]), levels=17).plan(
        steps=6, sampler="analytic-dpm"
    )
    open_rows = np.array([(np.nan, "oak"), (np.nan, ""), (0.5, "")], rows.dtype)
    filled = gv.fill(model, plan, open_rows, 40)
    assert np.isfinite(filled["a"]).all()
    assert (filled["kind"][0] == "oak").all()
    assert set(filled["kind"].ravel()) == {"oak", "ash"}
    assert (filled["a"][2] == 0.5).all()
    with pytest.raises(gv.InputError, match=r"column 'kind'.*got elm"):
        gv.fill(model, plan, np.array([(np.nan, "elm")], rows.dtype), 3)


def test_known_cells_that_the_column_would_change_are_refused():
    rng = np.random.default_rng(3)
    rows = np.empty(300, [("k", "i8"), ("when", "M8[D]"), ("a", "f8")])
    rows["a"], rows["k"] = rng.normal(size=300), rng.poisson(40, 300)
    rows["when"] = np.datetime64("2020-01-01") + rng.integers(0, 900, 300)
    model = gv.fit(gv.load_data(rows), steps=2, network="mlp")
    finer = np.datetime64("2020-06-01T12:30")
    for name, value, words in (("k", 3.7, "whole numbers"), ("when", finer, "dates as coarse")):
        other = np.array([(value,)], [(name, np.asarray(value).dtype)])
        with pytest.raises(InputError, match=f"column '{name}' must hold {words}"):
            rows_with_gaps(model, other)
        assert rows_with_gaps(model, rows[[name]][:3]).cells[name].tolist() == (
            rows[name][:3].tolist()
        )
