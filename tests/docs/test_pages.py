"""Every code block of the README, of the pages and of the notebooks runs, one page a folder."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import girsanov
from girsanov.cli.main import run

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.M | re.S)
README_WORDS = 900
# what a reader runs for minutes is run for seconds here, and is otherwise the same
QUICK = "--steps 30 --network mlp"
SHORTER = [
    (r" +#.*$", ""),
    (r"--minutes [\d.]+", QUICK),
    (r"minutes=[\d.]+", 'steps=30, network="mlp"'),
    (rf"^(girsanov fit (?:(?!{QUICK}|--steps).)*)$", rf"\1 {QUICK}"),
    (r"^(girsanov audit (?:(?!--levels|--half-width).)*)$", r"\1 --levels 17 --draws 1"),
    (r"^(girsanov audit (?:(?!--examples|--half-width).)*)$", r"\1 --examples 100"),
    (r"examples=2000", "examples=400"),
    (r"gv\.audit\(model, held_out\)", "gv.audit(model, held_out, levels=9, draws=1, flow=0)"),
    (r"calls=25_000", "calls=5_000"),
]
# installing and testing, which is how this came to run, and what cli/test_terminal.py runs
LEFT_OUT = ("make ", ". .venv", "pip ", "girsanov doctor")


def blocks(page: Path) -> list[tuple[str, str]]:
    """Python and shell blocks, in order."""
    found = BLOCK.findall(page.read_text(encoding="utf-8"))
    return [(kind, code) for kind, code in found if kind in ("python", "bash")]


def shorter(code: str) -> str:
    for pattern, instead in SHORTER:
        code = re.sub(pattern, instead, code, flags=re.M)
    return code


def run_shell(code: str) -> None:
    for line in code.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words and not line.startswith(LEFT_OUT):
            assert words[0] == "girsanov", f"cannot run {line!r} here"
            assert run(words[1:]) == 0, line


def small_pipeline(folder: Path) -> None:
    """Make what the page on diffusers says that its reader has: a pipeline and pictures."""
    import torch
    from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel
    from PIL import Image

    torch.manual_seed(0)
    unet = UNet2DModel(
        sample_size=8, in_channels=3, out_channels=3, layers_per_block=1, norm_num_groups=4,
        block_out_channels=(8,), down_block_types=("DownBlock2D",), up_block_types=("UpBlock2D",),
    )  # fmt: skip
    DDPMPipeline(unet, DDPMScheduler()).save_pretrained(folder / "my-pipeline")
    (folder / "held_out").mkdir()
    pixels = np.random.default_rng(0).integers(0, 256, (100, 8, 8, 3), dtype=np.uint8)
    for k, picture in enumerate(pixels):
        Image.fromarray(picture).save(folder / "held_out" / f"{k}.png")


def own_network(folder: Path) -> dict[str, object]:
    """Make what the README says that its reader has: a network, its data and a pipeline."""
    import torch

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Conv2d(1, 1, 3, padding=1)

        def forward(self, x, t):
            return self.layer(x) + t[:, None, None, None] / 100

    small_pipeline(folder)
    torch.manual_seed(0)
    alphas = np.cumprod(1 - np.linspace(1e-3, 0.2, 100))
    train, held_out = girsanov.load_data("digits").without_labels().split(0.8, seed=0)
    return {"network": Net(), "alphas": alphas, "train": train, "held_out": held_out}


NETWORKS = """
import numpy as np
import torch
from girsanov import Flow, GaussianMixture, VariancePreserving, from_x0

LAW = GaussianMixture([0.3, 0.7], [[-1.5, 0.5], [1.0, -0.2]], [0.04, 0.15])
KEPT = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64), 0)

class Perfect(torch.nn.Module):
    kind = "x0"
    def __init__(self):
        super().__init__()
        self.one = torch.nn.Parameter(torch.zeros((), dtype=torch.float64))
    def scales(self, t):
        return torch.ones_like(t), t
    def forward(self, x_t, t):
        a, b = (torch.as_tensor(v, dtype=torch.float64)[:, None] for v in self.scales(t))
        m = LAW.denoise(x_t / a, (a / b).square().flatten())
        return self.one * from_x0(self.kind, m, x_t, a, b)

class Denoiser(Perfect):
    pass

class Noise(Perfect):
    kind = "epsilon"
    def scales(self, t):
        return KEPT[t].sqrt(), (1 - KEPT[t]).sqrt()

class Velocity(Perfect):
    kind = "velocity"
    def scales(self, t):
        return t.clamp(1e-6, 1 - 1e-6), (1 - t).clamp(1e-6, 1 - 1e-6)
    def forward(self, x_t, t):
        return -super().forward(x_t, t)

class Score(Perfect):
    kind = "score"
    def scales(self, t):
        t = (t / 1000).clamp(1e-6, 1).numpy()
        process = VariancePreserving.linear(0.1, 20.0)
        return process.alpha(t), process.sigma(t)

class InnerModel(Perfect):
    pass

class Karras(torch.nn.Module):
    def __init__(self, inner, sigma_data):
        super().__init__()
        self.inner_model, self.sigma_data = inner, sigma_data
    def forward(self, x, sigma):
        return self.inner_model(x, sigma)

def apply(params, x, sigma):
    level = torch.from_numpy(np.array(sigma)) ** -2
    return params["one"] * LAW.denoise(torch.from_numpy(np.array(x)), level).numpy()

def restore(path):
    return {"one": np.ones(())}
"""


def checkpoints(folder: Path) -> None:
    """Make what the page on recipes says that its reader has: networks, checkpoints and rows."""
    import torch

    (folder / "my_networks.py").write_text(NETWORKS, encoding="utf-8")
    sys.path.insert(0, str(folder))
    one = torch.ones((), dtype=torch.float64)
    for name in ("edm", "ddpm", "flow", "sde"):
        torch.save({"ema": {"one": one}}, folder / f"{name}.pt")
    torch.save({"model_ema": {"inner_model.one": one}}, folder / "k.pt")
    law = girsanov.GaussianMixture([0.3, 0.7], [[-1.5, 0.5], [1.0, -0.2]], [0.04, 0.15])
    np.save(folder / "held_out.npy", law.sample(400, seed=5).numpy())


PREPARED = {
    "diffusers.md": small_pipeline,
    "README.md": own_network,
    "any-network.md": checkpoints,
}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_code_block_runs(page, tmp_path, monkeypatch):
    pytest.importorskip("sklearn")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = PREPARED.get(page.name, lambda _: None)(tmp_path) or {}
    for kind, code in blocks(page):
        if kind == "bash":
            run_shell(shorter(code))
        else:
            exec(compile(shorter(code), str(page), "exec"), names)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda p: p.name)
def test_every_notebook_runs(notebook, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    assert not any(c.get("outputs") for c in cells), "is kept without outputs"
    names: dict[str, object] = {"__name__": "notebook"}
    for cell in cells:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), str(notebook), "exec"), names)


def test_the_readme_is_short_and_its_links_lead_somewhere():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.split()) <= README_WORDS
    assert "make test" in text
    inside = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    assert len(inside) > 5
    for link in inside:
        assert (ROOT / link).exists(), link


def test_every_page_is_in_the_menu():
    menu = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").split("nav:")[1]
    for page in (ROOT / "docs").rglob("*.md"):
        assert str(page.relative_to(ROOT / "docs")) in menu, page


@pytest.mark.skipif(find_spec("mkdocs") is None, reason="needs mkdocs")
def test_the_site_builds_without_a_warning(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet",
               "--site-dir", str(tmp_path / "site")]  # fmt: skip
    said = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=False,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    assert said.returncode == 0, said.stdout + said.stderr
    page = (tmp_path / "site" / "reference" / "index.html").read_text(encoding="utf-8")
    # SchedulerMixin is diffusers' own: it is there so that diffusers finds our scheduler
    for name in set(girsanov.__all__) - {"__version__", "SchedulerMixin"}:
        assert f'id="girsanov.{name}"' in page, f"{name} is not in docs/reference"
    assert not re.findall(r'<(?:script|img|link rel="stylesheet")[^>]+="https?:[^"]+"', page)
