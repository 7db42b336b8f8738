"""What chance made of the noise, taken off: (1) to (3) of control_variate.py."""

import numpy as np
import pytest
import torch
from recorder import FRAME, LAW, Cloud, Recorder

import girsanov as gv
from girsanov.error_curve.between_levels import places_between
from girsanov.error_curve.control_variate import LINEAR, means_without, slopes
from girsanov.error_curve.curve import FOLDS, GROUPS
from girsanov.error_curve.exact import exact_curve
from girsanov.error_curve.frame import make_frame
from girsanov.error_curve.interpolate import stretches
from girsanov.measuring.examples import FIRST_AUDITED_DRAW, LawExamples
from girsanov.measuring.measuring_pass import measure_curve
from girsanov.measuring.options import Pass
from girsanov.moments import moments_from_covariance

GRID = np.array([0.1, 1.0, 10.0, 80.0])
N = 208


def measured(model, examples, seed=3, **options):
    return measure_curve(
        model, LawExamples(LAW, examples, seed), GRID, FRAME, Pass(**{"seed": seed, **options})
    )


@pytest.fixture(scope="module")
def recorded():
    """The controlled curve, and n, r, c in the principal axes behind it, [K, N, 2]."""
    model = Recorder(LAW)
    curve = measured(model, N, batch_size=N, full=True)
    x0 = LAW.sample(N, seed=3, first=FIRST_AUDITED_DRAW)
    axes = FRAME.moments.basis.factors[0]
    n, r = (
        np.stack([(x0 - part).numpy() @ axes for part in parts])
        for parts in zip(*model.calls, strict=True)
    )
    return curve, n, r, (x0.numpy() - LAW.mean) @ axes, axes


def chance(n, r, c, k, rest):
    """(2) of all examples at level k, [N, 2, 3], by lstsq over some of them."""
    out = []
    for j in range(2):
        known = np.stack([n[k, rest, j], c[rest, j]], axis=1)
        a, b = np.linalg.lstsq(known, r[k, rest, j], rcond=None)[0]
        more, cross = n[k, :, j] ** 2 - 1 / GRID[k], n[k, :, j] * c[:, j]
        out.append([a * a * more + 2 * a * b * cross, a * more + b * cross, a * cross])
    return np.moveaxis(np.array(out), -1, 0)


def by_hand(n, r, c, left_out):
    """gamma times (2) of the examples left out, fitted on all others, [K, 2, 3]."""
    rest, groups = ~left_out, np.arange(N) % GROUPS
    found = [chance(n, r, c, k, rest) for k in range(len(GRID))]
    kept, top, bottom = np.unique(groups[rest]), 0.0, 0.0
    logs = np.log(GRID)
    weight = GRID * (np.diff(logs, append=logs[-1]) + np.diff(logs, prepend=logs[0])) / 2
    for k, w in enumerate(weight):
        y = np.array([(r[k, groups == g] ** 2).sum(axis=1).mean() for g in kept])
        z = np.array([found[k][groups == g, :, 0].sum(axis=1).mean() for g in kept])
        top += w**2 * ((y - y.mean()) * (z - z.mean())).sum()
        bottom += w**2 * ((z - z.mean()) ** 2).sum()
    return min(max(top / bottom, 0.0), 1.5) * np.stack([f[left_out].mean(0) for f in found])


def test_what_is_taken_off_is_what_examples_say_by_hand(recorded):  # (1) to (3)
    curve, n, r, c, axes = recorded
    for g in range(GROUPS):
        mine = np.arange(N) % GROUPS == g
        taken = by_hand(n, r, c, mine)
        for k in range(len(GRID)):
            plain = (r[k, mine] ** 2).mean(axis=0)
            found = curve.errors["pca"][k + 1, g]
            assert found == pytest.approx(plain - taken[k, :, 0], rel=1e-9)
            x0 = (c[mine] + LAW.mean @ axes) * r[k, mine]
            traces = [plain.sum(), (n[k] * r[k])[mine].sum(1).mean(), x0.sum(1).mean()]
            less = traces - taken[k].sum(axis=0)
            assert curve.traces[k + 1, g] == pytest.approx(less, rel=1e-9)


def test_the_whole_covariance_loses_the_same(recorded):
    curve, n, r, c, axes = recorded
    for fold in range(FOLDS):
        mine = np.arange(N) % FOLDS == fold
        taken = by_hand(n, r, c, mine)
        for k in range(len(GRID)):
            found = curve.full[k + 1, fold]
            assert np.allclose(found, found.T, rtol=0, atol=1e-12)
            less = (r[k, mine] ** 2).mean(axis=0) - taken[k, :, 0]
            assert np.diag(axes.T @ found @ axes) == pytest.approx(less, rel=1e-9)
            outer = (r[k, mine][:, :, None] * r[k, mine][:, None]).mean(axis=0)
            rest = axes.T @ found @ axes - outer
            assert rest[0, 1] != pytest.approx(0, abs=1e-3 * abs(outer[0, 1]))


@pytest.mark.parametrize("scale", [1.0, 0.7])
def test_nothing_moves_in_expectation(scale):
    """Over many runs: controlled less plain has mean 0."""
    runs = 40
    found = {True: [], False: []}
    for seed in range(runs):
        for control, out in found.items():
            curve = measured(Recorder(LAW, scale), 320, seed, control=control, full=True)
            total = curve.mean_errors("pca").sum(1), curve.mean_errors("coordinate").sum(1)
            whole = np.einsum("kfii->k", curve.full) / FOLDS
            out.append(np.stack([*total, *curve.mean_traces().T, whole])[:, 1:])
    with_it, without = (np.array(found[key]) for key in (True, False))
    gap = with_it - without
    assert (np.abs(gap.mean(0)) < 4.5 * gap.std(0, ddof=1) / runs**0.5 + 1e-12).all()
    share = with_it.var(axis=0) / without.var(axis=0)
    assert (share < 1 + 4.5 * (4 / runs) ** 0.5).all()


def test_an_exact_denoiser_still_has_its_known_error():
    law = gv.Gaussian([1.0, -2.0], [[0.5, 0.2], [0.2, 1.5]])
    frame = make_frame(moments_from_covariance(law.mean, law.covariance()), (2,))
    se = {}
    for control in (True, False):
        examples, model = LawExamples(law, 4000, 1), gv.ExactDenoiser(law)
        curve = measure_curve(model, examples, GRID, frame, Pass(control=control))
        truth = exact_curve(law, GRID).total().value
        mean, se[control], _ = curve.total()
        assert (np.abs(mean - truth)[1:] < 4.5 * se[control][1:]).all()
    # its residual is linear: what is left of the spread is that of the examples' b^2 c^2
    assert (se[True][-1] / se[False][-1]) < 0.2


def test_much_of_the_spread_goes_at_the_levels_and_between_them():
    wide = np.geomspace(0.05, 2.0, 12)
    law = gv.GaussianMixture(
        [0.3, 0.7], [np.full(12, -0.4), np.full(12, 0.2)], [np.diag(wide), np.diag(wide[::-1])]
    )
    frame = make_frame(moments_from_covariance(law.mean, law.covariance()), (12,))
    spread = {}
    for control in (True, False):
        found = []
        for seed in range(24):
            told = {
                "seed": seed,
                "control": control,
                "between": places_between(GRID, GROUPS, seed),
            }
            examples = LawExamples(law, 320, 0)  # the same: the spread is that of the noise
            curve = measure_curve(Recorder(law, 0.8), examples, GRID, frame, Pass(**told))
            integral = stretches(curve, curve.levels[1:])[1:].mean(axis=1)
            found.append([*curve.total().value[1:], *integral])
        spread[control] = np.var(found, axis=0, ddof=1)
    share = spread[True] / spread[False]
    assert share[:4].mean() < 0.6
    assert share[4:].mean() < 0.75


class Saturated(gv.ExactDenoiser):
    """A residual of one size whatever the noise: its linear part says nothing of its square."""

    exact = False

    def __call__(self, x, snr, label=None):
        return self.x0[: len(x)] - torch.sign(x - self.x0[: len(x)])


def test_where_the_linear_part_says_nothing_nothing_is_taken_off():
    model = Saturated(LAW)
    model.x0 = LAW.sample(N, seed=3, first=FIRST_AUDITED_DRAW)
    curve = measured(model, N, batch_size=N)
    assert curve.total().value[1:] == pytest.approx(2.0, abs=0.05)
    assert (np.abs(curve.errors["pca"].sum(axis=2)[1:] - 2.0) < 0.35).all()


def test_slopes_of_a_direction_without_data_or_noise_are_zero_or_plain():
    # columns as LINEAR: n r, r c, n^2, n c
    linear = np.array([[0.0, 0.0, 0.0, 0.0], [0.5, 0.0, 2.0, 0.0], [0.5, 0.3, 2.0, 0.1]])
    square = np.array([1.0, 0.0, 0.4])
    fit = slopes(linear, square, square)
    a, b = np.linalg.solve([[2.0, 0.1], [0.1, 0.4]], [0.5, 0.3])
    assert fit.a == pytest.approx([0.0, 0.25, a])
    assert fit.b == pytest.approx([0.0, 0.0, b])
    assert len(LINEAR) == linear.shape[1]


def test_means_without_leave_out_what_they_say():
    shares = np.array([0.1, 0.2, 0.3, 0.4])
    left_out = np.array([[True, False, False, False], [False, False, True, True]])
    got = means_without(left_out, shares)
    assert got == pytest.approx(np.array([[0, 2 / 9, 3 / 9, 4 / 9], [1 / 3, 2 / 3, 0, 0]]))


def test_no_coordinate_of_the_whole_covariance_loses_more_than_it_has():
    """A flag that the model nearly always tells: what chance did elsewhere is not taken off it."""
    rng = np.random.default_rng(0)
    table = np.column_stack([np.arange(500), rng.normal(size=(500, 3)), rng.random(500) < 0.4])
    train, held = gv.load_data(table.astype(np.float64)).split(0.8, seed=1)
    model = gv.wrap(Cloud(train), train.shape, times=(0.05, 30.0), train=train)
    curve = gv.audit(model, held, train=train, levels=17).curve
    folds = np.array([curve.shares[f::FOLDS].sum() for f in range(FOLDS)])
    whole = np.einsum("kfij,f->kij", curve.full, folds)
    least = np.linalg.eigvalsh(whole)[:, 0]
    assert (least >= -1e-9 * np.trace(whole, axis1=1, axis2=2)).all()
