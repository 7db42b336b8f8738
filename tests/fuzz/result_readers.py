"""Laws, audits, plans and schedulers: what our own commands write and read again."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from mutate import json_bytes, mutated_json
from reader import ROWS, Reader, small_model, spoil_json, spoil_signed

import girsanov as gv
from girsanov import workflow
from girsanov.data.origin import refuse_drawn, write_origin
from girsanov.denoise.facts import Arithmetic, AutoencoderLoss, PipelineFacts
from girsanov.ledger.plan_records import Pilot, Standing, Tournament
from girsanov.measuring.facts import Precision
from girsanov.score_error.straight_line import Beaten
from girsanov.score_error.untrained import Untrained
from girsanov.workflow.compare_samples import _sets

LAWS: list[gv.Law] = [
    gv.GaussianMixture([0.3, 0.7], [[0.0, 1.0], [2.0, -1.0]], [np.eye(2), 0.1 * np.eye(2)]),
    gv.Gaussian([1.0, -2.0], [[1.0, 0.3], [0.3, 0.5]]),
    gv.Points([[0.0, 1.0], [2.0, 3.0]], [0.4, 0.6]),
    gv.Sphere([1.0, 2.0, 0.5], 0.7),
    gv.SwissRoll(0.3, 2.0),
]


def make_laws(folder: Path) -> None:
    for k, law in enumerate(LAWS):
        (folder / f"law{k}.json").write_text(json.dumps(law.to_json()))
    (folder / "law.json").write_text(json.dumps(LAWS[0].to_json()))


def spoil_law(folder: Path, random: Random) -> None:
    name = f"law{random.randrange(len(LAWS))}.json"
    spoil_json(name)(folder, random)
    (folder / name).replace(folder / "law.json")


def use_law(folder: Path) -> None:
    law = gv.read_law(folder / "law.json")
    if law.dimension <= 64:
        x = law.sample(4, seed=0)
        law.log_prob(x, 1.0), law.denoise(x, 1.0)


FACTS: dict[str, Any] = {
    "pipeline": PipelineFacts("DDPMPipeline", {"kind": "vp"}, {"clip": 1.0}, "DDIMScheduler"),
    "notes": ("clipped",), "suspects": (3, 5), "left_out": ("id",), "commands": ("girsanov",),
    "arithmetic": Arithmetic("bfloat16", compiled=False), "scale": 2.0, "training_stopped": True,
    "precision": Precision(0.1, None, 6, 300), "trained_levels": (0.1, 1.0, 10.0, 100.0),
    "vae": AutoencoderLoss("vae", 0.1, 0.05, 0.2, "estimate", 48, "of decoding"),
    "untrained": Untrained(0.1, 1.0, 2.0, 0.9), "beaten": Beaten(9, 1, 10, 3.0, 2.0, 4.0),
}  # fmt: skip


def audited(process: str = "vp", **options: Any) -> gv.Audit:
    """Return an audit of a small model on a few examples."""
    data = gv.load_data(ROWS * 0.9 + 0.05)
    return gv.audit(small_model(process), data, **{"levels": 5, "draws": 1, **options})


def make_results(folder: Path) -> None:
    audit = audited()
    audit.save(folder / "audit.json")
    audit.plan(steps=3).save(folder / "plan.json")


def make_audits(folder: Path) -> None:
    train = gv.load_data(ROWS)
    many = {
        "trajectories": 16,
        "train": train,
        "reference": gv.in_precision(small_model(), "bfloat16"),
    }
    audited(**many).save(folder / "0.json")
    audited("cld", train=train).save(folder / "1.json")
    audited().with_facts(**FACTS).save(folder / "3.json")
    gv.audit(gv.ExactDenoiser(LAWS[0]), LAWS[0], levels=5, examples=40).save(folder / "2.json")


def make_plans(folder: Path) -> None:
    audit = audited(trajectories=16)
    ways: list[dict[str, Any]] = [
        {"sampler": "ddpm"}, {"sampler": "ei-score"}, {"covariance": "scalar"},
        {"covariance": "full"}, {"covariance": "coordinate"}, {"process": "cld"},
        {"calibrate": True}, {"sampler": "dpmpp-2m", "denoiser": small_model()},
    ]  # fmt: skip
    made = [audit.plan(steps=3, **way) for way in ways]
    for k, plan in enumerate([*made, audited("cld").plan(steps=3), recorded_plan(audit)]):
        plan.save(folder / f"{k}.json")


def recorded_plan(audit: gv.Audit) -> gv.Plan:
    """Return a plan that records all that a plan may."""
    plan = audit.with_facts(**FACTS).plan(steps=3, widest=8.0)
    row = Standing("ours", "analytic-dpm", "pca", 3, 0.1, True, 1, won=True, own=False, failure="",
                   samples=99, value=0.1, low=0.05, high=0.2, behind=0.0, behind_low=0.0,
                   behind_high=0.0)  # fmt: skip
    other = replace(row, candidate="theirs", won=False, behind=0.1, behind_high=0.2)
    failed = Standing("none", "ddim", None, 3, 0.1, False, 0, won=False, own=True, failure="no")
    table = (row, other, failed)
    return replace(
        plan, pilot=Pilot(200, 600, (0.9, 0.8), (0.01, 0.01), 0.2), command="girsanov plan",
        tournament=Tournament("mmd", "of samples", 0, 800, 0, 0, "", 0.95, "0" * 64, 99, table),
    )  # fmt: skip


def spoil_any(folder: Path, random: Random) -> None:
    """Change one of the pairs 0.json, 1.json, ... and leave it alone in the folder."""
    names = sorted(p.stem for p in folder.glob("*.json"))
    chosen = random.choice(names)
    for name in set(names) - {chosen}:
        for suffix in (".json", ".safetensors"):
            (folder / name).with_suffix(suffix).unlink()
    spoil_signed(chosen)(folder, random)


def first_of(use: Callable[[Path], None]) -> Callable[[Path], None]:
    """Return what uses the first JSON file of a folder."""
    return lambda folder: use(min(folder.glob("*.json")))


def use_audit(path: Path) -> None:
    audit = gv.load_audit(path)
    audit.summary()
    audit.plan(steps=2)
    if audit.trajectories is not None:
        audit.plan(steps=2, sampler="ddim")
    audit.plan()


def use_plan(path: Path) -> None:
    plan = gv.load_plan(path)
    str(plan)
    x = gv.sample(small_model(), plan, 3, any_model=True)
    assert np.isfinite(x).all()


def use_report(folder: Path) -> None:
    for name in ("audit", "plan"):
        audits, plans = [folder / "audit.json"], [folder / f"{name}.json"][name == "audit" :]
        page = folder / "page.html"
        workflow.report(workflow.ReportRequest(audits, plan=plans, out=page, force=True))


def spoil_results(folder: Path, random: Random) -> None:
    spoil_signed(random.choice(("audit", "plan")))(folder, random)


def make_origin(folder: Path) -> None:
    np.savez(folder / "s.npz", x=ROWS[:20], y=np.arange(20) % 2)
    told = {"command": "girsanov sample", "drawn_by": "0" * 64, "label_column": "y"}
    write_origin(str(folder / "s.npz"), told)
    np.save(folder / "x.npy", ROWS)


def use_origin(folder: Path) -> None:
    samples = str(folder / "s.npz")
    refuse_drawn(samples, "1" * 64)
    _sets(workflow.CompareRequest(samples, folder / "x.npy"))


def make_scheduler(folder: Path) -> None:
    sys.path.append(str(Path(__file__).parent.parent / "denoise"))
    from pipelines import ddpm

    data = gv.load_data(np.random.default_rng(0).integers(0, 255, (48, 8, 8, 3)).astype("u1"))
    audit = gv.audit(gv.from_pipeline(ddpm()), data, levels=5, draws=1)
    for k, way in enumerate(({}, {"sampler": "ddpm"}, {"covariance": "scalar"})):
        scheduler = gv.GirsanovScheduler.from_plan(audit.plan(steps=3, **way), audit=audit)
        scheduler.save_pretrained(folder / str(k))


def spoil_scheduler(folder: Path, random: Random) -> None:
    place = folder / str(random.randrange(3))
    path = place / "scheduler_config.json"
    content = json.loads(path.read_bytes())
    if random.random() < 0.3:
        spoil_json(path.name)(place, random)
    else:  # what is ours in it, not what diffusers wrote
        name = random.choice(("plans", "clock", "clip", "shape"))
        changed = mutated_json({"it": content[name]}, random)
        content[name] = changed.get("it") if isinstance(changed, dict) else changed
        path.write_bytes(json_bytes(content))
    place.rename(folder / "it")


def use_scheduler(folder: Path) -> None:
    import torch

    place = next(p for p in (folder / "it", folder / "0") if p.is_dir())
    try:
        scheduler = gv.GirsanovScheduler.from_pretrained(place)
    except (OSError, ValueError) as cause:  # diffusers' own words: no JSON, `_class_name` no text
        if isinstance(cause, OSError) or "`_class_name`" in str(cause):
            raise gv.InputError(" ".join(str(cause).split())[:200]) from cause
        raise
    scheduler.set_timesteps(2)
    x = torch.ones(2, 3, 8, 8)
    for t in scheduler.timesteps:
        seen = scheduler.scale_model_input(x, t)
        x = scheduler.step(0.1 * seen, t, x, generator=torch.Generator()).prev_sample


RESULTS = {
    "law": Reader(make_laws, spoil_law, use_law),
    "audit": Reader(make_results, spoil_signed("audit"), lambda f: use_audit(f / "audit.json")),
    "plan": Reader(make_results, spoil_signed("plan"), lambda f: use_plan(f / "plan.json")),
    "audits": Reader(make_audits, spoil_any, first_of(use_audit)),
    "plans": Reader(make_plans, spoil_any, first_of(use_plan)),
    "report": Reader(make_results, spoil_results, use_report),
    "origin": Reader(make_origin, spoil_json("s.npz.origin.json"), use_origin),
    "scheduler": Reader(make_scheduler, spoil_scheduler, use_scheduler),
}
