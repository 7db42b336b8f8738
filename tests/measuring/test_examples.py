"""Where examples and moments come from, and which data are refused as held-out."""

import numpy as np
import pytest
import torch

from girsanov._checks import InputError
from girsanov.data import load_data
from girsanov.denoise.exact import ExactDenoiser
from girsanov.law import Gaussian, GaussianMixture
from girsanov.measuring.examples import (
    LawExamples,
    Part,
    beside_train,
    held_out_examples,
    moments_for,
    training_examples,
)

LAW = GaussianMixture([0.3, 0.7], [[-1.5, 0.0], [1.0, 2.0]], [0.04, 0.15])


def table(n=200, seed=0):
    rng = np.random.default_rng(seed)
    return load_data(rng.gamma(2.0, size=(n, 3)), labels=np.arange(n) % 4)


class Trained:
    """As much of a trained denoiser as the origin of examples depends on."""

    shape, classes, exact = (3,), 0, False
    dtype, device, fingerprint, snr_range = torch.float32, torch.device("cpu"), "t", (1e-3, 1e3)

    def __init__(self, *seen, standardisation=None, moments=None):
        self.training = {"seen": [data.lineage for data in seen]}
        if standardisation is not None:
            self.standardisation = standardisation
        if moments is not None:
            self.moments = moments

    def __call__(self, x, snr, label=None):
        raise NotImplementedError  # where examples come from, none is denoised


def test_draws_of_a_law_do_not_depend_on_the_slice():
    source = LawExamples(LAW, 50, 3)
    rows = source.batch(slice(0, 50))
    assert len(source) == 50
    assert torch.allclose(source.batch(slice(17, 31)), rows[17:31], rtol=0, atol=1e-14)
    assert not torch.equal(LawExamples(LAW, 50, 4).batch(slice(0, 50)), rows)
    assert source.batch_labels(slice(0, 5)) is None


def test_parts_are_the_rows_they_name():
    data, order = table(), np.array([3, 1, 4, 15, 9, 26])
    part = Part(Part(data, np.arange(10, 60)), order)
    assert len(part) == 6
    assert torch.equal(part.batch(slice(1, 4)), data.batch(order[1:4] + 10))
    assert torch.equal(part.batch_labels(slice(1, 4)), data.batch_labels(order[1:4] + 10))


def test_chosen_examples_are_spread_over_a_sorted_file():
    data = load_data(np.repeat(np.arange(3.0), 1000)[:, None] + np.zeros((3000, 2)))
    some = held_out_examples(Trained(), data, 300, 5)
    value = data.standardisation.decode(some.batch(slice(0, 300)).numpy())[:, 0]
    counts = np.bincount(value.astype(int), minlength=3)
    assert (abs(counts - 100) < 4 * np.sqrt(300 * 2 / 9)).all()
    again = held_out_examples(Trained(), data, 300, 6)
    assert not torch.equal(some.batch(slice(0, 300)), again.batch(slice(0, 300)))


def test_a_network_is_audited_on_a_law_in_its_own_units():
    law = Gaussian([50.0, -20.0, 3.0], [100.0, 25.0, 4.0])
    units = load_data(law.sample(500, seed=1).numpy()).standardisation
    batch = held_out_examples(Trained(standardisation=units), law, 2000, 0).batch(slice(0, 2000))
    assert abs(batch.mean(0)).max() < 0.3
    assert abs(batch.std(0) - 1).max() < 0.2


def test_audited_draws_of_a_law_are_not_its_first_ones():
    source = held_out_examples(ExactDenoiser(LAW), LAW, 50, 0)
    assert not torch.equal(source.batch(slice(0, 50)), LAW.sample(50, seed=0))


def test_examples_limit_what_is_read():
    data = table()
    assert len(held_out_examples(Trained(), data, None, 0)) == 200
    assert len(held_out_examples(Trained(), data, 64, 0)) == 64
    assert len(held_out_examples(ExactDenoiser(LAW), LAW, None, 0)) == 20_000
    with pytest.raises(InputError, match="examples: must be at most the 200 in the data; got 201"):
        held_out_examples(Trained(), data, 201, 0)
    for law_or_data in (data, LAW):
        with pytest.raises(InputError, match="examples: must be a whole number"):
            held_out_examples(Trained(), law_or_data, 0, 0)


def test_examples_come_in_the_units_of_the_model():
    data, other = table(), table(seed=9)
    model = Trained(standardisation=other.standardisation)
    expected = other.standardisation.encode(data.raw(slice(0, 4)))
    got = held_out_examples(model, data, None, 0).batch(slice(0, 4))
    assert torch.equal(got, torch.from_numpy(expected))
    assert not torch.equal(got, data.batch(slice(0, 4)))
    assert torch.equal(training_examples(model, data, 200).batch(slice(0, 4)), got)
    assert len(training_examples(model, data, 7)) == 7


def test_held_out_part_of_the_training_data_is_taken():
    first, rest = table().split(0.75, seed=2)
    assert len(held_out_examples(Trained(first), rest, None, 0)) == 50
    assert len(held_out_examples(Trained(rest), first, None, 0)) == 150
    assert len(held_out_examples(Trained(first), table(seed=5), None, 0)) == 200


def test_data_the_model_has_seen_is_refused_and_counted():
    data = table()
    first, rest = data.split(0.75, seed=2)
    other, other_rest = data.split(0.75, seed=3)
    inner, inner_rest = first.split(0.5, seed=4)
    cases = [
        ((data,), data, 200),
        ((first,), first, 150),
        ((first,), data, 150),  # holds the training part
        ((data,), rest, 50),  # a part of what was all trained on
        ((first,), inner, 75),  # a part of the part trained on
        ((inner,), data, 75),  # trained on a part of a part of the whole file
        ((inner,), first, 75),
        ((inner, rest), rest, 50),  # the second stopped the training early
        ((first.without_labels(),), first, 150),
    ]
    for seen, given, shared in cases:
        text = f"data: holds {shared} of {len(given)} examples that this model saw in training"
        with pytest.raises(InputError, match=text):
            held_out_examples(Trained(*seen), given, None, 0)
    for given in (other, other_rest):  # another split of the same rows overlaps by chance
        a, b = (set(map(bytes, part.raw(slice(None)))) for part in (first, given))
        with pytest.raises(InputError, match=f"data: holds {len(a & b)} of {len(given)} examples"):
            held_out_examples(Trained(first), given, None, 0)
    for unseen in (rest, inner_rest, rest.split(0.5)[1]):
        assert len(held_out_examples(Trained(inner), unseen, None, 0)) == len(unseen)


def test_held_out_data_shared_with_the_training_data_given_is_refused():
    first, rest = table().split(0.75, seed=2)
    assert beside_train(Trained(), rest, None) is rest
    assert beside_train(Trained(), LAW, first) is LAW
    mine = beside_train(Trained(), rest, first)
    assert mine.standardisation is first.standardisation
    with pytest.raises(InputError, match="data: holds 50 of 50 examples that are also in the tra"):
        beside_train(Trained(), rest, table())


def test_moments_never_come_from_audited_examples():
    data, train = table(), table(seed=9)
    source = held_out_examples(Trained(), data, None, 0)
    moments, origin, kept, others = moments_for(Trained(), data, None, source)
    assert origin == "held-out, set aside"
    assert len(kept) == 150
    rest = {tuple(row) for row in kept.batch(slice(0, 150)).numpy()}
    aside = np.array([row for row in data.batch(slice(0, 200)).numpy() if tuple(row) not in rest])
    assert len(aside) == 50
    aside = aside.astype(np.float64)
    assert moments.mean == pytest.approx(aside.mean(axis=0))
    assert moments.variance == pytest.approx(aside.var(axis=0, ddof=1).sum())
    known = others.batch(slice(0, len(others))).numpy()
    assert {tuple(row) for row in known} == {tuple(row) for row in aside.astype(known.dtype)}
    moments, origin, kept, others = moments_for(Trained(), data, train, source)
    assert (origin, kept) == ("train", source)
    assert moments.mean == pytest.approx(train.batch(slice(0, 200)).double().numpy().mean(axis=0))
    own = moments
    moments, origin, kept, others = moments_for(Trained(moments=own), data, train, source)
    assert (moments, kept, origin, len(others)) == (own, source, "model", 200)


def test_moments_of_a_law_are_its_own():
    law = Gaussian([1.0, 2.0], [[2.0, 0.5], [0.5, 1.0]])
    source = LawExamples(law, 100, 0)
    moments, origin, kept, others = moments_for(ExactDenoiser(law), law, None, source)
    assert (kept, origin, moments.count, others) == (source, "law", 0, None)
    assert moments.variances == pytest.approx(np.linalg.eigvalsh(law.covariance())[::-1])
