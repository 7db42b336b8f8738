"""Plans against diffusers' own schedulers, on pipelines trained with plain diffusers code.

    python benchmarks/pipelines.py MODELS --out RESULTS [--who their our tenth chosen]
                                   [--only NAME ...] [--device cuda] [--counts 5 8 10 20 50]
    python benchmarks/pipelines.py MODELS --out RESULTS --table

MODELS is what benchmarks/pipelines_train.py wrote: pipelines, each with several training seeds.
For each: the Frechet distance to the training images, which no curve and no tournament is measured
on, in 32 features of a small classifier, of samples drawn by diffusers' loop with the same network
and number of calls. Rows:

    their   DDPM, DDIM, DPM-Solver++ and UniPC as diffusers spaces them
    our     GirsanovScheduler from one audit of at most 25,000 network calls, all trajectories
            included: stochastic (analytic-dpm, ddpm) and ODE samplers, on the network as it is and
            calibrated
    tenth   the same of 2,500 calls, but for the ODE samplers on the calibrated network
    chosen  what a tournament by Frechet distance chooses (as `plan --by frechet`), all of these
            and more competing: half of the held-out images are audited, the other half judges

A plan takes at most the calls it is given, and fewer where the audit has no more levels. All rows
see the same noise; +- is 1.96 standard errors by a jackknife over 20 groups of samples, which for
ratios uses that. Rows are kept in RESULTS, one file a pipeline and seed, as they are done, so that
a run may be stopped and go on; processes for different --only do not disturb each other.
"""

from __future__ import annotations

import argparse
import inspect
import json
import time
from functools import partial
from pathlib import Path

import diffusers
import numpy as np
import torch
from common import Judge
from pipelines_table import table

import girsanov as gv
from girsanov.comparison.measures.frechet import Frechet
from girsanov.measuring.trajectories import teacher_calls
from girsanov.planning.ode_samplers.plan_ode_sampler import calibrated_teacher
from girsanov.planning.tournament.tournament import tournament
from girsanov.sampling.loop import sample_standardised
from girsanov.sampling.registry import ode_names
from girsanov.workflow.shared.call_budget import shared_out

COUNTS = (5, 8, 10, 20, 50)
JACKKNIFE_GROUPS = 20
CALLS, TENTH = 25_000, 2_500
PATHS = {"our": 40, "tenth": 16, "chosen": 40}  # trajectories of an audit
# an ODE sampler's plan has no more calls than these
LEVELS = {"our": 33, "tenth": 13, "chosen": 33}
A_SAMPLE = 16_000  # network calls of a tournament for each one that its plan makes, or 200,000
WHO = ("their", "our", "tenth", "chosen")


def theirs(config):
    """Yield name and scheduler: what a user of diffusers would try."""
    for spacing in ("leading", "trailing", "linspace"):
        yield (
            f"DDPM {spacing}",
            diffusers.DDPMScheduler.from_config(config, timestep_spacing=spacing),
        )
    yield "DDIM leading", diffusers.DDIMScheduler.from_config(config, timestep_spacing="leading")
    multistep = diffusers.DPMSolverMultistepScheduler
    yield "DPM++ linspace", multistep.from_config(config, timestep_spacing="linspace")
    yield "DPM++ Karras", multistep.from_config(config, use_karras_sigmas=True)
    yield "UniPC", diffusers.UniPCMultistepScheduler.from_config(config)


@torch.inference_mode()
def drawn(network, scheduler, steps, count, seed=0):
    """Return samples [count, d] by diffusers' loop, and the network calls it made."""
    generator = torch.Generator().manual_seed(seed)
    shape = (count, network.config.in_channels, *[network.config.sample_size] * 2)
    scheduler.set_timesteps(steps, device=network.device)
    x = torch.randn(shape, generator=generator).to(network.device) * scheduler.init_noise_sigma
    known = inspect.signature(scheduler.step).parameters
    options = {"generator": generator} if "generator" in known else {}
    calls = 0
    for t in scheduler.timesteps:
        out, calls = network(scheduler.scale_model_input(x, t), t).sample, calls + 1
        x = scheduler.step(out, t, x, **options).prev_sample
    return x.clamp(-1, 1).flatten(1).cpu().numpy().astype(np.float64), calls


def audited(model, held_out, train, who):
    """Return an audit within its network calls, and what it says of itself."""
    tenth, paths = who == "tenth", PATHS[who]
    # the calibrated teacher's trajectories are as many again; a tournament pays for its own
    teachers = 2 if who == "our" else 1
    spent = shared_out(
        TENTH if tenth else CALLS, available=len(held_out), train=len(train),
        trajectories=teachers * paths, levels=LEVELS[who],
    )._asdict()  # fmt: skip
    begun = time.perf_counter()
    audit = gv.audit(model, held_out, train=train, trajectories=paths, **spent)
    total = audit.total()
    asked = {"steps": 8, "sampler": "analytic-dpm", "weight": 0.0, "calibrate": False}
    ledger = [e.to_json() for e in audit.plan(**asked).ledger]
    said = {
        **spent, "trajectories": paths,
        "calls": audit.facts.calls + (teachers - 1) * paths * teacher_calls(len(audit.levels)),
        "seconds": time.perf_counter() - begun,
        "half_width": float(np.median(1.96 * total.se / total.value)),
        "calibrated": audit.calibrated().calibration.share, "ledger_at_8": ledger,
    }  # fmt: skip
    print(f"audit ({who}): {said}", flush=True)
    return audit, said


def ours(audit, model, who):
    """Yield name and what makes the scheduler, from one audit."""
    made = gv.GirsanovScheduler.from_plan

    def of(given, **options):
        return made(given.plan(steps=8, **options), audit=given)

    nats = {"sampler": "analytic-dpm", "weight": 0.0}
    yield "analytic-dpm, calibrated", partial(of, audit, calibrate=True, **nats)
    yield "analytic-dpm", partial(of, audit, calibrate=False, **nats)
    yield "ddpm", partial(of, audit, sampler="ddpm", calibrate=False)
    for sampler in ode_names():
        yield sampler, partial(of, audit, sampler=sampler, calibrate=False)
    right = None if who == "tenth" else calibrated_teacher(audit, model)
    for sampler in ode_names() if right is not None else ():
        yield f"{sampler}, calibrated", partial(of, right, sampler=sampler)


class Field:
    """One pipeline: its network, data, judge, and the file its rows are kept in."""

    def __init__(self, folder: Path, options: argparse.Namespace) -> None:
        load = {"local_files_only": True}
        network = diffusers.UNet2DModel.from_pretrained(folder / "unet", **load)
        self.network = network.to(options.device).eval()
        self.scheduler = diffusers.DDPMScheduler.from_pretrained(folder / "scheduler", **load)
        names = ("train", "held_out", "labels_train", "labels_held_out")
        parts = {key: np.load(folder / f"{key}.npy") for key in names}
        flat = [parts[k].reshape(len(parts[k]), -1).astype(np.float64) for k in names[:2]]
        labels = np.concatenate([parts["labels_train"], parts["labels_held_out"]])
        self.judge, self.seen = Judge(np.concatenate(flat), labels), flat[0]
        self.parts, self.train = parts, gv.load_data(parts["train"])
        self.held_out = gv.load_data(parts["held_out"])
        self.model = gv.from_pipeline(diffusers.DDPMPipeline(self.network, self.scheduler))
        self.options, self.path = options, options.out / f"{folder.name}.json"
        text = self.path.read_text() if self.path.is_file() else '{"rows": {}}'
        self.kept = {"audits": {}, "chosen": {}, "done": {}, **json.loads(text)}
        half = np.random.default_rng(0).permutation(len(self.seen))
        pair = (self.seen[half[::2]], self.seen[half[1::2]])
        self.kept["floor"] = self.judge.frechet(*pair)

    def keep(self) -> None:
        """Write the rows there are."""
        self.path.write_text(json.dumps(self.kept))

    def missing(self, name: str) -> list[int]:
        """Return the numbers of calls that a row has not been measured at."""
        return [n for n in self.options.counts if str(n) not in self.kept["rows"].get(name, {})]

    def measure(self, name: str, steps: int, draw) -> None:
        """Judge what `draw` draws, keep it and say it."""
        row = self.kept["rows"].setdefault(name, {})
        try:
            x, calls = draw()
        except IndexError:  # DPM++ with Karras levels and a last training level near SNR 0
            row[str(steps)] = None
            return
        assert calls <= steps, (name, steps, calls)
        group = np.arange(len(x)) % JACKKNIFE_GROUPS
        each = (x, *(x[group != g] for g in range(JACKKNIFE_GROUPS)))
        row[str(steps)] = [self.judge.frechet(part, self.seen) for part in each]
        print(f"{self.path.stem} {name:28s} {steps:3d} {row[str(steps)][0]:8.2f}", flush=True)
        self.keep()

    def rows(self, who: str, runs) -> None:
        """Measure the rows that are missing of schedulers, each made when it is needed."""
        for name, make in runs:
            wanted = self.missing(f"{who} {name}")
            scheduler = make() if wanted else None
            for steps in wanted:
                draw = partial(drawn, self.network, scheduler, steps, self.options.count)
                self.measure(f"{who} {name}", steps, draw)

    def tournaments(self) -> None:
        """Measure what tournaments choose: half of the held-out data audited, half judging."""
        wanted = self.missing("chosen")
        if not wanted:
            return
        audit_on, judge_by = (gv.load_data(self.parts["held_out"][k::2]) for k in (0, 1))
        audit, said = audited(self.model, audit_on, self.train, "chosen")
        self.kept["audits"]["chosen"] = said
        measure = Frechet.fit(self.seen, self.parts["labels_train"])
        for steps in wanted:
            begun = time.perf_counter()
            calls = self.options.calls or max(200_000, A_SAMPLE * steps)
            plan = tournament(audit, self.model, judge_by, by=measure, steps=steps, calls=calls)
            told = plan.tournament
            won = next(row for row in told.table if row.won)
            self.kept["chosen"][str(steps)] = {
                "why": plan.why, "calls": told.calls, "samples": won.samples,
                "trajectory_calls": told.trajectory_calls, "candidates": len(told.table),
                "name": won.candidate, "seconds": time.perf_counter() - begun,
            }  # fmt: skip
            print(f"{self.path.stem} {steps}: {self.kept['chosen'][str(steps)]}", flush=True)
            self.measure("chosen", steps, partial(self.of_plan, plan))

    def of_plan(self, plan):
        """Return samples of a plan, from noise that its tournament has not seen."""
        count = self.options.count
        if plan.covariance == "full":  # which no scheduler carries
            x = sample_standardised(self.model, plan, count, seed=2**30)
            return x.clamp(-1, 1).flatten(1).double().cpu().numpy(), plan.steps
        scheduler = gv.GirsanovScheduler.from_plan(plan)
        return drawn(self.network, scheduler, plan.steps, count)


def study(folder: Path, options: argparse.Namespace) -> None:
    field = Field(folder, options)
    for who in options.who:
        done = field.kept["done"].get(who, [])
        if {*options.counts} <= {*done}:
            continue
        if who == "their":
            field.rows(who, ((n, lambda s=s: s) for n, s in theirs(field.scheduler.config)))
        elif who == "chosen":
            field.tournaments()
        else:
            audit, said = audited(field.model, field.held_out, field.train, who)
            field.kept["audits"][who] = said
            field.rows(who, ours(audit, field.model, who))
        field.kept["done"][who] = sorted({*done, *options.counts})
        field.keep()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="+", help="folders of MODELS, such as digits-v-0")
    parser.add_argument("--who", choices=WHO, nargs="+", default=list(WHO))
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--counts", type=int, nargs="+", default=list(COUNTS))
    parser.add_argument("--calls", type=int, help="of a tournament, for a trial of this script")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    if options.table:
        table(options.out)
        return
    folders = sorted(p.parent for p in options.models.glob("*/model_index.json"))
    for folder in (f for f in folders if not options.only or f.name in options.only):
        study(folder, options)


if __name__ == "__main__":
    main()
