"""The loop: noise belongs to the sample, outputs have the moments that the steps promise."""

import numpy as np
import pytest
import torch
from catalogue import (
    LAWS,
    STOCHASTIC,
    agree,
    gaussian_recipe,
    output_of,
    over_laws,
    over_stochastic,
)

from girsanov._checks import InputError
from girsanov.basis import coordinate_basis, dct_basis
from girsanov.denoise.exact import ExactDenoiser
from girsanov.noise import NoiseSource
from girsanov.sampling.grids import log_uniform_grid
from girsanov.sampling.loop import coloured, sample_batches, sample_standardised
from girsanov.sampling.registry import recipe, stochastic_names
from girsanov.sampling.sampler import Recipe, Step

GRID = log_uniform_grid(0.02, 50.0, 6)
NORMAL = (0.0, GRID[0] ** -0.5, None)


class Toy:
    """A denoiser made of a function, with labels if asked for."""

    exact, fingerprint, device, snr_range = False, "toy", torch.device("cpu"), (1e-3, 1e3)

    def __init__(self, rule, shape=(2,), classes=0, dtype=torch.float64):
        self.rule, self.shape, self.classes, self.dtype = rule, shape, classes, dtype
        self.seen = []

    def __call__(self, x, snr, label=None):
        self.seen.append((tuple(x.shape), snr, label))
        return self.rule(x, snr, label)


# samples do not depend on how they are dealt out


def options(law):
    if law is LAWS["gaussian"]:
        return gaussian_recipe(law, GRID, "analytic-dpm", last="denoise")
    return recipe("ddpm", GRID, start=NORMAL)


@over_laws
def test_batch_size_and_first_change_nothing(law):
    """Up to the rounding of matrix products, whose order of sums depends on their size.

    Measured at most 2e-15 of the values after 6 steps in float64.
    """
    denoiser, plan = ExactDenoiser(law), options(law)
    whole = sample_standardised(denoiser, plan, 1000, seed=3)
    close = {"rtol": 2e-14, "atol": 2e-14}
    for size in (1, 7, 64):
        got = sample_standardised(denoiser, plan, 130, seed=3, batch_size=size)
        torch.testing.assert_close(got, whole[:130], **close)
    for first, count in ((1, 1), (500, 77), (999, 1)):
        got = sample_standardised(denoiser, plan, count, seed=3, first=first)
        torch.testing.assert_close(got, whole[first : first + count], **close)


def test_batch_size_changes_no_bit_of_a_denoiser_that_works_row_by_row():
    shrink = Toy(lambda x, s, _: x * s / (1 + s), shape=(2, 3, 3), dtype=torch.float32)
    noisy = recipe("analytic-dpm", GRID, start=NORMAL, variances=np.full((5, 18), 0.3))
    whole = sample_standardised(shrink, noisy, 1000, seed=9)
    assert whole.dtype == torch.float32
    assert whole.shape == (1000, 2, 3, 3)
    for size in (1, 7, 64):
        got = sample_standardised(shrink, noisy, 150, seed=9, batch_size=size)
        assert torch.equal(got, whole[:150])
    assert torch.equal(sample_standardised(shrink, noisy, 40, seed=9, first=600), whole[600:640])


def test_a_device_draws_the_samples_of_the_cpu(device):
    """Noise is drawn on the CPU; the device rounds its sums in another order."""
    noisy = recipe("analytic-dpm", GRID, start=NORMAL, variances=np.full((5, 18), 0.3),
                   bases=(dct_basis((2, 3, 3)),) * 5)  # fmt: skip
    drawn = []
    for place in (torch.device("cpu"), device):
        shrink = Toy(lambda x, s, _: x * s / (1 + s), shape=(2, 3, 3), dtype=torch.float32)
        shrink.device = place
        drawn.append(sample_standardised(shrink, noisy, 40, seed=9, batch_size=16).cpu())
    torch.testing.assert_close(*drawn, rtol=1e-5, atol=1e-5)


def test_seeds_and_samples_differ():
    shrink, plan = Toy(lambda x, s, _: x * s / (1 + s)), recipe("ddpm", GRID, start=NORMAL)
    one, two = (sample_standardised(shrink, plan, 50, seed=s) for s in (0, 1))
    rows = torch.cat([one, two])
    assert len(torch.unique(rows, dim=0)) == 100


def test_batches_have_the_size_asked_for():
    denoiser = Toy(lambda x, *_: x * 0)
    batches = list(sample_batches(denoiser, recipe("ddpm", GRID, start=NORMAL), 10, batch_size=4))
    assert [len(b) for b in batches] == [4, 4, 2]


# what the loop computes


def test_the_loop_by_hand():  # x <- a x + b m(x, s) + c xi, step k + 1 of the noise
    u = np.asarray(dct_basis((2,)).factors[0])
    steps = (
        Step(0.5, 0.4, 0.7, np.array([0.2, 1.5]), dct_basis((2,))),
        Step(2.0, 0.1, 0.8, 0.3),
        Step(9.0, -0.2, 1.1, 0.0),
    )
    plan = Recipe(np.array([5.0, -1.0]), np.array([2.0, 0.5]), dct_basis((2,)), steps, 9.0)
    rule = lambda x, s, _: torch.sin(x) + s  # noqa: E731
    got = sample_standardised(Toy(rule), plan, 20, seed=4)
    source = NoiseSource(4, "sample")
    z = [source.normal(k, 0, 20, 2).double().numpy() for k in range(3)]
    x = np.array([5.0, -1.0]) + (z[0] * [2.0, 0.5]) @ u.T
    x = 0.4 * x + 0.7 * (np.sin(x) + 0.5) + (z[1] * [0.2, 1.5]) @ u.T
    x = 0.1 * x + 0.8 * (np.sin(x) + 2.0) + 0.3 * z[2]
    x = -0.2 * x + 1.1 * (np.sin(x) + 9.0)
    np.testing.assert_allclose(got.numpy(), x, rtol=1e-12)


@pytest.mark.parametrize("rule", [lambda x, *_: x, lambda x, *_: x.view(x.shape)])
def test_a_denoiser_may_return_what_it_was_given(rule):
    plan = Recipe(3.0, 0.0, None, (Step(1.0, 0.5, 0.25, 0.0),), 1.0)
    got = sample_standardised(Toy(rule), plan, 2)
    torch.testing.assert_close(got, torch.full((2, 2), 2.25).double())


def test_the_denoiser_sees_items_and_levels():
    toy = Toy(lambda x, *_: x * 0, shape=(3, 2, 2))
    sample_standardised(toy, recipe("ddpm", GRID, start=NORMAL), 5)
    assert [level for _, level, _ in toy.seen] == GRID.tolist()
    assert {shape for shape, _, _ in toy.seen} == {(5, 3, 2, 2)}


@over_stochastic
def test_samples_have_the_moments_of_their_steps(sampler):
    """Closed-form mean and covariance, for steps so few that every sampler but one is wrong."""
    law, n = LAWS["gaussian"], 40_000
    plan = gaussian_recipe(law, log_uniform_grid(0.05, 20.0, 4), sampler)
    mean, covariance = output_of(law, plan)
    x = sample_standardised(ExactDenoiser(law), plan, n, seed=6, batch_size=10_000).numpy()
    agree(x.mean(0), mean, np.sqrt(np.diag(covariance) / n))
    spread = np.sqrt((covariance**2 + np.outer(np.diag(covariance), np.diag(covariance))) / n)
    agree(np.cov(x.T), covariance, spread)


def test_a_point_is_reached_exactly_from_anywhere():
    law = LAWS["points"]
    for count in (1, 2, 30):
        one = type(law)([[3.0, -7.0]])
        levels = log_uniform_grid(0.5, 1e3, count) if count > 1 else [0.5]
        plan = recipe("ddpm", levels, start=(100.0, 3.0, None))
        got = sample_standardised(ExactDenoiser(one), plan, 9)
        torch.testing.assert_close(got, torch.tensor([[3.0, -7.0]]).double().expand(9, 2))


@pytest.fixture
def every_warning():
    """Make torch repeat warnings that it gives once a process."""
    torch.set_warn_always(True)
    yield
    torch.set_warn_always(False)


@pytest.mark.filterwarnings("error")
@pytest.mark.usefixtures("every_warning")
def test_a_read_only_mean_is_no_cause_for_a_warning():
    mean = np.array([1.0, 2.0])
    mean.setflags(write=False)
    plan = recipe("ddpm", GRID, start=(mean, 1.0, None))
    assert len(sample_standardised(Toy(lambda x, *_: x), plan, 2)) == 2


def test_coloured_noise_has_the_covariance_it_says():
    z = torch.eye(3, dtype=torch.float64)
    basis, scale = dct_basis((3,)), np.array([1.0, 2.0, 0.5])
    u = np.asarray(basis.factors[0])
    root = coloured(z.clone(), scale, basis).numpy()  # rows: U (scale * e_i)
    np.testing.assert_allclose(root.T @ root, (u * scale**2) @ u.T, atol=1e-14)
    np.testing.assert_array_equal(coloured(z.clone(), 2.0, basis).numpy(), 2 * z.numpy())
    diagonal = coloured(z.clone(), scale, coordinate_basis(3)).numpy()
    np.testing.assert_array_equal(diagonal, np.diag(scale))
    np.testing.assert_array_equal(coloured(z.clone(), scale, None).numpy(), np.diag(scale))


# labels, progress, refusals


def labelled():
    return Toy(lambda x, s, label: label[:, None] + 0.0 * x, classes=4)


@pytest.mark.parametrize("label", [2, np.int64(2), torch.tensor(2), np.array(2)])
def test_one_label_serves_all(label):
    got = sample_standardised(labelled(), recipe("ddpm", [1.0], start=NORMAL), 5, label=label)
    assert (got == 2).all()


@pytest.mark.parametrize("kind", [torch.tensor, np.array, list])
def test_labels_follow_their_samples_through_batches(kind):
    labels = kind([3, 0, 1, 2, 2, 0, 1])
    plan = recipe("ddpm", [1.0], start=NORMAL)
    got = sample_standardised(labelled(), plan, 7, label=labels, batch_size=3)
    assert got[:, 0].tolist() == [3, 0, 1, 2, 2, 0, 1]


@pytest.mark.parametrize("label", [np.int8(1), np.array([1, 1, 1], np.int32)])
def test_labels_arrive_as_whole_numbers_of_64_bits(label):
    toy = labelled()
    sample_standardised(toy, recipe("ddpm", [1.0], start=NORMAL), 3, label=label)
    assert toy.seen[0][2].dtype == torch.int64
    assert toy.seen[0][2].tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (4, r"must lie in 0\.\.3; got 4"),
        (-1, r"must lie in 0\.\.3"),
        (torch.tensor([0, 1]), r"must be one label, or 3 of them; got \(2,\)"),
        (torch.zeros(3, 1).long(), r"must be one label, or 3 of them; got \(3, 1\)"),
        (torch.zeros(3), "must be whole numbers; got torch.float32"),
        (1.0, "must be whole numbers"),
        (True, "must be whole numbers"),
    ],
)
def test_bad_labels_are_refused(label, message):
    with pytest.raises(InputError, match=f"^label: {message}"):
        sample_standardised(labelled(), recipe("ddpm", GRID, start=NORMAL), 3, label=label)


def test_labels_for_a_model_without_classes_are_refused():
    with pytest.raises(InputError, match=r"^label: must be left out: this model takes no labels"):
        sample_standardised(Toy(lambda x, *_: x), recipe("ddpm", GRID, start=NORMAL), 3, label=0)
    toy = labelled()
    toy.rule = lambda x, s, label: x
    sample_standardised(toy, recipe("ddpm", GRID, start=NORMAL), 3)
    assert toy.seen[0][2] is None


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_a_broken_denoiser_is_refused(bad):
    def rule(x, snr, label):
        m = x * 0
        m[-1, 0] = bad if snr > 1 else 0.0
        return m

    for last in ("denoise", "sample"):
        plan = recipe("ddpm", GRID, start=NORMAL, last=last)
        with pytest.raises(InputError, match=r"denoiser: gave NaN or infinite values"):
            sample_standardised(Toy(rule), plan, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"count": 0}, "^count: must be a whole number >= 1"),
        ({"count": 2.0}, "^count: must be a whole number >= 1"),
        ({"batch_size": 0}, "^batch_size: must be a whole number >= 1"),
        ({"first": -1}, "^first: must be a whole number >= 0"),
        ({"seed": -1}, "^seed: must be a whole number >= 0"),
    ],
)
def test_bad_numbers_are_refused(options, message):
    options = {"count": 2, **options}
    with pytest.raises(InputError, match=message):
        sample_standardised(Toy(lambda x, *_: x), recipe("ddpm", GRID, start=NORMAL), **options)


def test_progress_counts_calls_times_samples():
    told = []
    plan = recipe("ddpm", GRID, start=NORMAL)
    note = lambda done, total: told.append((done, total))  # noqa: E731
    sample_standardised(Toy(lambda x, *_: x), plan, 5, batch_size=3, progress=note)
    assert told[0] == (3, 30)
    assert told[-1] == (30, 30)
    assert len(told) == 12


def test_all_stochastic_samplers_are_in_the_catalogue():

    assert set(STOCHASTIC) == set(stochastic_names())
