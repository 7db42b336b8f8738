"""A table from rows to samples: the network of columns, its folder, and what it refuses."""

import json

import numpy as np
import pytest
from scipy import stats

import girsanov as gv
from girsanov._checks import InputError


def rows_of(n, seed=0):
    """Dependent columns: a pile and a heavy tail, few values, counts, a rare category."""
    rng = np.random.default_rng(seed)
    rows = np.zeros(n, dtype=[("paid", "f8"), ("rooms", "i8"), ("visits", "i8"), ("kind", "U6")])
    rare = rng.random(n) < 0.06
    rows["kind"] = np.where(rare, "estate", "flat")
    rows["rooms"] = np.where(rare, 9, rng.integers(1, 5, n))
    paid = rng.lognormal(0.4 * rows["rooms"], 1.2).round(2)
    rows["paid"] = np.where(rng.random(n) < 0.35, 0.0, paid)
    rows["visits"] = rng.poisson(np.where(rows["paid"] > 0, 4.0, 0.5))
    return rows


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables") / "model"
    return gv.fit(gv.load_data(rows_of(1500)), out=folder, steps=800, seed=0), folder


def test_a_table_is_trained_in_units_of_its_scores(model):
    fitted, folder = model
    assert fitted.preconditioning == "columns"
    assert fitted.standardisation.mixtures
    assert fitted.training["network"] == "columns"
    loaded = gv.load_model(folder)
    x = loaded.standardisation.encode(rows_of(30, seed=5))
    points = gv.load_data(rows_of(30, seed=5)).with_standardisation(loaded.standardisation)
    noisy = points.batch(slice(None)) + 0.3
    assert np.array_equal(loaded(noisy, 4.0).numpy(), fitted(noisy, 4.0).numpy())
    assert loaded.fingerprint == fitted.fingerprint
    assert x.shape == (30, 5)


def test_samples_keep_the_columns_and_their_dependence(model):
    fitted, _ = model
    held = gv.load_data(rows_of(1200, seed=1))
    audit = gv.audit(fitted, held, train=gv.load_data(rows_of(1500)))
    plan = audit.plan()
    drawn, real = gv.sample(fitted, plan, 3000, seed=2), rows_of(3000, seed=3)
    for name in ("paid", "rooms", "visits"):
        assert stats.ks_2samp(drawn[name], real[name]).statistic < 0.08
    assert set(drawn["rooms"]) <= {1, 2, 3, 4, 9}
    share = (drawn["kind"] == "estate").mean()
    assert abs(share - 0.06) < 0.035
    estate = drawn["kind"] == "estate"
    assert (drawn["rooms"][estate] == 9).mean() > 0.9
    assert (drawn["rooms"][~estate] == 9).mean() < 0.02
    nothing = drawn["paid"] == 0
    assert abs(nothing.mean() - 0.35) < 0.06
    assert drawn["visits"][nothing].mean() < 1.2 < 3 < drawn["visits"][~nothing].mean()


def test_rows_held_out_by_hand_are_in_the_same_units():
    train, held = gv.load_data(rows_of(300)).split(0.8)
    fitted = gv.fit(train, held_out=held, steps=4)
    assert fitted.preconditioning == "columns"
    assert fitted.standardisation.to_json() == train.scored_units.to_json()


def test_the_same_steps_give_the_same_weights(model):
    fitted, _ = model
    again = gv.fit(gv.load_data(rows_of(1500)), steps=800, seed=0)
    assert again.fingerprint == fitted.fingerprint


def test_a_run_of_a_table_is_taken_up_where_it_stopped(tmp_path):
    data, folder = gv.load_data(rows_of(300)), tmp_path / "model"

    def stop(done, total):
        if done == 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        gv.fit(data, out=folder, steps=20, progress=stop)
    went_on = gv.fit(data, out=folder, steps=20, resume=True)
    assert went_on.fingerprint == gv.fit(data, steps=20).fingerprint


def test_phase_space_and_mlp_take_tables_as_before():
    data = gv.load_data(rows_of(200))
    for options in ({"network": "mlp"}, {"process": "cld"}):
        fitted = gv.fit(data, steps=3, **options)
        assert fitted.preconditioning == "wiener"
        assert not fitted.standardisation.mixtures


@pytest.mark.parametrize("options", [{"process": "cld"}, {}])
def test_columns_are_refused_where_there_are_none(options):
    data = gv.load_data(rows_of(200)) if options else gv.load_data(np.ones((50, 3)))
    with pytest.raises(InputError, match="must be of rows of a table and of the process vp"):
        gv.fit(data, network="columns", steps=3, **options)


def test_a_folder_whose_units_are_of_other_columns_is_refused(model, tmp_path):
    import shutil

    _, folder = model
    copied = tmp_path / "model"
    shutil.copytree(folder, copied)
    record = json.loads((copied / "girsanov.json").read_text())
    columns = record["standardisation"]["columns"]
    del columns[1]["scores"]
    (copied / "girsanov.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match="must be of a table in units of its scores"):
        gv.load_model(copied)
    record["standardisation"]["columns"] = columns[:1]
    (copied / "girsanov.json").write_text(json.dumps(record))
    with pytest.raises(InputError, match=r"must be of the .* components of its columns"):
        gv.load_model(copied)
