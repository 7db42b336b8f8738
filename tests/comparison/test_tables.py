"""`compare` on tables: closed forms, sizes of tests, coverage of intervals, and messy columns."""

import json

import numpy as np
import pytest
from comparison.pairs import least_covered, looks_uniform
from scipy import stats

import girsanov as gv
from girsanov import InputError
from girsanov.comparison.measures.closest import closest_distances
from girsanov.comparison.measures.columns import column_distances
from girsanov.comparison.measures.pairs import pair_squares
from girsanov.comparison.measures.target import Task, _estimate
from girsanov.comparison.measures.trees import judged_blocks
from girsanov.comparison.tables.dependence import Blocks
from girsanov.comparison.tables.rank_tests import auc_interval, dealt_p_value, placements
from girsanov.comparison.tables.three_tables import ThreeTables

pytest.importorskip("sklearn")


def numbers(*tables, trained=True):
    """Samples, real rows and data of columns of numbers."""
    names = tuple(f"x{k}" for k in range(tables[0].shape[1]))
    return ThreeTables(names, ((),) * len(names), *tables, trained)


def draw(count, rng, shift=0.0, shares=(0.7, 0.29, 0.01)):
    """A number, a category with a rare value, one with gaps, a count and a constant."""
    z = rng.normal(size=count)
    word = rng.choice(3, count, p=shares)
    gaps = np.where(rng.random(count) < 0.1, np.nan, 0.7 * z + 0.7 * rng.normal(size=count))
    return np.column_stack([z + shift, word, gaps, rng.poisson(1.0, count), np.full(count, 2.0)])


def three(n, m, rng, **samples):
    words = ((), ("a", "b", "c"), (), (), ())
    tables = draw(n, rng, **samples), draw(n, rng), draw(m, rng)
    return ThreeTables(("z", "word", "gaps", "count", "constant"), words, *tables, trained=True)


# --- columns


def test_a_columns_distance_is_that_of_scipy_and_tends_to_the_closed_form():
    rng = np.random.default_rng(1)
    tables = three(4000, 3000, rng, shift=0.5, shares=(0.5, 0.4, 0.1))
    found = column_distances(tables)
    assert found.distance[0] == pytest.approx(
        stats.ks_2samp(tables.samples[:, 0], tables.data[:, 0]).statistic, abs=1e-6
    )
    shares = [np.bincount(t[:, 1].astype(int), minlength=3) / len(t)
              for t in (tables.samples, tables.data)]  # fmt: skip
    total = np.abs(shares[0] - shares[1]).sum() / 2
    assert found.distance[1] == pytest.approx(total, abs=1e-6)
    truth = np.array([2 * stats.norm.cdf(0.25) - 1, 0.2, 0, 0, 0])
    assert np.all(np.abs(found.distance - truth) <= 1.6 * found.half + 1e-9)
    assert found.half.max() < 0.05
    assert found.p_values[:2] == pytest.approx(1 / 200)
    assert found.p_values[4] == 1  # a constant column is never off


def test_what_is_missing_counts_as_less_than_all_numbers():
    x, y = np.full((100, 1), np.nan), np.arange(100.0)[:, None]
    x[:70] = y[:70]
    found = column_distances(numbers(x, y, y))
    assert found.distance[0] == pytest.approx(0.3, abs=1e-6)  # the share, though values differ too


@pytest.mark.parametrize("sizes", [(20, 20), (150, 80)])
def test_no_column_is_off_more_often_than_said_and_intervals_hold_the_truth(sizes):
    runs, least, covered = 40, [], np.zeros(4)
    truth = np.array([2 * stats.norm.cdf(0.25) - 1, 0.2, 0, 0])
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        least.append(column_distances(three(*sizes, rng), seed=seed).p_values.min())
        off = column_distances(three(*sizes, rng, shift=0.5, shares=(0.5, 0.4, 0.1)), seed=seed)
        covered += np.abs(off.distance - truth_of(truth))[:4] <= off.half[:4] + 1e-9
    assert looks_uniform(least)
    assert np.all(covered >= least_covered(runs, 0.93))  # few rows: a little short


def truth_of(truth):
    return np.append(truth, 0.0)


# --- pairs


def test_dependence_is_spearmans_of_numbers_and_cramers_of_two_by_two():
    rng = np.random.default_rng(2)
    z = rng.normal(size=(400, 2))
    a, b = np.exp(z[:, 0]), (z[:, 0] + z[:, 1]).round(1)
    two, other = z[:, 0] + rng.normal(size=400) > 0.3, z[:, 1] > z[:, 0]
    table = np.column_stack([a, b, two, other])
    tables = ThreeTables(tuple("abcd"), ((), (), ("no", "yes"), ("no", "yes")), table, table,
                         table, trained=True)  # fmt: skip
    blocks = Blocks.of(tables)
    _, strengths = pair_squares(blocks, table, table)
    pairs = list(zip(*blocks.pairs, strict=True))
    assert strengths[0, pairs.index((0, 1))] == pytest.approx(stats.spearmanr(a, b).statistic)
    phi = np.corrcoef(two, other)[0, 1]
    assert strengths[0, pairs.index((2, 3))] == pytest.approx(abs(phi))
    # of ranks and two values: the correlation ratio is the size of their correlation
    ratio = abs(np.corrcoef(stats.rankdata(a), two)[0, 1])
    assert strengths[0, pairs.index((0, 2))] == pytest.approx(ratio)


def test_a_difference_sees_which_categories_go_together():
    rng = np.random.default_rng(3)
    a = rng.integers(0, 3, 900).astype(float)
    same, turned = np.column_stack([a, a]), np.column_stack([a, (a + 1) % 3])
    words = (tuple("abc"), tuple("xyz"))
    tables = ThreeTables(("a", "x"), words, turned, same, same, trained=True)
    squares, strengths = pair_squares(Blocks.of(tables), tables.samples, tables.data)
    assert strengths[:, 0] == pytest.approx(strengths[0, 0])  # just as strong, for Cramer's V
    assert squares[0, 0] ** 0.5 > 1.2 * strengths[0, 0]


def test_marks_of_gaps_are_columns_of_their_own():
    rng = np.random.default_rng(4)
    z = rng.normal(size=500)
    y = np.where(z > 0.8, np.nan, rng.normal(size=500))
    table = np.column_stack([z, y])
    blocks = Blocks.of(numbers(table, table, table))
    assert blocks.names == ("x0", "x1", "x1 missing")
    _, strengths = pair_squares(blocks, table, table)
    at = [blocks.names[j] for j in blocks.pairs[1]].index("x1 missing")
    assert strengths[0, at] == pytest.approx(
        np.corrcoef(stats.rankdata(z), np.isnan(y))[0, 1], abs=1e-9
    )


def test_the_error_of_pairs_holds_and_a_difference_is_found_without_bias():
    """One correlation of .8 against .2; Spearman's rho of a Gaussian is 6/pi asin(r/2)."""
    truth = 6 / np.pi * (np.arcsin(0.4) - np.arcsin(0.1))
    inside, runs = 0, 60
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        pair = [rng.multivariate_normal([1, 5], [[1, r], [r, 1]], 200) for r in (0.2, 0.8)]
        found = gv.compare(table_of(pair[0]), table_of(pair[1]), train=table_of(pair[1]),
                           by="pairs")["pairs"]  # fmt: skip
        inside += found.low <= truth <= found.high
    assert inside >= least_covered(runs)


def table_of(rows, **more):
    columns = [*rows.T, *more.values()]
    return np.rec.fromarrays(columns, names=[*(f"x{k}" for k in range(rows.shape[1])), *more])


# --- trees


def test_auc_is_the_normal_one_with_an_honest_interval():
    truth, inside, runs = stats.norm.cdf(1 / 2**0.5), 0, 200
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        blocks = [(rng.normal(1, 1, 25), rng.normal(size=15)) for _ in range(4)]
        found = auc_interval(blocks, 0.95)
        inside += found.low <= truth <= found.high
    assert inside >= least_covered(runs)
    x, y = rng.normal(1, 1, 30), rng.normal(size=40)
    own = stats.mannwhitneyu(x, y).statistic / (30 * 40)
    assert placements(x, y).auc == pytest.approx(own)
    perfect = auc_interval([(x + 99, y)], 0.95)
    assert perfect.low < perfect.value == perfect.high == 1


def test_the_rank_test_is_exact_with_ties_and_blocks():
    p_values = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        blocks = [(rng.poisson(1, 6), rng.poisson(1, 5)), (rng.poisson(9, 6), rng.poisson(9, 5))]
        p_values.append(dealt_p_value(blocks, seed))
    assert looks_uniform(p_values)
    assert np.mean(np.array(p_values) < 0.5) > 0.3  # and not always 1
    x, y = rng.normal(0.6, 1, 40), rng.normal(size=40)
    mine, own = dealt_p_value([(x, y)], 0), stats.mannwhitneyu(x, y, alternative="greater").pvalue
    assert mine == pytest.approx(own, abs=4 * (own / 999) ** 0.5 + 2e-3)


def test_trees_tell_a_shift_as_well_as_can_be_and_nothing_from_nothing():
    runs, shift = 4, 1.0
    best, p_values, values = stats.norm.cdf(shift / 2**0.5), [], []
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        x, r, y = rng.normal(size=(3, 200, 2))
        tables = numbers(x + np.array([shift, 0.0]), r, y)
        found = auc_interval(judged_blocks(tables, seed), 0.95)
        assert found.low < best
        values.append(found.value)
        p_values.append(dealt_p_value(judged_blocks(tables.dealt(0, seed), seed), seed))
    error = np.std(values) / runs**0.5
    assert best - 0.12 < np.mean(values) < best + 4 * error
    assert looks_uniform(p_values)


# --- target


def regression(count, rng, slope=1.0):
    x = rng.normal(size=(count, 2))
    return np.column_stack([x, slope * x[:, 0] + rng.normal(size=count)])


@pytest.mark.parametrize("kind", ["R2", "AUC", "accuracy"])
def test_equal_laws_teach_the_same_within_the_interval(kind):
    for seed in range(3):  # the error is about twice the spread, as (2) promises no more than that
        rng = np.random.default_rng(seed)
        tables = [regression(80, rng) for _ in range(3)]
        words = ((), (), ())
        if kind != "R2":
            ends = [0.0] if kind == "AUC" else [-0.7, 0.7]
            for table in tables:
                table[:, 2] = np.digitize(table[:, 2], ends)
            words = ((), (), tuple("abc"[: len(ends) + 1]))
        task = Task.of(ThreeTables(tuple("xyt"), words, *tables, trained=True), "t")
        assert task.kind == kind
        ours, real = (task.learnt(rows, seed) for rows in (task.samples, task.real))
        apart = _estimate([ours, real], ours.score - real.score, ours.influence - real.influence)
        low, high = apart.interval()
        assert low <= 0 <= high
        assert high - low < 1.5


def test_samples_without_the_dependence_teach_less():
    rng = np.random.default_rng(6)
    tables = [table_of(regression(300, rng, slope)) for slope in (0.0, 1.0, 1.0)]
    row = gv.compare(tables[0], tables[1], train=tables[2], target="x2", by="target")["target"]
    assert row.high < 0
    ours, real = row.parts
    assert real.low < 0.5 < real.high + 0.1  # R2 of the best guess is 1/2
    assert ours.value < 0.1
    assert "samples teach less" in str(
        gv.compare(tables[0], tables[1], train=tables[2], target="x2", by="target")
    )


# --- closest


def test_copies_are_found_and_fresh_rows_are_not():
    p_values = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        tables = three(60, 40, rng)
        ours, held = closest_distances(tables)
        p_values.append(dealt_p_value([(-ours, -held)], seed))
    assert looks_uniform(p_values)
    copied = three(200, 100, rng)
    copied.samples[:60] = copied.real[:60]
    ours, held = closest_distances(copied)
    assert (ours[:60] < 1e-6).all()
    assert dealt_p_value([(-ours, -held)], 0) < 0.01


def test_the_distance_counts_every_column_alike():
    real = np.array([[1.0, 0.0], [2.0, 1.0], [3.0, 0.0], [4.0, 1.0]])
    data = np.array([[4e9, 0.0], [np.nan, 1.0]])
    words = ((), ("a", "b"))
    ours, _ = closest_distances(ThreeTables(("x", "k"), words, data, real, data, trained=True))
    # beyond all rows of "a" by 1 - 5/8; the mark and half a column less 1/8 at the nearest of "b"
    assert ours == pytest.approx([3 / 8, (0.75 + 0.125**2) ** 0.5])


# --- messy tables


def flat(found):
    return " ".join(str(found).split())


def messy(count, seed, rare=False):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=count)
    word = np.where(z > 0, "yes", "no").astype("U5")
    word[0] = "rare" if rare else "yes"
    day = np.datetime64("2020-01-01") + rng.integers(0, 400, count)
    day[1] = np.datetime64("NaT")
    income = np.where(rng.random(count) < 0.2, np.nan, np.exp(9 * z))
    return np.rec.fromarrays(
        [z * 1e-9, income, income, word, day, np.full(count, 3), rng.random(count) < 0.5],
        names="tiny,income,again,word,day,constant,flag",
    )


@pytest.mark.parametrize("count", [20, 36])
@pytest.mark.parametrize("train", [None, 120])
@pytest.mark.filterwarnings("error")
def test_messy_tables_of_any_size_are_compared(count, train):
    seen = None if train is None else messy(train, 3)
    found = gv.compare(messy(count + 4, 1, rare=True), messy(count, 2), train=seen, target="word")
    names = [row.name for row in found.rows]
    assert names[:5] == ["columns", "pairs", "trees", "target", "closest"]
    content = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert type(found).from_json(content, "file") == found
    assert count == 20 or "no column is off" in flat(found)
    assert {part.name for part in found["columns"].parts} == set(messy(2, 0).dtype.names)


@pytest.mark.filterwarnings("error")
def test_a_category_that_one_of_both_lacks_and_gaps_in_samples_alone_are_compared():
    rng = np.random.default_rng(0)
    word = np.array(["a", "b"])[rng.integers(0, 2, 100)]
    full = np.rec.fromarrays([rng.normal(size=100), word], names="x,word")
    other = np.rec.fromarrays(
        [np.where(rng.random(100) < 0.3, np.nan, full.x), np.where(word == "a", "", "c")],
        names="x,word",
    )
    for samples, data in ((full, other), (other, full)):
        found = gv.compare(samples, data, train=data, by=["columns", "pairs", "trees", "mmd"])
        assert found["columns"].parts[0].name == "word"
        assert found["columns"].parts[0].value == pytest.approx(1, abs=0.01)
        assert "off: word" in flat(found)


@pytest.mark.filterwarnings("error")
def test_one_column_and_two_hundred():
    rng = np.random.default_rng(0)
    one = [np.rec.fromarrays([rng.normal(size=60)], names="x") for _ in range(3)]
    assert "pairs" not in [r.name for r in gv.compare(one[0], one[1], train=one[2]).rows]
    with pytest.raises(InputError, match="target: needs other columns"):
        gv.compare(one[0], one[1], target="x")
    many = [table_of(rng.normal(size=(60, 200))) for _ in range(3)]
    many[0]["x7"] += 3
    found = gv.compare(many[0], many[1], train=many[2], by=["columns", "pairs", "trees"])
    assert [p.name for p in found["columns"].parts if p.p_value <= 0.05] == ["x7"]
    assert len(str(found).splitlines()) < 60


# --- what is asked


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("none", r"target: must be a column of the data \(tiny, income"),
        ("constant", "target: must take two values or more"),
    ],
)
def test_targets_that_cannot_be_are_refused(target, message):
    with pytest.raises(InputError, match=message):
        gv.compare(messy(60, 1), messy(60, 2), target=target)


def test_a_target_of_arrays_is_refused_and_one_must_be_named():
    x = np.random.default_rng(0).normal(size=(60, 2))
    with pytest.raises(InputError, match="target: must be a table with columns"):
        gv.compare(x, x, target="x0")
    with pytest.raises(InputError, match=r"target: must name the column to predict.*--target"):
        gv.compare(messy(60, 1), messy(60, 2), by="target")


def test_labels_are_a_column_of_their_own():
    sets = [gv.load_data(messy(80, seed), labels="word") for seed in range(3)]
    found = gv.compare(sets[0], sets[1], train=sets[2], target="word", by=["columns", "target"])
    assert "word" in {part.name for part in found["columns"].parts}
    assert "AUC of word" in found["target"].note


def test_without_scikit_learn_the_rest_is_compared_and_the_lack_is_said(monkeypatch):
    from girsanov.comparison import compare as room

    monkeypatch.setattr(room, "find_spec", lambda name: None if name == "sklearn" else True)
    found = gv.compare(messy(60, 1), messy(60, 2))
    assert {"columns", "pairs", "closest"} <= {row.name for row in found.rows}
    assert {"trees", "classifier"} <= set(found.left_out)
    told = " ".join(str(found).split())
    assert "not measured, for want of scikit-learn" in told
    assert 'pip install "girsanov[compare]"' in told


def test_a_comparison_is_kept_in_a_file(tmp_path):
    found = gv.compare(messy(60, 1), messy(60, 2), by=["columns", "pairs"])
    found.save(tmp_path / "c.json")
    assert gv.load_comparison(tmp_path / "c.json") == found
    content = json.loads((tmp_path / "c.json").read_text())
    assert content["format"] == "girsanov/comparison/1"
    content["measures"][0]["value"] = "much"
    (tmp_path / "c.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"must have a number as value.*Run girsanov compare"):
        gv.load_comparison(tmp_path / "c.json")
