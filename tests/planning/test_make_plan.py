"""Plans: the number asked for, the fewest for a target, the best, and what is refused."""

import math
from itertools import pairwise

import numpy as np
import pytest

import girsanov as gv
from girsanov._checks import InputError
from girsanov.auditing import audit
from girsanov.denoise.exact import ExactDenoiser
from girsanov.law import GaussianMixture
from girsanov.ledger.entry import kl_from_tv
from girsanov.ledger.grade import effective_dimension
from girsanov.path_kl.grid_cost import prices
from girsanov.planning.allowed_levels import offer
from girsanov.planning.given_grid import evaluate_grid
from girsanov.planning.make_plan import make_plan
from girsanov.planning.on_grid import grid_prices
from girsanov.planning.options import PlanOptions
from girsanov.sampling.registry import SAMPLERS

LAW = GaussianMixture(
    [0.25, 0.75],
    [[-1.0, 2.0], [1.5, 0.5]],
    [[[0.5, 0.3], [0.3, 0.4]], [[0.05, -0.02], [-0.02, 0.2]]],
)
GRID = np.geomspace(0.02, 2000, 33)
KINDS = [("ddpm", None), ("ei-score", None), ("ei-relative", None)] + [
    ("analytic-dpm", c) for c in ("scalar", "pca", "coordinate", "full")
]


class Wrong(ExactDenoiser):
    exact = False

    def __call__(self, x, snr, label=None):
        return 0.85 * self.law.denoise(x, snr) + 0.1


@pytest.fixture(scope="module")
def exact():
    return audit(ExactDenoiser(LAW), LAW, levels=GRID, examples=4000, seed=1, flow=0)


@pytest.fixture(scope="module")
def wrong():
    return audit(Wrong(LAW), LAW, levels=GRID, examples=4000, seed=1)


def upper(plan):
    """The upper ends of init and discretisation."""
    return sum(e.high for e in plan.ledger[:2])


@pytest.mark.parametrize("last", ["denoise", "sample"])
@pytest.mark.parametrize(("sampler", "covariance"), KINDS)
def test_plan_has_the_steps_asked_for(exact, sampler, covariance, last):
    for steps in (1, 2, 7):
        plan = make_plan(exact, steps=steps, sampler=sampler, covariance=covariance, last=last)
        recipe = plan.recipe()
        assert plan.steps == len(recipe.steps) == steps
        assert len(plan.levels) == steps + (last == "sample")
        assert GRID[0] <= plan.levels[0]
        assert plan.levels[-1] <= GRID[-1]
        assert (np.diff(plan.levels) > 0).all()
        assert [s.snr for s in recipe.steps] == plan.levels[:steps].tolist()
        assert recipe.end == plan.levels[-1]


def test_grid_of_a_plan_is_the_shortest_path(exact):
    plan = make_plan(exact, steps=6, sampler="ddpm", weight=0.0)
    site = offer(exact, PlanOptions(last="denoise"))
    price = prices(exact, SAMPLERS["ddpm"], levels=site.levels, menu=site.menu)
    assert len(site.levels) > 8 * site.end / 9 > 100  # many more than were measured
    rng, end = np.random.default_rng(0), site.end - 1

    def total(indices):
        return price.choice().starts[indices[0]] + sum(
            price.cell[i, j] for i, j in pairwise(indices)
        )

    mine = np.searchsorted(site.levels, plan.levels)
    assert site.levels[mine] == pytest.approx(plan.levels)
    best = total(mine)
    for _ in range(200):
        other = np.append(np.sort(rng.choice(end, size=5, replace=False)), end)
        assert total(other) >= best - 1e-12
    for k in range(5):  # nor does moving one level help
        for step in (-1, 1):
            near = mine.copy()
            near[k] += step
            assert total(near) >= best - 1e-12


def test_ledger_of_an_exact_denoiser(exact):
    previous = math.inf
    for steps in (2, 4, 8, 16):
        init, cell, score = make_plan(exact, steps=steps).ledger
        assert [e.name for e in (init, cell, score)] == ["init", "discretisation", "score"]
        assert (score.value, score.kind) == (0.0, "exact")
        for e in (init, cell):
            assert 0 <= e.low <= e.value <= e.high
            assert e.kind == "estimate"
        assert init.value + cell.value < previous
        previous = init.value + cell.value


def test_ledger_of_a_wrong_denoiser_bounds_its_score_error(wrong):
    score = make_plan(wrong, steps=8).ledger[2]
    assert (score.value, score.high, score.kind) == (None, None, "lower bound")
    # 0.85 m + 0.1 is off by .15 |m - 2/3|: eps^2 = .0225 E|m - (2/3, 2/3)|^2
    s = np.geomspace(1e-3, 1 / make_plan(wrong, steps=8).resolution ** 2, 60)
    m2 = LAW.variance + ((LAW.mean - 2 / 3) ** 2).sum() - LAW.curve(s).value
    truth = np.trapezoid(0.0225 * m2 * s, np.log(s)) / 2
    assert 0 < score.low < 1.1 * truth


@pytest.mark.parametrize("sampler", ["analytic-dpm", "ddpm", "ei-relative"])
def test_targets_are_met_with_the_fewest_steps(exact, sampler):
    for target in (3.0, 0.8):
        plan = make_plan(exact, kl=target, sampler=sampler, resolution=0.2)
        assert upper(plan) <= target
        assert plan.steps > 1 or target == 3.0
        for steps in range(1, plan.steps):
            fewer = make_plan(exact, steps=steps, sampler=sampler, resolution=0.2)
            assert upper(fewer) > target
        assert f"{target:.4g} nats" in plan.why


def test_tv_is_asked_for_through_kl(exact):
    one = make_plan(exact, tv=0.5, resolution=0.3)
    two = make_plan(exact, kl=kl_from_tv(0.5), resolution=0.3)
    assert one.summary() == two.summary()
    assert make_plan(exact, tv=0.3, resolution=0.3).steps > one.steps


def test_unreachable_targets_say_what_can_be_reached(exact):
    with pytest.raises(InputError, match=r"the least there is --kl [\d.e-]+; got 0.0001") as error:
        make_plan(exact, kl=1e-4)
    reached = float(str(error.value).split("--kl ")[1].split(";")[0])
    # three digits, and numbers between those that were tried may do a little better
    assert 0.9 * reached < upper(make_plan(exact, kl=reached)) <= reached


@pytest.mark.parametrize("sampler", ["analytic-dpm", "ddpm"])
@pytest.mark.parametrize("report", ["exact", "wrong"])
@pytest.mark.parametrize("target", [{"kl": 0.0003}, {"kl": 0.003}, {"tv": 0.01}, {"tv": 0.03}])
def test_the_resolution_that_a_refusal_names_reaches_the_target(request, report, sampler, target):
    report = request.getfixturevalue(report)
    with pytest.raises(InputError, match="cannot be reached at noise level") as error:
        make_plan(report, sampler=sampler, **target)
    told = str(error.value)
    name, most = next(iter(target.items()))
    most = most if name == "kl" else kl_from_tv(most)
    if "No --resolution reaches it" in told:
        coarsest = float(report.levels[0] ** -0.5)
        with pytest.raises(InputError, match="cannot be reached"):
            make_plan(report, sampler=sampler, resolution=coarsest, **target)
        return
    resolution = float(told.split("--resolution ")[1].split(" ")[0])
    assert upper(make_plan(report, sampler=sampler, resolution=resolution, **target)) <= most


@pytest.mark.parametrize("report", ["exact", "wrong"])
def test_frontier_is_what_the_plans_cost(report, request):
    report = request.getfixturevalue(report)
    plan = make_plan(report, steps=5, sampler="analytic-dpm")
    steps = [row["steps"] for row in plan.frontier]
    assert steps[:32] == list(range(1, 33))
    assert steps[32:] == sorted({*steps[32:]})
    above = np.array([row["above_best"] for row in plan.frontier])
    assert above.min() == 0
    assert above[0] > 0
    if report.facts.exact:  # of a wrong denoiser, too many steps cost more (theory 11.2)
        assert (np.diff(above) < 0.01).all()
    else:
        many = make_plan(report, steps=200).frontier
        assert many[-1]["above_best"] > max(0.01, 3 * many[-1]["standard_error"])
    many = make_plan(report, steps=37)  # one that is not among the usual ones
    row = next(r for r in many.frontier if r["steps"] == 37)
    assert many.steps == 37
    if report.facts.exact:  # one reference for all: differences of ledgers are those of costs
        one, two = (sum(e.value for e in p.ledger[:2]) for p in (plan, many))
        assert one - two == pytest.approx(above[4] - row["above_best"], abs=0.02)


@pytest.mark.parametrize("report", ["exact", "wrong"])
def test_best_number_of_steps_is_the_first_that_is_enough(report, request):
    report = request.getfixturevalue(report)
    plan = make_plan(report)
    cost = {row["steps"]: row["above_best"] for row in plan.frontier}
    bound = plan.ledger[2].low
    for row in plan.frontier:
        n, floor = row["steps"], 2 * row["standard_error"]
        saved = cost[n] - min(c for m, c in cost.items() if m <= 2 * n)
        if n < plan.steps:  # 0.03 for each of two coordinates, or nearly, a doubling
            pays = [c for m, c in cost.items() if cost[n] - c > 0.059 * max(1, np.log2(m / n))]
            assert pays
            assert cost[n] - min(pays) > floor
        if n == plan.steps:
            assert saved <= max(0.06, floor, 0.55 * bound + 0.02)
    why = plan.why
    assert ("the denoiser is exact" if report.facts.exact else "the model’s error") in why


def test_default_resolution_misses_a_tenth_of_the_spread(exact):
    end = make_plan(exact, steps=4).levels[-1]
    curve = exact.total()
    limit = 0.1**2 * exact.curve.total().value[0]
    around = np.interp(np.log(end), np.log(GRID), np.log(curve.value))
    assert math.exp(around) == pytest.approx(limit, rel=0.05)
    coarse = audit(ExactDenoiser(LAW), LAW, levels=[0.1, 1.0, 5.0], examples=200)
    assert make_plan(coarse, steps=2).levels[-1] == 5.0


def test_resolution_is_where_the_plan_ends(exact):
    for sigma in (GRID[3] ** -0.5, 1.02 * GRID[20] ** -0.5, 0.1234):
        assert make_plan(exact, steps=2, resolution=sigma).resolution == pytest.approx(sigma)
    for sigma in (GRID[-1] ** -0.5 * 0.99, GRID[0] ** -0.5 * 1.01):
        with pytest.raises(InputError, match="resolution: must lie in the measured"):
            make_plan(exact, steps=2, resolution=sigma)
    for ends in (GRID[-1] ** -0.5, GRID[0] ** -0.5):  # as a user copies them from a message
        make_plan(exact, steps=1, resolution=ends)


@pytest.mark.parametrize("bad", [0, -1.0, math.nan, math.inf, "fine", True])
def test_numbers_that_are_none_are_refused(exact, bad):
    with pytest.raises(InputError, match="resolution: must be a finite number > 0"):
        make_plan(exact, steps=2, resolution=bad)
    with pytest.raises(InputError, match="kl: must be a finite number > 0"):
        make_plan(exact, kl=bad)
    if bad != True or bad is not True:  # noqa: E712
        with pytest.raises(InputError, match="steps: must be a whole number >= 1"):
            make_plan(exact, steps=bad)


def test_one_goal_at_a_time(exact):
    for goals in ({"steps": 3, "kl": 1.0}, {"kl": 1.0, "tv": 0.1}, {"steps": 3, "tv": 0.1}):
        with pytest.raises(InputError, match="steps, kl, tv: only one of them can be given"):
            make_plan(exact, **goals)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"sampler": "euler"},
            "sampler: must be one of ei-score, ei-relative, ddpm, analytic-dpm, euler-ancestral, "
            "dpm2-ancestral, mixed, ddim",
        ),
        ({"covariance": "block"}, "covariance: must be one of scalar"),
        ({"sampler": "ddpm", "covariance": "pca"}, "covariance: belongs to analytic-dpm"),
        ({"covariance": "dct"}, "covariance: must be one that the audit measured"),
        ({"start": "prior"}, "start: must be one of gaussian, mean, standard"),
        ({"last": "keep"}, "last: must be one of draw, denoise, sample"),
        ({"steps": 500}, "steps: must be at most"),
    ],
)
def test_options_that_do_not_exist_are_refused(exact, options, message):
    with pytest.raises(InputError, match=message):
        make_plan(exact, **{"steps": 3, **options})


@pytest.mark.parametrize("last", ["denoise", "sample"])
def test_most_steps_are_told_and_possible(exact, last):
    with pytest.raises(InputError, match=r"steps: must be at most (\d+)") as error:
        make_plan(exact, steps=400, resolution=0.5, last=last)
    assert "got 400" in str(error.value)
    most = int(str(error.value).split("at most ")[1].split(",")[0])
    assert make_plan(exact, steps=most, resolution=0.5, last=last).steps == most
    with pytest.raises(InputError, match=f"must be at most {most},"):
        make_plan(exact, steps=most + 1, resolution=0.5, last=last)


@pytest.mark.parametrize("goal", [{}, {"steps": 1}, {"kl": 9.0}])
def test_the_coarsest_resolution_has_one_level(exact, goal):
    coarsest = {"resolution": GRID[0] ** -0.5, **goal}
    assert make_plan(exact, **coarsest).steps == 1
    with pytest.raises(InputError, match="resolution: leaves one level, and a sampled last"):
        make_plan(exact, last="sample", **coarsest)


def test_given_grids_are_priced_where_they_are(exact):
    planned = make_plan(exact, steps=6)
    same = evaluate_grid(exact, planned.levels)
    assert same.levels == pytest.approx(planned.levels)
    assert same.variances == pytest.approx(planned.variances, rel=1e-6)
    for one, two in zip(same.ledger[:2], planned.ledger[:2], strict=True):
        assert one.value == pytest.approx(two.value, rel=0.1, abs=0.05)
    for other in (np.geomspace(0.05, 300, 6), [0.5, 1.0, 2.0], [3.0], [0.001, 0.5, 1.7]):
        plan = evaluate_grid(exact, other, sampler="ddpm")
        assert plan.levels == pytest.approx(np.asarray(other))
        assert plan.ledger[0].value >= 0
    with pytest.raises(InputError, match="levels: must be positive, finite and strictly incr"):
        evaluate_grid(exact, [2.0, 1.0])
    with pytest.raises(InputError, match="levels: must not be finer than the finest measured"):
        evaluate_grid(exact, [2.0, 2100.0])


def test_planned_grids_beat_a_hand_made_one(exact):
    planned = make_plan(exact, steps=8, sampler="ddpm", resolution=GRID[-1] ** -0.5, weight=0.0)
    by_hand = evaluate_grid(exact, GRID[[0, 4, 8, 12, 18, 24, 28, 32]], sampler="ddpm")
    assert sum(e.value for e in planned.ledger[:2]) < sum(e.value for e in by_hand.ledger[:2])


def test_start_and_covariance_are_those_measured(exact):
    plan = evaluate_grid(exact, GRID[[3, 9, 14, 20]], covariance="pca", last="denoise")
    lam = np.linalg.eigvalsh(LAW.covariance())[::-1]
    assert plan.start_noise == pytest.approx(np.sqrt(lam + 1 / plan.levels[0]))
    nodes = np.array([4, 10, 15])
    more = grid_prices(exact, plan.levels, PlanOptions(covariance="pca"))[0].unseen(nodes)
    assert (more < 0.01 * plan.variances).all()
    assert plan.variances - more == pytest.approx(exact.curve.mean_errors("pca")[nodes])
    full = evaluate_grid(exact, GRID[[3, 9, 14, 20]], covariance="full", last="denoise")
    for k, (basis, values) in enumerate(zip(full.axes, full.variances, strict=True)):
        matrix = basis.factors[0] * values @ basis.factors[0].T
        assert matrix == pytest.approx(
            exact.curve.full[nodes[k]].mean(axis=0), rel=0.01, abs=0.002
        )


def test_the_best_number_of_steps_does_not_grow_with_coordinates_below_the_noise():
    base = np.array([[-1.0, 2.0], [1.5, 0.5]])
    steps = []
    for more in (0, 30):
        means = np.hstack([base, np.zeros((2, more))])
        spread = np.concatenate([[0.2, 0.3], np.full(more, 1e-9)])
        law = GaussianMixture([0.25, 0.75], means, [spread, 0.5 * spread])
        made = audit(ExactDenoiser(law), law, levels=33, examples=1000, seed=3, flow=0)
        plan = made.plan(sampler="ddpm", resolution=0.05)
        size = effective_dimension(plan.moments.variances, plan.levels[-1])
        assert 1.9 < size <= 2.0  # not 32
        steps.append(plan.steps)
    assert abs(steps[0] - steps[1]) <= 1


def test_the_best_number_of_steps_lets_the_verdict_say_which_costs_more():
    """Where more steps certainly cost less than the model, so many are taken: `goals.decisive`."""
    from girsanov.planning.step_targets import DECISIVE, FARTHER, decisive

    rows = [{"steps": n} for n in (1, 2, 3, 4, 6, 8, 12, 16, 32)]
    for enough in (3, 4, 6):
        assert decisive(3, rows, lambda n, e=enough: n >= e) == enough
    assert decisive(3, rows, lambda n: n >= 8) == 3  # farther than FARTHER times
    assert decisive(3, rows, lambda n: False) == 3
    assert FARTHER == 2
    law = gv.GaussianMixture([0.3, 0.7], [[-1.5, 0.0], [1.0, 2.0]], [0.04, 0.15])
    wrong = gv.GaussianMixture([0.3, 0.7], [[-1.5, 0.0], [1.0, 2.0]], [0.08, 0.3])

    class Wrong(gv.ExactDenoiser):
        exact = False

    audit = gv.audit(Wrong(wrong), law, examples=3000, levels=49, seed=2)
    plan = audit.plan(sampler="analytic-dpm")
    assert plan.why == DECISIVE
    assert plan.verdict.startswith("It is the model")
    init, steps, score = plan.ledger
    assert init.high + steps.high <= score.low
    fewer = audit.plan(steps=plan.steps - 1, sampler="analytic-dpm")
    assert fewer.ledger[0].high + fewer.ledger[1].high > fewer.ledger[2].low
