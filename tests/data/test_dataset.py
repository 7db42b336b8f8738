"""Splits, shared standardisation, labels, fingerprints, and what a large file costs in memory."""

import tracemalloc

import numpy as np
import pytest
import torch

from girsanov._checks import InputError
from girsanov.data import load_data


def skewed(n=200, d=3):
    rng = np.random.default_rng(3)
    return rng.gamma(0.5, size=(n, d)) * [1, 5, 100] + [50, -3, 0]


def rows_of(part):
    return {tuple(row) for row in part.raw(slice(None)).tolist()}


@pytest.mark.parametrize("fraction", [0.01, 0.5, 0.8, 0.995])
def test_split_parts_are_disjoint_and_together_everything(fraction):
    x = skewed()
    first, rest = load_data(x).split(fraction, seed=4)
    assert len(first) == round(fraction * 200)
    assert rows_of(first).isdisjoint(rows_of(rest))
    assert rows_of(first) | rows_of(rest) == {tuple(row) for row in x.tolist()}


def test_split_is_the_seeded_permutation():
    x = skewed()
    order = np.random.default_rng(7).permutation(200)
    first, rest = load_data(x).split(0.25, seed=7)
    np.testing.assert_array_equal(first.raw(slice(None)), x[order[:50]])
    np.testing.assert_array_equal(rest.raw(slice(None)), x[order[50:]])
    other, _ = load_data(x).split(0.25, seed=8)
    assert rows_of(other) != rows_of(first)


def test_standardisation_is_learnt_from_the_first_part_and_shared():
    x = skewed()
    first, rest = load_data(x).split(0.5, seed=1)
    mean = first.raw(slice(None)).mean(0)
    np.testing.assert_allclose(rest.standardisation.mean, mean, rtol=1e-12)
    assert np.abs(mean - x.mean(0)).max() > 0.01  # it is not the whole's
    assert rest.standardisation is first.standardisation
    np.testing.assert_allclose(first.batch(slice(None)).numpy().std(0), 1, rtol=1e-5)


def test_parts_of_held_out_rows_keep_the_training_standardisation():
    train, held = load_data(skewed()).split(0.5)
    a, b = held.split(0.5, seed=2)
    assert a.standardisation is b.standardisation is train.standardisation
    sub, _ = train.split(0.5, seed=2)
    np.testing.assert_allclose(sub.standardisation.mean, sub.raw(slice(None)).mean(0), rtol=1e-12)


def test_a_given_standardisation_survives_a_split():
    x = skewed()
    s = load_data(x + 1.0).standardisation
    data = load_data(x).with_standardisation(s)
    first, rest = data.split(0.5)
    assert first.standardisation is rest.standardisation is data.standardisation is s
    np.testing.assert_array_equal(data.batch(slice(0, 9)).numpy(), s.encode(x[:9]))


def test_with_standardisation_refuses_rows_of_another_kind():
    data = load_data(skewed())
    with pytest.raises(InputError, match=r"shape \[b, 2\]; got \(1, 3\)"):
        data.with_standardisation(load_data(skewed()[:, :2]).standardisation)
    table = np.array([(1.0,), (2.0,)], [("a", "f8")])
    with pytest.raises(InputError, match="structured array"):
        data.with_standardisation(load_data(table).standardisation)


@pytest.mark.parametrize(
    ("fraction", "message"),
    [
        (0.0, "strictly between 0 and 1; got 0"),
        (1, "strictly between 0 and 1; got 1"),
        (-0.5, "strictly between"),
        (float("nan"), "finite number"),
        ("half", "finite number"),
        (0.001, "rows in both parts of 200 rows; got 0.001"),
        (0.999, "rows in both parts"),
    ],
)
def test_bad_fractions_are_refused(fraction, message):
    with pytest.raises(InputError, match=f"^fraction: .*{message}"):
        load_data(skewed()).split(fraction)


def test_bad_seed_is_refused():
    with pytest.raises(InputError, match="seed: must be a whole number >= 0"):
        load_data(skewed()).split(0.5, seed=-1)


def test_batches_by_slice_and_by_rows_agree():
    data, _ = load_data(skewed()).split(0.5)
    whole = data.batch(slice(None))
    assert whole.dtype == torch.float32
    assert whole.shape == (100, *data.shape)
    rows = np.array([5, 3, 99])
    torch.testing.assert_close(data.batch(rows), whole[rows], rtol=0, atol=0)
    torch.testing.assert_close(data.batch(slice(10, 13)), whole[10:13], rtol=0, atol=0)
    undivided = load_data(skewed())
    torch.testing.assert_close(
        undivided.batch(slice(-3, None)), undivided.batch(np.arange(197, 200)), rtol=0, atol=0
    )


def test_labels_follow_their_rows():
    x = np.arange(40.0)
    labels = np.where(x % 3 == 0, "three", "other")
    data = load_data(x, labels=labels)
    assert data.label_names == ("other", "three")
    for part in data.split(0.4, seed=5):
        codes = part.batch_labels(slice(None))
        assert codes.dtype == torch.int64
        assert (codes.numpy() == (part.raw(slice(None)) % 3 == 0)).all()
        np.testing.assert_array_equal(part.batch_labels(np.array([2, 0])), codes[[2, 0]])
    assert load_data(x).batch_labels(slice(None)) is None


def test_label_codes_can_be_those_of_a_model():
    data = load_data(np.arange(4.0), labels=np.array([9, 7, 7, 9]))
    assert data.labels.tolist() == [1, 0, 0, 1]
    assert data.with_label_names(("9", "8", "7")).labels.tolist() == [0, 2, 2, 0]
    with pytest.raises(InputError, match="labels among 1, 9; got 7"):
        data.with_label_names(("1", "9"))
    with pytest.raises(InputError, match="must have labels"):
        load_data(np.arange(4.0)).with_label_names(("1",))


def test_fingerprint_tells_content_labels_and_parts_apart(tmp_path):
    x = skewed()
    np.save(tmp_path / "x.npy", x)
    changed = x.copy()
    changed[150, 1] += 1e-9
    data = load_data(x)
    first, rest = data.split(0.5)
    all_of = [
        data,
        load_data(changed),
        load_data(x[::-1]),
        load_data(x.reshape(100, 6)),
        load_data(x.astype("f4")),
        load_data(x, labels=np.arange(200) % 2),
        load_data(x, labels=np.arange(200) % 2 + 1),
        first,
        rest,
        data.split(0.5, seed=1)[0],
    ]
    prints = [d.fingerprint for d in all_of]
    assert len(set(prints)) == len(prints)
    assert all(len(p) == 64 for p in prints)
    # The same content is the same data, wherever it comes from.
    assert load_data(tmp_path / "x.npy").fingerprint == data.fingerprint
    assert load_data(np.asfortranarray(x)).fingerprint == data.fingerprint
    assert load_data(tmp_path / "x.npy").split(0.5)[0].fingerprint == first.fingerprint


def test_repr_says_what_it_is():
    data = load_data(skewed(), labels=np.arange(200) % 4, name="gamma")
    assert repr(data) == "Dataset('gamma', 200 rows of shape (3,), 4 labels)"


def test_a_memory_mapped_file_is_never_held(tmp_path):
    n, d = 100_000, 500  # 200 MB, sparse on disk
    path = tmp_path / "large.npy"
    file = np.lib.format.open_memmap(path, "w+", "f4", (n, d))
    file[::1000] = np.random.default_rng(0).gamma(1.0, size=(100, d))
    file.flush()
    del file
    tracemalloc.start()
    try:
        train, held = load_data(path).split(0.8, seed=3)
        got = train.standardisation
        for start in range(0, 1000, 250):
            held.batch(slice(start, start + 250))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 40e6
    rows = np.load(path, mmap_mode="r")[np.sort(np.random.default_rng(3).permutation(n)[:80_000])]
    np.testing.assert_allclose(got.mean[:5], rows[:, :5].mean(0, dtype="f8"), rtol=1e-12)


def test_the_fingerprint_of_a_memory_mapped_file_is_streamed(tmp_path):
    path = tmp_path / "large.npy"
    np.lib.format.open_memmap(path, "w+", "f4", (20_000, 500)).flush()
    data = load_data(path)
    tracemalloc.start()
    try:
        data.fingerprint  # noqa: B018
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 10e6
