"""The lines to copy do what they say."""

import dataclasses
import html
import re
import shlex

import numpy as np
import pytest
import typer.main

import girsanov as gv
import girsanov.cli.plan
import girsanov.cli.sample
from girsanov.cli.main import run as main
from girsanov.cli.options import app
from girsanov.denoise.facts import PipelineFacts
from girsanov.reporting.code_snippets import snippets


def plain(snippet):
    return html.unescape(re.sub(r"<[^>]+>", "", snippet.code))


@pytest.mark.parametrize("options", [{}, {"sampler": "ddpm"}, {"covariance": "scalar"}])
def test_the_python_lines_make_the_plan(wrong_audit, tmp_path, monkeypatch, options):
    monkeypatch.chdir(tmp_path)
    wrong_audit.save("audit.json")
    plan = wrong_audit.plan(steps=5, **options)
    made = {}
    lines = plain(snippets(plan, [])[1]).splitlines()
    exec("\n".join(lines[:-1]), made)  # the last draws samples
    np.testing.assert_allclose(made["plan"].levels, plan.levels, rtol=1e-4)
    assert (made["plan"].sampler, made["plan"].covariance) == (plan.sampler, plan.covariance)


def test_the_shell_lines_are_commands_with_the_files_that_were_used(wrong_plans):
    run = ["girsanov audit 'my model' --data d.npy --out a.json", "girsanov plan a.json"]
    lines = plain(snippets(wrong_plans[1], run)[0]).splitlines()
    assert shlex.split(lines[0])[:3] == ["girsanov", "plan", "a.json"]
    assert shlex.split(lines[1])[:3] == ["girsanov", "sample", "my model"]
    known = typer.main.get_command(app).commands
    for line in lines:
        name, *words = shlex.split(line)[1:]
        options = {o for p in known[name].params for o in p.opts}
        assert {w for w in words if w.startswith("--")} <= options


def test_the_shell_lines_run_as_pasted_and_replace_nothing(wrong_audit, tmp_path, monkeypatch):
    """From any folder, with the files where they are, and none of them written over."""
    monkeypatch.chdir(tmp_path)
    wrong_audit.save("audit.json")
    plan = wrong_audit.plan(steps=5)
    plan.save("plan.json")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    run = ["girsanov audit model --data d.npy --out audit.json",
           "girsanov plan audit.json --out plan.json",
           "girsanov sample model --plan plan.json --count 9 --out some/samples.csv"]  # fmt: skip
    first, second = map(shlex.split, plain(snippets(plan, run)[0]).splitlines())
    assert first[2] == str(tmp_path / "audit.json")
    fresh = tmp_path / "plan-with-5-steps.json"
    assert [first[-1], second[second.index("--plan") + 1]] == [str(fresh)] * 2
    assert second[-1] == "some/samples-with-5-steps.csv"  # which is not there: as it was recorded
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert main(first[1:]) == 0
    np.testing.assert_allclose(gv.load_plan(fresh).levels, plan.levels, rtol=1e-4)
    assert {path: path.read_bytes() for path in before} == before


def test_a_folder_of_pictures_stays_one(wrong_plans):
    run = ["girsanov sample m --plan p.json --count 9 --out 'my pictures/'"]
    words = shlex.split(plain(snippets(wrong_plans[1], run)[0]).splitlines()[1])
    assert words[-1] == f"my pictures-with-{wrong_plans[1].steps}-steps/"


def test_lines_for_diffusers_need_a_pipeline_that_holds_the_model(wrong_plans):
    def titles(**record):
        facts = dataclasses.replace(wrong_plans[0].audit, shape=(3, 8, 8), **record)
        return [s.title for s in snippets(dataclasses.replace(wrong_plans[0], audit=facts), [])]

    both = ["From a shell", "In Python"]
    assert titles() == both  # an MLP on pictures
    assert titles(in_diffusers=False) == both
    assert titles(in_diffusers=True) == [*both, "In diffusers"]
    pipeline = PipelineFacts("DDPMPipeline", {}, {}, "DDPMScheduler")
    assert titles(pipeline=pipeline) == [*both, "In diffusers"]
    assert titles(in_diffusers=True, process="cld") == both
