"""What chance made of the noise between two levels: (1) and (2) of bridge_variate.py."""

from typing import NamedTuple

import numpy as np
import pytest
from recorder import FRAME, LAW, Recorder

import girsanov as gv
from girsanov.error_curve.between_levels import places_between
from girsanov.error_curve.bridge_variate import Mixed, alpha, chance
from girsanov.error_curve.curve import GROUPS, upper_triangle
from girsanov.error_curve.frame import make_frame
from girsanov.error_curve.interpolate import stretches
from girsanov.measuring import measuring_pass as measure
from girsanov.measuring.examples import FIRST_AUDITED_DRAW, LawExamples
from girsanov.measuring.measuring_pass import measure_curve
from girsanov.measuring.options import Pass
from girsanov.moments import moments_from_covariance
from girsanov.noise import NoiseSource

AXES = FRAME.moments.basis.factors[0]
GRID = np.array([2.0, 10.0, 80.0])
N, SEED = 208, 3


class Gap(NamedTuple):
    """A gap by hand, in the principal axes [N, 2]; t, low, high of each example [N, 1]."""

    n: np.ndarray
    r: np.ndarray
    e: np.ndarray
    ends: tuple[np.ndarray, np.ndarray]
    t: np.ndarray
    u: np.ndarray


@pytest.fixture(scope="module")
def seen():
    """What the pass hands on about its places, c [N, 2], and both gaps by hand."""
    model, kept, old = Recorder(LAW), {}, {}
    for name in ("bent", "with_corrections"):
        old[name] = getattr(measure, name)
        setattr(measure, name, lambda *a, name=name: kept.setdefault(name, a)[0])
    try:
        at = places_between(GRID, GROUPS, SEED)
        told = {"between": at, "seed": SEED, "batch_size": N}
        measure_curve(model, LawExamples(LAW, N, SEED), GRID, FRAME, Pass(**told))
    finally:
        for name, call in old.items():
            setattr(measure, name, call)
    x0 = LAW.sample(N, seed=SEED, first=FIRST_AUDITED_DRAW)
    n, r = ([(x0 - part).numpy() @ AXES for part in parts] for parts in zip(*model.calls))  # noqa: B905
    gaps = []
    # calls: level 1, level 2, the gap between them, level 3, its gap
    for k, (low, high, inside) in enumerate([(0, 1, 2), (1, 3, 4)], start=1):
        t = at.levels[k][np.arange(N) % GROUPS][:, None]
        u = (t - GRID[k - 1]) / (GRID[k] - GRID[k - 1])
        spread = np.sqrt((t - GRID[k - 1]) * (GRID[k] - t) / (GRID[k] - GRID[k - 1]))
        z = NoiseSource(SEED, "audit gap").normal(k, 0, N, 2).numpy().astype(np.float64)
        e = (spread * z / -t) @ AXES
        gaps.append(Gap(n[inside], r[inside], e, (r[low], r[high]), t, u))
    return kept, (x0.numpy() - LAW.mean) @ AXES, gaps


def test_the_bridge_is_what_the_ends_do_not_say(seen):  # (1)
    _, _, gaps = seen
    for gap in gaps:
        assert np.abs((gap.n - gap.e) * gap.t + gap.e * gap.t - gap.n * gap.t).max() < 1e-12
        scaled = gap.e / gap.e.std(axis=0)
        for end in gap.ends:
            shown = scaled * (end - end.mean(axis=0)) / end.std(axis=0)
            assert np.abs(shown.mean(axis=0)).max() < 4.5 * N**-0.5


def test_products_are_plain_means_by_group(seen):
    (_, c, gaps), bridge = seen, seen[0]["with_corrections"][1].bridge
    for k, gap in enumerate(gaps, start=1):
        ends = (1 - gap.u) * gap.ends[0] + gap.u * gap.ends[1]
        for place, other in enumerate((gap.r, gap.n, c, gap.e, ends)):
            plain = np.stack([(gap.e * other)[g::GROUPS].mean(axis=0) for g in range(GROUPS)])
            for name in ("pca", "probe"):
                found = bridge.products[name][k, :, :, place]
                assert found == pytest.approx(plain, rel=1e-9, abs=1e-12)
    assert not bridge.products["pca"][0].any()  # nobody looks into the first


def test_what_is_taken_off_there_is_what_examples_say_by_hand(
    seen,
):  # (2), and (2) of control_variate.py
    kept, c, gaps = seen
    curve, _, errors, traces = kept["bent"]
    bridge = kept["with_corrections"][1].bridge
    for g in range(GROUPS):
        mine = np.arange(N) % GROUPS == g
        for k, gap in enumerate(gaps, start=1):
            rest, total = ~mine, 0.0
            for j in range(2):
                n, e, r = gap.n[:, j], gap.e[:, j], gap.r[:, j]
                known = np.stack([n[rest], c[rest, j]], axis=1)
                a, b = np.linalg.lstsq(known, r[rest], rcond=None)[0]
                # means by group of unequal places weigh each group as it is
                slope = (e[rest] @ r[rest]) / (e[rest] @ e[rest])
                ends = (1 - gap.u[:, 0]) * gap.ends[0][:, j] + gap.u[:, 0] * gap.ends[1][:, j]
                linear = a**2 * (n**2 - 1 / gap.t[:, 0]) + 2 * a * b * n * c[:, j]
                between = 2 * slope * e * (ends - a * (n - e) - b * c[:, j])
                less = curve.gamma[g] * linear + bridge.gamma[g] * between
                found = errors["pca"][k, g, j]
                assert found == pytest.approx((r**2 - less)[mine].mean(), rel=1e-9)
                total += found
            assert traces[k, g, 0] == pytest.approx(total)
    assert (bridge.gamma > 0).sum() > GROUPS / 2  # or this would show little


def test_a_mix_is_that_of_its_residual():
    rng = np.random.default_rng(0)
    e, mu, ends, c, rest = rng.normal(size=(5, 400))
    n, r, a, b = mu + e, ends + 0.7 * e + 0.1 * rest, 0.3, -0.2
    products = np.array([(e * x).mean() for x in (r, n, c, e, ends)])
    mixed = Mixed(0.4, 0.9, -0.1)
    whole = 0.4 * n + 0.9 * r - 0.1 * c
    slope = (e * whole).mean() / (e * e).mean()
    assert alpha(products, mixed) == pytest.approx(slope)
    middle = 0.4 * mu + 0.9 * ends - 0.1 * c
    by_hand = (2 * slope * e * (middle - a * mu - b * c)).mean()
    assert chance(products, a, b, slope, mixed) == pytest.approx(by_hand)


def test_gaps_are_far_better_known_and_nothing_moves():
    """Fixed examples, many noises: what is left of the spread of the gaps, and its mean."""
    spread, means = {}, {}
    wide = np.geomspace(0.05, 2.0, 12)
    law = gv.GaussianMixture(
        [0.3, 0.7], [np.full(12, -0.8), np.full(12, 0.4)], [np.diag(wide), np.diag(wide[::-1])]
    )
    frame = make_frame(moments_from_covariance(law.mean, law.covariance()), (12,))
    grid, runs = np.array([8.0, 24.0, 80.0]), 40
    old = measure.bridge_of
    none = lambda *a: old(*a)._replace(gamma=np.zeros(GROUPS))  # noqa: E731
    for name, call in (("bridge", old), ("control", none)):
        measure.bridge_of = call
        try:
            found = []
            for seed in range(runs):
                told = {"seed": seed, "between": places_between(grid, GROUPS, seed)}
                model, examples = Recorder(law, 1.0), LawExamples(law, 320, 0)
                curve = measure_curve(model, examples, grid, frame, Pass(**told))
                bare = stretches(curve.at(np.arange(len(grid) + 1)), grid)
                found.append((stretches(curve, grid) - bare)[1:].mean(axis=1))
        finally:
            measure.bridge_of = old
        spread[name], means[name] = np.var(found, axis=0, ddof=1), np.mean(found, axis=0)
    assert (spread["bridge"] / spread["control"]).mean() < 0.75
    se = np.sqrt((spread["bridge"] + spread["control"]) / runs)
    assert (np.abs(means["bridge"] - means["control"]) < 4.5 * se).all()


def test_products_in_a_gap_that_repeat_others_are_plain_means_too(seen):
    """Of r at the noisier end and of c, which the sums copy from other rows."""
    (kept, c, gaps), order = seen, upper_triangle(5)
    found = kept["with_corrections"][1].products
    for k, gap in enumerate(gaps, start=1):
        v = (np.ones_like(c), gap.n, gap.r, gap.ends[0], c)
        for place, (one, other) in enumerate(order):
            product = v[one] * v[other]
            plain = np.stack([product[g::GROUPS].mean(axis=0) for g in range(GROUPS)])
            assert found[k, :, :, place] == pytest.approx(plain, rel=1e-9, abs=1e-12)
    assert not found[0, :, :, 1:].any()  # nobody looks into the first
