"""Are plans without held-out data as good as those with them? `audit --no-data` against `--data`.

    python benchmarks/no_data.py [--model FOLDER] [--pipelines FOLDER ...] [--examples N]
                                 [--steps 8 16] [--json FILE]

Digits: a model that `girsanov fit digits --out FOLDER` made. Pipelines: folders that
pipelines_train.py made, with train.npy and held_out.npy in them. Of each two audits are made: on
held-out data, and on samples of the model's own. Each is planned on for the fewest nats, and both
grids are priced on the held-out data, with as many calls in each step as planned. `over` is what
the plan without data costs there beyond the other, in percent, with the standard error that the
intervals of both tell (they share their examples, so that it is wider than it need be). `said` is
what the plan without data says of itself.
"""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
from _table import begin, finish, options, table
from common import digits_parts

import girsanov as gv
from girsanov.path_kl.flow_search import Route
from girsanov.planning.ancestral_plans import flow_grids_of, flow_plan
from girsanov.planning.options import PlanOptions

SAMPLERS = ("mixed", "analytic-dpm")


def audits(model, held_out, given):
    """Return the audit on held-out data and that on the model's own samples."""
    asked = {"levels": given.levels, "seed": 1}
    count = min(given.examples, len(held_out))
    return (
        gv.audit(model, held_out, examples=count, **asked),
        gv.audit(model, no_data=True, examples=given.examples, **asked),
    )


def nats(plan):
    """Return init + discretisation of a plan and its standard error."""
    parts = [e for e in plan.ledger if e.name != "score"]
    wide = math.hypot(*(e.high - e.low for e in parts))
    return sum(e.value for e in parts), wide / 3.92


def priced(audit, plan):
    """Return the plan on the same levels, with as many calls in every step, on another audit."""
    if plan.inner is None:
        asked = {"sampler": plan.sampler, "last": plan.last, "calibrate": False}
        return gv.evaluate_grid(audit, plan.levels, **asked)
    request = PlanOptions(sampler=plan.sampler, last=plan.last)
    grids = flow_grids_of(audit, request, plan.levels)
    places = np.arange(len(grids.places))
    calls = np.where(np.isfinite(plan.inner.middle), 2, 1).tolist()
    ways = [(c, int(grids.tables[c - 1].choice[k, k + 1])) for k, c in enumerate(calls)]
    return flow_plan(grids, grids.grid(Route(places, ways)), "priced again", [])


def rows(name, model, held_out, given):
    """Yield a row for each sampler and number of steps."""
    with_data, without = audits(model, held_out, given)
    for sampler, steps in itertools.product(SAMPLERS, given.steps):
        if sampler == "mixed" and with_data.flow is None:
            continue  # of a broken network the flow of the corrected one was followed
        asked = {"steps": steps, "sampler": sampler, "weight": 0.0, "calibrate": False}
        own = without.plan(**{**asked, "calibrate": None})
        # the same end for both, or the nats of one speak of finer noise
        best = with_data.plan(**asked, resolution=own.resolution)
        one, other = (nats(priced(with_data, plan)) for plan in (own, best))
        yield {
            "model": name, "sampler": sampler, "steps": steps, "own": one[0],
            "with_data": other[0], "over": one[0] / other[0] - 1,
            "se": math.hypot(one[1], other[1]) / other[0], "said": nats(own)[0],
            "ends": (own.resolution, best.resolution),
        }  # fmt: skip


def models(given):
    """Yield names, models and their held-out data."""
    if given.model is not None:
        model = gv.load_model(given.model)
        yield "digits", model, digits_parts(model)[1]
    for folder in given.pipelines:
        data = gv.load_data(np.load(folder / "held_out.npy"))
        yield folder.name, gv.load_model(folder), data


def main() -> None:
    """Print and write the table."""
    parser = options(__doc__, runs=1)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--pipelines", type=Path, nargs="*", default=[])
    parser.add_argument("--examples", type=int, default=1000)
    parser.add_argument("--levels", type=int, default=33)
    parser.add_argument("--steps", type=int, nargs="+", default=[8, 16])
    given = begin(parser)
    found = [row for name, *one in models(given) for row in rows(name, *one, given)]
    table(
        ("model", "sampler", "calls", "planned without data", "planned with", "over, %", "said"),
        (
            (r["model"], r["sampler"], r["steps"], f"{r['own']:.3f}", f"{r['with_data']:.3f}",
             f"{100 * r['over']:+.1f} ± {100 * r['se']:.1f}", f"{r['said']:.3f}")
            for r in found
        ),
    )  # fmt: skip
    finish(given, found)


if __name__ == "__main__":
    main()
