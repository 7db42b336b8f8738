"""The measuring pass: equations (1)-(3) of curve.py against plain sums over what was called."""

import numpy as np
import pytest
import torch

from girsanov._checks import InputError
from girsanov.denoise.exact import ExactDenoiser
from girsanov.error_curve.curve import FOLDS, GROUPS, upper_triangle
from girsanov.error_curve.exact import exact_curve
from girsanov.error_curve.frame import make_frame
from girsanov.law import Gaussian, GaussianMixture
from girsanov.measuring.examples import FIRST_AUDITED_DRAW, LawExamples
from girsanov.measuring.measuring_pass import measure_curve
from girsanov.measuring.options import Pass
from girsanov.moments import moments_from_covariance

LAW = GaussianMixture(
    [0.25, 0.75], [[-1.0, 2.0], [1.5, 0.5]], [np.diag([0.5, 0.4]), [[0.05, -0.02], [-0.02, 0.2]]]
)
FRAME = make_frame(moments_from_covariance(LAW.mean, LAW.covariance()), (2,))
GRID = np.array([0.1, 1.0, 10.0])
N = 205  # no multiple of the groups or of any batch


class Recorder(ExactDenoiser):
    """An exact denoiser off by a shift that remembers every call."""

    def __init__(self, law, classes=0):
        super().__init__(law)
        self.calls, self.labels, self.classes = [], [], classes

    def __call__(self, x, snr, label=None):
        m = 0.9 * self.law.denoise(x, snr) + 0.2
        self.calls.append((float(snr), x.clone(), m))
        self.labels.append(label)
        return m


def run(denoiser, **options):
    return measure_curve(denoiser, LawExamples(LAW, N, 3), GRID, FRAME, Pass(**options))


@pytest.fixture(scope="module")
def recorded():
    """A curve, and the noise n and residual r behind it, [draws, K, N, 2], and x0 [N, 2]."""
    denoiser, x0 = Recorder(LAW), LAW.sample(N, seed=3, first=FIRST_AUDITED_DRAW)
    curve = run(denoiser, draws=2, batch_size=64, full=True, control=False)
    n, r = torch.zeros(2, 2, 3, N, 2, dtype=torch.float64)
    for i, (s, x, m) in enumerate(denoiser.calls):
        batch, draw, k = i // 6, i // 3 % 2, i % 3
        assert s == GRID[k]  # one path after the other, noisiest level first
        rows = slice(64 * batch, 64 * batch + len(x))
        n[draw, k, rows], r[draw, k, rows] = x0[rows] - x, x0[rows] - m
    return curve, n.numpy(), r.numpy(), x0.numpy()


def by_group(values, groups=GROUPS):
    """Means of [2, K, N, ...] over draws and the examples i = g mod groups, [K, groups, ...]."""
    return np.stack([values[:, :, g::groups].mean(axis=(0, 2)) for g in range(groups)], axis=1)


def test_traces_are_plain_means(recorded):  # (2)
    curve, n, r, x0 = recorded
    products = np.stack([(a * r).sum(-1) for a in (r, n, np.broadcast_to(x0, r.shape))], -1)
    assert curve.traces[1:] == pytest.approx(by_group(products), rel=1e-10)
    centred = (x0 - LAW.mean) ** 2
    assert curve.traces[0, :, 0] == pytest.approx(
        [centred[g::GROUPS].sum(-1).mean() for g in range(GROUPS)]
    )
    squares = [(x0[g::GROUPS] ** 2).sum(-1).mean() for g in range(GROUPS)]
    assert curve.second_moments == pytest.approx(squares)


def test_errors_are_plain_means_in_every_basis(recorded):  # (1)
    curve, _, r, _ = recorded
    axes = np.linalg.eigh(LAW.covariance())[1][:, ::-1]
    assert curve.main == "pca"
    assert curve.errors["coordinate"][1:] == pytest.approx(by_group(r**2), rel=1e-10)
    assert curve.errors["pca"][1:] == pytest.approx(by_group((r @ axes) ** 2), rel=1e-10)
    total = curve.mean_errors("pca") @ curve.sizes["pca"]
    assert total == pytest.approx(curve.total().value)
    with pytest.raises(InputError, match="basis: must be one of pca, coordinate"):
        curve.mean_errors("dct")


def test_full_covariance_is_a_plain_mean_by_fold(recorded):
    curve, _, r, _ = recorded
    outer = by_group(r[..., :, None] * r[..., None, :], FOLDS)
    assert curve.full[1:] == pytest.approx(outer, rel=1e-10)


def test_products_feed_the_probe_with_plain_means(recorded):  # (3)
    curve, n, r, x0 = recorded
    variances, axes = np.linalg.eigh(LAW.covariance())
    variances, axes = variances[::-1], axes[:, ::-1]
    n, r, c = n @ axes, r @ axes, np.broadcast_to((x0 - LAW.mean) @ axes, n.shape)
    before = np.concatenate([c[:, :1], r[:, :-1]], axis=1)
    vector = [np.ones_like(r), n, r, before, c]
    expected = np.stack([by_group(vector[a] * vector[b]) for a, b in upper_triangle(5)], axis=-1)
    assert curve.probe_variances == pytest.approx(variances)
    assert curve.products[1:] == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_noise_is_one_brownian_path(recorded):  # Y_s = s x0 + B_s
    _, n, _, _ = recorded
    b = -n * GRID[:, None, None]  # B_s = s (x - x0)
    steps = np.diff(b, axis=1, prepend=0.0) / np.sqrt(np.diff(GRID, prepend=0.0))[:, None, None]
    flat = steps.transpose(1, 0, 2, 3).reshape(3, -1)
    se = flat.shape[1] ** -0.5
    assert np.abs(flat.mean(axis=1)).max() < 4 * se
    assert np.abs(np.cov(flat) - np.eye(3)).max() < 5 * se
    assert not np.array_equal(n[0], n[1])  # the draws differ


def test_group_shares_are_those_of_the_examples(recorded):
    curve = recorded[0]
    assert curve.shares == pytest.approx([len(range(g, N, GROUPS)) / N for g in range(GROUPS)])


def test_kept_groups_make_the_curve_of_their_examples(recorded):
    curve, _, r, _ = recorded
    mask = np.arange(GROUPS) < 5
    part = curve.keep(mask)
    chosen = r[:, :, np.isin(np.arange(N) % GROUPS, np.arange(5))]
    assert part.total().value[1:] == pytest.approx((chosen**2).sum(-1).mean(axis=(0, 2)))
    assert part.shares.sum() == pytest.approx(1)


def test_exact_denoiser_has_one_number_for_three_traces():  # orthogonality: E[n.r] = E[x0.r] = M
    law = Gaussian([1.0, -2.0], [[0.5, 0.2], [0.2, 1.5]])
    frame = make_frame(moments_from_covariance(law.mean, law.covariance()), (2,))
    curve = measure_curve(ExactDenoiser(law), LawExamples(law, 8000, 0), GRID, frame)
    truth = exact_curve(law, GRID)
    se = curve.traces.std(axis=1, ddof=1) / GROUPS**0.5
    assert (np.abs(curve.mean_traces() - truth.mean_traces())[1:] < 4.5 * se[1:]).all()
    assert (se[1:, 0] < 0.05 * truth.traces[1:, 0, 0]).all()
    lam = np.linalg.eigvalsh(law.covariance())[::-1]
    values = lam / (1 + GRID[:, None] * lam)
    spread = curve.errors["pca"][1:].std(axis=1, ddof=1) / GROUPS**0.5
    assert (np.abs(curve.mean_errors("pca")[1:] - values) < 4.5 * spread).all()


def test_exact_curve_has_no_error():
    truth = exact_curve(Gaussian([1.0], 2.0), GRID)
    assert truth.exact
    assert truth.dimension == 1
    assert truth.total().value == pytest.approx(2 / (1 + 2 * np.concatenate([[0], GRID])))
    assert not truth.total().se.any()


@pytest.mark.parametrize("size", [7, 50])  # batches that begin in the middle of a round of groups
def test_batches_are_of_any_size(size):
    curve = run(Recorder(LAW), draws=2, batch_size=64, full=True)
    other = run(Recorder(LAW), draws=2, batch_size=size, full=True)
    for name in ("traces", "products", "full", "shares", "second_moments"):
        one, two = getattr(curve, name), getattr(other, name)
        np.testing.assert_allclose(two, one, rtol=1e-10, atol=1e-13, err_msg=name)
    for name, value in curve.errors.items():
        np.testing.assert_allclose(other.errors[name], value, rtol=1e-10, err_msg=name)


def test_labels_reach_a_model_that_takes_them():
    class Labelled(LawExamples):
        def batch_labels(self, rows):
            return torch.arange(rows.start, rows.stop)

    for classes in (0, 5):
        denoiser = Recorder(LAW, classes)
        measure_curve(denoiser, Labelled(LAW, N, 3), GRID, FRAME, Pass(batch_size=100))
        seen = denoiser.labels[3:6]
        if classes:
            assert all(torch.equal(x, torch.arange(100, 200)) for x in seen)
        else:
            assert seen == [None] * 3


def test_progress_counts_network_calls():
    seen = []
    run(Recorder(LAW), draws=2, batch_size=100, progress=lambda *a: seen.append(a))
    assert seen[-1] == (N * 6, N * 6)
    assert [a for a, _ in seen] == sorted(a for a, _ in seen)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_denoisers_that_break_are_refused(bad):
    class Broken(ExactDenoiser):
        def __call__(self, x, snr, label=None):
            m = self.law.denoise(x, snr)
            if snr > 1:
                m[7, 1] = bad
            return m

    with pytest.raises(InputError, match=r"at SNR 10; got shape \(205, 2\) with NaN or inf"):
        run(Broken(LAW))


def test_denoisers_of_another_shape_are_refused():
    class Short(ExactDenoiser):
        def __call__(self, x, snr, label=None):
            return x[:, :1]

    with pytest.raises(InputError, match=r"must give finite values of shape \(205, 2\)"):
        run(Short(LAW))


def test_too_few_examples_are_refused():
    few = LawExamples(LAW, 2 * GROUPS - 1, 0)
    with pytest.raises(InputError, match="data: must hold at least 32 examples to audit; got 31"):
        measure_curve(Recorder(LAW), few, GRID, FRAME)
