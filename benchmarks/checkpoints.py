"""How much surer paired differences between checkpoints are than those of separate audits.

    python benchmarks/checkpoints.py [--steps 4000] [--every 250]

A network of 18,000 weights on 400 rows of four dependent, skewed columns, in a plain loop with
`gv.Monitor` on 500 held-out rows and 17 levels; and the average of its weights (EMA, 0.999). gain:
nats since the checkpoint before, half of its paired 95 % interval, and half of the interval that
two separate sets of examples would give.
"""

from __future__ import annotations

import argparse
import copy
import tempfile
import time

import numpy as np
import torch
from _table import table
from torch import nn

import girsanov as gv

HELD_OUT, LEVELS = 500, 17


class Network(nn.Module):
    """A multilayer perceptron that predicts the data, with EDM's skip connection."""

    def __init__(self) -> None:
        super().__init__()
        width = 128
        self.layers = nn.Sequential(
            nn.Linear(5, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 4)
        )

    def forward(self, x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        """Return the prediction of x0, [B, 4]."""
        s = sigma[:, None]
        scale = (1 + s**2).sqrt()
        return self.layers(torch.cat([x / scale, s.log() / 4], 1)) * s / scale + x / scale**2


def rows(count: int) -> np.ndarray:
    """Return rows of four dependent columns, one of them skewed."""
    rng = np.random.default_rng(0)
    x = np.column_stack([rng.gamma(2, 3, count), rng.normal(size=(count, 3))])
    x[:, 1] += np.sin(x[:, 0])
    x[:, 2] = x[:, 1] * x[:, 3] + 0.2 * x[:, 2]
    return x


def main() -> None:
    """Train, measure, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--every", type=int, default=250)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    data = rows(400 + HELD_OUT)
    train, held_out = gv.load_data(data[:400]), gv.load_data(data[400:])
    network, x0 = Network(), train.batch(slice(0, 400))
    average = copy.deepcopy(network)
    adam, spent, begun = torch.optim.Adam(network.parameters(), 2e-3), 0.0, time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        own = {"every": asked.every, "examples": HELD_OUT, "levels": LEVELS}
        monitors = [gv.Monitor(held_out, out=f"{folder}/{k}", **own) for k in range(2)]
        for step in range(1, asked.steps + 1):
            sigma, i = torch.exp(torch.randn(128) * 1.2 - 1.2), torch.randint(400, (128,))
            r = network(x0[i] + sigma[:, None] * torch.randn(128, 4), sigma) - x0[i]
            loss = (r.square().sum(1) * (1 + sigma**-2)).mean()
            adam.zero_grad()
            loss.backward()
            adam.step()
            with torch.no_grad():
                for kept, new in zip(average.parameters(), network.parameters(), strict=True):
                    kept.lerp_(new, 1 - min(0.999, step / (step + 10)))
            if step % asked.every == 0:
                now = time.perf_counter()
                for monitor, one in zip(monitors, (network, average), strict=True):
                    monitor(step, gv.wrap(one, (4,), times=(0.01, 20.0), train=train))
                spent += time.perf_counter() - now
        shown = []
        for k in range(1, asked.steps // asked.every):
            line: list[object] = [(k + 1) * asked.every]
            for monitor in monitors:
                assert monitor.series is not None
                before, after = monitor.series.checkpoints[k - 1 : k + 1]
                pairs = (
                    monitor.series.gain(before, after),
                    monitor.series.unpaired(before, after),
                )
                half = [float(e.interval()[1] - e.value) for e in pairs]
                line += [f"{pairs[0].value:.3f}", f"{half[0]:.3f}", f"{half[1]:.3f}",
                         f"{half[1] / half[0]:.1f}"]  # fmt: skip
            shown.append(line)
    names = ["gain", "± paired", "± unpaired", "times"]
    table(["step", *names, *(f"EMA {n}" for n in names)], shown)
    for name, monitor in zip(("weights", "EMA"), monitors, strict=True):
        at = 4 if name == "weights" else 8
        print(
            f"\n{name}: median {np.median([float(row[at]) for row in shown]):.1f} times narrower"
        )
        print("\n".join(monitor.advice().sentences))
    print(f"\n{100 * spent / (time.perf_counter() - begun):.0f} % of the time was measuring")


if __name__ == "__main__":
    main()
