"""Pipelines that read text: told the data's captions, each encoded once; and guided fields."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

diffusers = pytest.importorskip("diffusers")
sys.path.append(str(Path(__file__).parent))

import pipelines  # noqa: E402

import girsanov as gv  # noqa: E402
from girsanov._checks import InputError  # noqa: E402
from girsanov.cli.main import run  # noqa: E402
from girsanov.denoise.pipelines.text import with_captions  # noqa: E402
from girsanov.ledger.verdict import plan_verdict  # noqa: E402

CAPTIONS = ("a bee", "an ant", "two wasps")
KINDS = (pipelines.StableDiffusionPipeline, pipelines.StableDiffusion3Pipeline)
both = pytest.mark.parametrize("kind", KINDS)


def pictures(folder, count=48, name="metadata.csv"):
    """Pictures with captions beside them, and the captions."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)
    texts = [CAPTIONS[k] for k in rng.integers(0, 3, count)]
    for k in range(count):
        values = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(values).save(folder / f"{k:03d}.png")
    rows = [{"file_name": f"{k:03d}.png", "text": t} for k, t in enumerate(texts)]
    if name.endswith("jsonl"):
        (folder / name).write_text("\n".join(json.dumps(row) for row in rows))
    else:
        lines = ["file_name,text", *(f'{row["file_name"]},"{row["text"]}"' for row in rows)]
        (folder / name).write_text("\n".join(lines))
    return texts


@pytest.mark.parametrize("name", ["metadata.csv", "metadata.jsonl", "captions.csv"])
def test_captions_beside_pictures_are_their_labels(tmp_path, name):
    texts = pictures(tmp_path, 12, name)
    data = gv.load_data(tmp_path)
    assert [data.label_names[k] for k in data.labels] == texts


def test_captions_that_cannot_be_used(tmp_path):
    pictures(tmp_path, 3)
    (tmp_path / "metadata.csv").write_text("file_name,text\n000.png,a\n001.png,b\n")
    with pytest.raises(InputError, match=r"a text for every image; got '?002\.png"):
        gv.load_data(tmp_path)
    (tmp_path / "metadata.csv").write_text("file_name,size\n000.png,3\n")
    assert gv.load_data(tmp_path).labels is None  # about something else
    (tmp_path / "metadata.csv").unlink()
    (tmp_path / "metadata.jsonl").write_text('{"file_name": "000.png"')
    with pytest.raises(InputError, match="one JSON object a line"):
        gv.load_data(tmp_path)
    (tmp_path / "metadata.jsonl").unlink()
    for row in ("000.png,a", "000.png,a,and more"):  # more cells than columns
        (tmp_path / "captions.csv").write_text(f"name,words\n{row}\n")
        with pytest.raises(InputError, match="must have the columns"):
            gv.load_data(tmp_path)


@both
def test_the_denoiser_is_the_network_told_the_caption(kind):
    pipe = kind()
    model = with_captions(gv.from_pipeline(pipe), CAPTIONS)
    g = torch.Generator().manual_seed(0)
    x, label = torch.randn(3, 4, 4, 4, generator=g), torch.tensor([2, 0, 1])
    s = float(model.levels[300]) if model.levels is not None else 0.7
    told = pipe.encoder([CAPTIONS[k] for k in label])
    sigma = s**-0.5
    if kind is KINDS[0]:
        alpha = (1 + sigma**2) ** -0.5
        out = model.network(alpha * x, 699, encoder_hidden_states=told).sample
        want = x - sigma * out
    else:
        u = sigma / (1 + sigma)
        time, pooled = torch.full((3,), 1000 * u), told.mean(dim=1)
        velocity = model.network((1 - u) * x, told, pooled, time).sample
        want = (1 - u) * x - u * velocity
    torch.testing.assert_close(model(x, s, label), want.detach(), rtol=1e-4, atol=1e-4)
    assert not torch.equal(model(x, s, label), model(x, s, label.flip(0)))
    assert model.fingerprint == gv.from_pipeline(pipe).fingerprint
    with pytest.raises(InputError, match=r"0\.\.2"):
        model(x, s, label + 1)


@both
def test_each_caption_is_encoded_once_and_kept(kind, tmp_path):
    pipe = kind()
    bare = gv.from_pipeline(pipe)
    pipe.encoder.calls = 0
    model = with_captions(bare, CAPTIONS, cache=tmp_path)
    assert pipe.encoder.calls == 4  # and the empty prompt
    again = with_captions(bare, CAPTIONS, cache=tmp_path)
    assert pipe.encoder.calls == 4
    x, label = torch.ones(3, 4, 4, 4), torch.tensor([0, 1, 2])
    s = float(model.levels[500]) if model.levels is not None else 1.0
    assert torch.equal(model(x, s, label), again(x, s, label))
    assert len(list(tmp_path.glob("captions-*.safetensors"))) == 1
    with_captions(bare, CAPTIONS[:2], cache=tmp_path)
    assert len(list(tmp_path.glob("captions-*.safetensors"))) == 2
    with pytest.raises(InputError, match="distinct"):
        with_captions(bare, ["a", "a"])
    with pytest.raises(InputError, match="reads text"):
        with_captions(gv.from_pipeline(pipelines.ddpm()), CAPTIONS)


@both
def test_guidance_is_the_pipelines_own_rule(kind):
    pipe = kind()
    model = with_captions(gv.from_pipeline(pipe), CAPTIONS)
    strong = model.guided(5.0)
    x, label = torch.ones(2, 4, 4, 4), torch.tensor([1, 2])
    s = float(model.levels[500]) if model.levels is not None else 1.0
    told, none = model(x, s, label), model(x, s)
    # x0 is linear in the output
    torch.testing.assert_close(strong(x, s, label), none + 5 * (told - none), rtol=1e-3, atol=1e-3)
    assert strong.fingerprint != model.fingerprint
    assert strong.guided(1.0).fingerprint == model.fingerprint
    assert any("no data law" in note for note in strong.notes)


def test_what_cannot_be_guided():
    for pipe, words in ((pipelines.ddpm(), "needs a network with a condition"),
                        (pipelines.ddpm(classes=3), "no unlabelled class")):  # fmt: skip
        with pytest.raises(InputError, match=words):
            gv.from_pipeline(pipe, guidance=2.0)


def test_a_guided_ledger_says_so_everywhere(tmp_path):
    model = gv.from_pipeline(pipelines.class_latents(), guidance=4.0)
    rng = np.random.default_rng(1)
    z = rng.normal(size=(48, 4, 4, 4)).astype(np.float32)
    data = gv.load_data(z, labels=np.array([f"kind {k}" for k in rng.integers(0, 5, 48)]))
    audit = gv.audit(model, data, levels=9, draws=1)
    assert audit.facts.guidance == 4.0
    plan = audit.plan(steps=4)
    assert all(e.note.startswith("compared with the guided field") for e in plan.ledger)
    with pytest.raises(InputError, match="guided field, which belongs to no data"):
        plan.certificate()
    with pytest.raises(InputError, match="kl, tv: is no target for a guided field"):
        audit.plan(kl=0.5)
    with pytest.raises(InputError, match="calibrate: would correct a guided field"):
        audit.plan(steps=4, calibrate=True)
    assert plan.calibration is None  # nor by default, however far the field is from the data
    plan.save(tmp_path / "plan.json")
    again = gv.load_plan(tmp_path / "plan.json")
    assert again.guidance == 4.0
    assert [e.note for e in again.ledger] == [e.note for e in plan.ledger]
    assert plan_verdict(again).startswith(
        "Compared with the field guided by weight 4, not with data"
    )
    with pytest.raises(InputError, match="was made for the model"):
        gv.sample(gv.from_pipeline(pipelines.class_latents()), plan, 2)
    assert gv.sample(model, plan, 2).shape == (2, 4, 4, 4)


def command(*words):
    assert run([str(w) for w in words]) == 0


def test_the_command_line(tmp_path, capsys, monkeypatch):
    """From captioned pictures to a plan by samples; the encoders stand in for CLIP's."""
    from girsanov.denoise import load

    live = KINDS[0]()
    monkeypatch.setattr(load, "load_pipeline", lambda *_, **__: gv.from_pipeline(live))
    (tmp_path / "pipe").mkdir()
    (tmp_path / "pipe" / "model_index.json").write_text("{}")
    pictures(tmp_path / "in", 80)
    audit, plan, pipe = (tmp_path / n for n in ("audit.json", "plan.json", "pipe"))
    command("audit", pipe, "--data", tmp_path / "in", "--levels", 7, "--draws", 1,
            "--out", audit, "--device", "cpu", "--guidance", 3)  # fmt: skip
    said = " ".join(capsys.readouterr().out.split())
    assert "autoencoder" in said
    assert "guided with weight 3" in said
    for name in ("captions", "latents"):
        assert len(list(tmp_path.glob(f"{name}-*.safetensors"))) == 1
    before = live.encoder.calls
    command("plan", audit, "--steps", 3, "--by", "sliced-w2", "--model", pipe, "--data",
            tmp_path / "in", "--candidates", "ddpm", "--calls", 4000, "--out", plan)  # fmt: skip
    assert "diffusers'" in capsys.readouterr().out
    assert live.encoder.calls == before + 1  # the empty prompt, when it is loaded
    out = tmp_path / "new.npy"
    assert run(["sample", str(pipe), "--plan", str(plan), "--count", "2", "--out", str(out)]) == 2
    assert "--label: must be the prompt" in capsys.readouterr().err
    command("sample", pipe, "--plan", plan, "--count", 2, "--out", out, "--label", "a fly")
    assert np.load(out).shape == (2, 4, 4, 4)
    pictures(tmp_path / "bare", 40)
    (tmp_path / "bare" / "metadata.csv").unlink()
    words = ["audit", str(pipe), "--data", str(tmp_path / "bare"), "--out", str(audit)]
    assert run([*words, "--force"]) == 2
    assert "has no texts for this model" in capsys.readouterr().err
