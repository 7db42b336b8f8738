"""A network of one's own from a shell: init-network, check, audit, and their mistakes."""

import importlib.util

import numpy as np
import pytest

from girsanov.workflow.network_file import CONVENTIONS

FEW = ("--levels", "9", "--examples", "80", "--draws", "1", "--flow", "0")


@pytest.mark.parametrize("kind", CONVENTIONS)
def test_the_file_of_every_kind_runs_as_it_is(kind, girsanov, here):
    pytest.importorskip("sklearn")
    if kind == "jax" and importlib.util.find_spec("jax") is None:
        pytest.skip("needs jax")
    said = girsanov("init-network", kind, "--out", f"{kind}_net.py")
    assert said.code == 0
    assert (
        f"wrote {kind}_net.py\nnext: girsanov check {kind}_net.py:load --data digits" in said.out
    )
    text = (here / f"{kind}_net.py").read_text(encoding="utf-8")
    assert [text.count(f"# CHANGE {k}:") for k in (1, 2, 3, 4)] == [1, 1, 1, 0]
    assert f"girsanov audit {kind}_net.py:load --data digits" in text
    assert max(map(len, text.splitlines())) <= 99
    model = f"{kind}_net.py:load"
    said = girsanov("check", model, "--data", "digits", "--json")
    assert said.json["as_told"]
    assert said.json["cannot_tell"] is None
    assert said.err == f"note: this runs the code in {kind}_net.py\n"
    assert girsanov("audit", model, "--data", "digits", *FEW).code == 0


def test_a_wrong_convention_is_named_on_the_way(girsanov, here):
    pytest.importorskip("sklearn")
    girsanov("init-network", "flow")
    file = here / "network.py"
    text = file.read_text(encoding="utf-8").replace('"-velocity"', '"velocity"')
    file.write_text(text.replace('"reversed"', '"t"'), encoding="utf-8")
    said = girsanov("audit", "network.py:load", "--data", "digits", *FEW)
    flat = " ".join(said.out.split())
    assert "note: girsanov check network.py:load --data digits says whether it is called" in flat
    said = girsanov("check", "network.py:load", "--data", "digits")
    flat = " ".join(said.out.split())
    assert 'called the wrong way: with predicts="-velocity", time="reversed" its error is' in flat
    assert "in gv.wrap: predicts='-velocity', time='reversed'" in flat


def test_other_weights_are_compared(girsanov, here):
    pytest.importorskip("sklearn")
    girsanov("init-network", "edm")
    file = here / "network.py"
    more = (
        "\n\ndef raw():\n    model = load()\n    model.network.mean.data += 2\n    return model\n"
    )
    file.write_text(file.read_text(encoding="utf-8") + more, encoding="utf-8")
    words = ("check", "network.py:raw", "--data", "digits", "--other", "network.py:load")
    said = girsanov(*words)
    assert "with the other weights its error is" in " ".join(said.out.split())
    assert said.err.count("note: this runs the code in network.py") == 2


def test_mistakes_are_one_line(mistake, here):
    assert "kind: must be one of edm, ddpm, flow, sde, jax; got vae" in mistake(
        "init-network", "vae"
    )
    assert "--out: must end in .py" in mistake("init-network", "edm", "--out", "net.txt")
    (here / "mine.py").write_text("x = 1\n")
    assert "mine.py: exists. Choose another --out" in mistake(
        "init-network", "edm", "--out", "mine.py"
    )
    np.save("x.npy", np.zeros((40, 2)) + np.arange(40)[:, None])
    said = mistake("check", "none.py:load", "--data", "x.npy")
    assert "model none.py:load: must be an existing file" in said
    (here / "law.json").write_text(
        '{"format": "girsanov/law/1", "law": "gaussian", "mean": [1, 2], "covariance": 0.5}'
    )
    said = mistake("check", "law.json", "--data", "x.npy")
    assert "network: must be a network of your own, made by girsanov.wrap" in said
    assert "--examples: must be at least 16" in mistake(
        "check", "mine.py:load", "--data", "x.npy", "--examples", "3"
    )
    assert (here / "mine.py").read_text() == "x = 1\n"


OWN = """
import torch
import girsanov as gv

def load():
    network = torch.nn.Linear(2, 2)
    torch.nn.init.eye_(network.weight)
    return gv.wrap(lambda x, t: network(x), (2,), times=(0.1, 10.0), weights={})
"""


def test_network_names_the_model_of_every_command(girsanov, mistake, here):
    (here / "own.py").write_text(OWN)
    np.save("x.npy", np.random.default_rng(1).gamma(2.0, size=(200, 2)))
    named = ("--network", "own.py:load")
    assert girsanov("audit", "--data", "x.npy", *named, *FEW).code == 0
    assert girsanov("plan", "audit.json", "--steps", "2", "--network=own.py:load").code == 0
    draw = ("--plan", "plan.json", "--count", "30", "--out", "s.npy")
    assert girsanov("sample", *named, *draw).code == 0
    assert girsanov("compare", "s.npy", "x.npy", "--by", "sliced-w2", *named).code == 0
    assert girsanov("check", *named, "--data", "x.npy").code == 0
    assert "--network: must be FILE.py:function; got mlp" in mistake(
        "audit", "--data", "x.npy", "--network", "mlp"
    )
    assert "--network: must be FILE.py:function; got nothing" in mistake("audit", "--network")
