"""The lines of a report for diffusers run as they stand, for every kind of plan that has them."""

import html
import re
import sys
from pathlib import Path

import pytest

pytest.importorskip("diffusers")
sys.path.append(str(Path(__file__).parent))

import made

import girsanov as gv
from girsanov.planning.tournament.pipeline_schedulers import own_plans
from girsanov.reporting.code_snippets import snippets

AUDITED = ["girsanov audit model --data x.npy", "girsanov plan audit.json"]


def lines_of(plan):
    """The lines for diffusers, as text; None where there are none."""
    plan.save("plan.json", force=True)
    found = [s for s in snippets(plan, AUDITED) if s.title == "In diffusers"]
    return html.unescape(re.sub(r"<[^>]+>", "", found[0].code)) if found else None


def drawn_by(lines):
    """The pictures that the lines draw, and how often they call the network."""
    calls = []

    def counting(pipe):
        pipe.unet.register_forward_hook(lambda *_: calls.append(1))
        pipe.set_progress_bar_config(disable=True)
        return pipe

    code = lines.replace("pipe.scheduler =", "pipe = counting(pipe)\npipe.scheduler =")
    place = {"counting": counting}
    exec(code, place)
    return place["images"], len(calls)


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    folder = tmp_path_factory.mktemp("snippets")
    pipe = made.pipelines.ddpm(clip_sample=True)
    pipe.save_pretrained(folder / "model")
    model, audit = made.audited(pipe, trajectories=16)
    audit.save(folder / "audit.json")
    return folder, model, audit


WAYS = (
    {}, {"sampler": "ddpm"}, {"calibrate": True}, {"sampler": "dpmpp-2m"}, {"own": True},
    {"sampler": "euler-ancestral", "resolution": 0.1},
)  # fmt: skip


@pytest.mark.parametrize("way", WAYS, ids=lambda w: "-".join(map(str, w.values())) or "usual")
def test_they_draw_with_the_pipeline_that_was_audited(work, monkeypatch, way):
    folder, model, audit = work
    monkeypatch.chdir(folder)
    own = [*own_plans(audit, model, 4).values()]
    plan = own[0] if way.get("own") else audit.plan(steps=4, **way)
    images, calls = drawn_by(lines_of(plan))
    assert len(images) == 1
    assert calls == plan.steps == 4


def test_they_draw_with_a_unet_that_fit_trained(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = gv.load_data(made.images(96))
    model = gv.fit(data, out="model", network="unet", steps=2)
    audit = gv.audit(model, gv.load_data(made.images(48, seed=1)), train=data, levels=9, draws=1)
    audit.save("audit.json")
    images, calls = drawn_by(lines_of(audit.plan(steps=3)))
    assert len(images) == 1
    assert calls == 3
    small = gv.fit(data, out="mlp", network="mlp", steps=2)
    other = gv.audit(small, gv.load_data(made.images(48, seed=1)), train=data, levels=9, draws=1)
    assert lines_of(other.plan(steps=3)) is None  # an MLP, which no pipeline holds
