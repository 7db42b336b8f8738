"""What `gv.advise` gains over EDM's own numbers, at equal steps, on six sets in odd units.

    python benchmarks/advice.py [--steps 4000] [--seeds 1] [--fit] [--json FILE]

Six laws whose best denoiser m* is known, each in other units on purpose: a deviation of a
coordinate from 0.05 to 13. 2,000 examples of each, their mean subtracted, train a small network in
EDM's surroundings (Karras et al. 2022, table 1; the same network, optimiser, steps and seeds):

    edm      P_mean -1.2, P_std 1.2, sigma_data 0.5, whatever the units
    scaled   the same numbers, moved to the units: what the units alone gain
    advised  the P_mean, P_std and sigma_data of `gv.advise` from the training examples

With --fit, on the four mixtures: `gv.fit` (its MLP, which starts as the straight line along all
axes) with its own density, log sigma ~ N(-1.2, 1.2^2) in standardised units, and with the advised.

excess: 1/2 int E|m - m*|^2 ds in nats, the path KL beyond the best model's, over noise of 0.02 to
20 deviations, on 400 new examples at 25 levels. less: 1 - advised/edm, of the means over seeds.
"""

from __future__ import annotations

import argparse
import json
import math

import numpy as np
import torch
from _table import table
from torch import nn

import girsanov as gv
from girsanov.train import objective

EXAMPLES, BATCH, WIDTH, RATE = 2000, 128, 96, 2e-3
JUDGED, LEVELS, FINEST, COARSEST = 400, 25, 0.02, 20.0
EDM = (-1.2, 1.2, 0.5)


class Network(nn.Module):
    """Karras' F(c_in x; log(sigma)/4), three hidden layers."""

    def __init__(self, d: int) -> None:
        super().__init__()
        parts: list[nn.Module] = [nn.Linear(d + 9, WIDTH), nn.SiLU()]
        for _ in range(2):
            parts += [nn.Linear(WIDTH, WIDTH), nn.SiLU()]
        self.layers = nn.Sequential(*parts, nn.Linear(WIDTH, d))
        nn.init.zeros_(self.layers[-1].weight)
        nn.init.zeros_(self.layers[-1].bias)

    def forward(self, x: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
        """Return F [B, d]; level: log(sigma)/4, [B]."""
        waves = torch.tensor([0.5, 1.0, 2.0, 4.0]) * level[:, None]
        return self.layers(torch.cat([x, level[:, None], waves.sin(), waves.cos()], 1))


def denoise(network, x, sigma, data):
    """Return the prediction of x0 in EDM's surroundings; data: sigma_data."""
    s = sigma[:, None]
    root = (s**2 + data**2).sqrt()
    f = network(x / root, sigma.log() / 4)
    return data**2 / root**2 * x + s * data / root * f


def train(x, numbers, steps, seed):
    """Return the averaged network of a run with (P_mean, P_std, sigma_data)."""
    mean, std, data = numbers
    torch.manual_seed(seed)
    draw = torch.Generator().manual_seed(seed + 1)
    network, average = Network(x.shape[1]), Network(x.shape[1])
    average.load_state_dict(network.state_dict())
    adam = torch.optim.Adam(network.parameters(), RATE)
    for k in range(steps):
        rate = RATE * min(1, (k + 1) / 100) * (1 + math.cos(math.pi * k / steps)) / 2
        adam.param_groups[0]["lr"] = rate
        x0 = x[torch.randint(len(x), (BATCH,), generator=draw)]
        sigma = torch.exp(mean + std * torch.randn(BATCH, generator=draw))
        noise = torch.randn(x0.shape, generator=draw)
        r = denoise(network, x0 + sigma[:, None] * noise, sigma, data) - x0
        weight = (sigma**2 + data**2) / (sigma * data) ** 2
        loss = (weight * r.square().mean(1)).mean()
        adam.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        adam.step()
        with torch.no_grad():
            for kept, new in zip(average.parameters(), network.parameters(), strict=True):
                kept.lerp_(new, max(1 / (k + 1), 0.01))
    return average


@torch.no_grad()
def excess(network, law, scale, data):
    """Return the excess in nats."""
    mean, x0 = torch.tensor(np.array(law.mean)), law.sample(JUDGED, seed=77)
    sigmas = np.geomspace(FINEST * scale, COARSEST * scale, LEVELS)
    draw, nats = torch.Generator().manual_seed(5), []
    for s in sigmas:
        x = x0 + s * torch.randn(x0.shape, generator=draw, dtype=torch.float64)
        level = torch.full((JUDGED,), float(s))
        m = denoise(network, (x - mean).float(), level, data).double() + mean
        nats.append(float((m - law.denoise(x, s**-2)).square().sum(1).mean()) / s**2 / 2)
    return float(np.trapezoid(nats, 2 * np.log(sigmas)))


def laws():
    """Return six laws in units of their own."""
    rng = np.random.default_rng(7)
    turn = np.linalg.qr(rng.normal(size=(16, 16)))[0]
    spectrum = 0.04 / np.arange(1, 17) ** 1.5
    middles = 0.5 + (rng.normal(size=(6, 16)) * np.sqrt(spectrum)) @ turn
    within = (turn.T * (0.3 * spectrum)) @ turn
    corners = 0.5 * rng.normal(size=(12, 8))
    return {
        "three clusters, in mm": gv.GaussianMixture(
            [0.5, 0.3, 0.2], [[20, 5], [-8, 16], [-12, -14]], 9.0
        ),
        "swiss roll of scikit-learn": gv.SwissRoll(scale=1.0),
        "12 clusters, deviation 0.5": gv.GaussianMixture([1 / 12] * 12, corners, 0.075**2),
        "16 pixels, 0 to 1": gv.GaussianMixture([1 / 6] * 6, middles, [within] * 6),
        "sphere, in km": gv.Sphere([0.1, 0.0, -0.2], 0.09),
        "two narrow modes, deviation 1": gv.GaussianMixture([0.7, 0.3], [[-0.65], [1.53]], 4e-4),
    }


def fitted(x, levels, steps, seed):
    """Return `gv.fit`'s model with its own density, or with that of `levels` in its place."""
    own = objective.CENTRE, objective.SPREAD
    if levels is not None:
        objective.CENTRE, objective.SPREAD = -2 * levels.p_mean, 2 * levels.p_std
    try:
        data = gv.load_data(x.numpy())
        return gv.fit(data, steps=steps, seed=seed, network="mlp")
    finally:
        objective.CENTRE, objective.SPREAD = own


def fit_rows(asked):
    """Print what `gv.fit` leaves with both densities."""
    rows = []
    for name, law in laws().items():
        if not isinstance(law, gv.GaussianMixture):
            continue
        x = law.sample(EXAMPLES, seed=1)
        advised = gv.advise(gv.load_data(x.numpy())).measured.levels
        nats = []
        for levels in (None, advised):
            models = (fitted(x, levels, asked.steps, seed) for seed in range(asked.seeds))
            nats.append(float(np.mean([standard_excess(m, law) for m in models])))
        rows.append({"set": name, "fit": nats[0], "advised": nats[1]})
        print(f"  {rows[-1]}", flush=True)
    table(
        ("set", "fit's own", "advised", "less"),
        ((r["set"], f"{r['fit']:.3g}", f"{r['advised']:.3g}",
          f"{100 * (1 - r['advised'] / r['fit']):.0f} %") for r in rows),
    )  # fmt: skip
    return rows


@torch.no_grad()
def standard_excess(model, law):
    """Return the excess of a model of standardised units, in nats along its own noise axis."""
    units, x0 = model.standardisation, law.sample(JUDGED, seed=77)
    mean, scale = torch.tensor(units.mean), torch.tensor(units.scale)
    sigmas, nats = np.geomspace(FINEST, COARSEST, LEVELS), []
    like = standardised(law, units.mean, units.scale)
    draw = torch.Generator().manual_seed(5)
    for s in sigmas:
        x = (x0 - mean) / scale + s * torch.randn(x0.shape, generator=draw, dtype=torch.float64)
        r = model(x.float(), float(s**-2)).double() - like.denoise(x, s**-2)
        nats.append(float(r.square().sum(1).mean()) / s**2 / 2)
    return float(np.trapezoid(nats, 2 * np.log(sigmas)))


def standardised(law, mean, scale):
    """Return a mixture in standardised units."""
    means = (np.asarray(law.means) - mean) / scale
    parts = np.asarray(law.to_json()["covariances"])
    if parts.ndim == 0:
        parts = np.broadcast_to(float(parts) * np.eye(len(scale)), (len(means), *[len(scale)] * 2))
    return gv.GaussianMixture(law.weights, means, parts / np.outer(scale, scale))


def main() -> None:
    """Train, measure, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--json")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    if asked.fit:
        fit_rows(asked)
        return
    rows = []
    for name, law in laws().items():
        x = law.sample(EXAMPLES, seed=1)
        scale = math.sqrt(law.variance / law.dimension)
        own = gv.advise(gv.load_data(x.numpy())).own
        x = (x - torch.tensor(np.array(law.mean))).float()
        numbers = {
            "edm": EDM,
            "scaled": (EDM[0] + math.log(scale / EDM[2]), EDM[1], scale),
            "advised": (own.p_mean, own.p_std, own.sigma_data),
        }
        row = {"set": name, "deviation": scale, "numbers": numbers}
        for arm, three in numbers.items():
            runs = (train(x, three, asked.steps, seed) for seed in range(asked.seeds))
            row[arm] = [excess(network, law, scale, three[2]) for network in runs]
        row["less"] = 1 - np.mean(row["advised"]) / np.mean(row["edm"])
        row["less_scaled"] = 1 - np.mean(row["advised"]) / np.mean(row["scaled"])
        rows.append(row)
        print(f"  {name}: {row}", flush=True)
    table(
        ("set", "deviation", "edm", "scaled", "advised", "less than edm", "less than scaled"),
        ((r["set"], f"{r['deviation']:.3g}",
          *(f"{np.mean(r[a]):.3g}" for a in ("edm", "scaled", "advised")),
          f"{100 * r['less']:.0f} %", f"{100 * r['less_scaled']:.0f} %") for r in rows),
    )  # fmt: skip
    better = sum(r["less"] >= 0.2 for r in rows)
    worst = 100 * min(r["less"] for r in rows)
    print(f"at least 20 % less on {better} of {len(rows)}; the worst: {worst:.0f} %")
    if asked.json:
        with open(asked.json, "w", encoding="utf-8") as file:
            json.dump({"asked": vars(asked), "rows": rows}, file, indent=1)


if __name__ == "__main__":
    main()
