"""What the benchmarks share: how samples are judged, and the grids that people choose by hand."""

from __future__ import annotations

import numpy as np

import girsanov as gv
from girsanov.comparison.jackknife import JACKKNIFE_GROUPS
from girsanov.comparison.measures.frechet import Frechet
from girsanov.comparison.measures.sliced_w2 import SlicedW2
from girsanov.sampling.align_your_steps import align_your_steps_grid

DIRECTIONS = 128
TRAINED = 1000  # levels of a model trained in discrete time


class Judge:
    """Distances of samples [n, d] to reference data in fixed features and directions."""

    def __init__(self, data: np.ndarray, labels: np.ndarray) -> None:
        self.data = data
        self.features = Frechet.fit(data, labels)
        self.lines = SlicedW2(data.shape[1], DIRECTIONS)
        order = np.random.default_rng(0).permutation(len(data))
        self.rows = data[order[: len(data) - len(data) % JACKKNIFE_GROUPS]]

    def frechet(self, x: np.ndarray, y: np.ndarray) -> float:
        return self.features.plugin(x, y)

    def sliced(self, x: np.ndarray, y: np.ndarray) -> float:
        return self.lines.plugin(x, y) ** 0.5

    def against_data(self, x: np.ndarray) -> tuple[float, float]:
        return self.frechet(x, self.data), self.sliced(x, self.data)

    def freed(self, x: np.ndarray) -> dict[str, float]:
        """Return fd and sw of the two laws, freed of what chance adds, with standard errors."""
        x = x[: len(x) - len(x) % JACKKNIFE_GROUPS]
        fd, sw = (m.squared(x, self.rows).estimate() for m in (self.features, self.lines))
        root = max(float(sw.value), 0.0) ** 0.5
        return {
            "fd": max(float(fd.value), 0.0), "fd_se": float(fd.se),
            "sw": root, "sw_se": float(sw.se) / (2 * max(root, float(sw.se) ** 0.5)),
        }  # fmt: skip


def digits_judge(model) -> Judge:
    """Return the judge of digits in the units of a model, against all 1,797 images."""
    data = gv.load_data("digits")
    units = data.without_labels().with_standardisation(model.standardisation)
    return Judge(units.batch(slice(None)).reshape(len(data), -1).double().numpy(), data.labels)


def digits_parts(model=None):
    """Return the training and held-out digits, of the split that a model was fitted on."""
    of = (model.training.get("lineage") if model is not None else None) or {}
    data = gv.load_data("digits").without_labels()
    return data.split(of.get("fraction", 1500 / 1797), seed=of.get("seed", 0))


def discrete(count, spacing):
    """Return the levels that diffusers' linear betas visit with ``trailing`` or ``leading``."""
    signal = np.cumprod(1 - np.linspace(1e-4, 0.02, TRAINED))
    if spacing == "trailing":
        at = np.round(np.arange(TRAINED, 0, -TRAINED / count)) - 1
    else:
        at = (np.arange(count) * (TRAINED // count)).round()[::-1] + 1
    s = signal[at.astype(int)]
    return s / (1 - s)


def peers(low, high, count):
    """Return the grids of `count` levels that others use, by name; from two levels on.

    All but the last two reach from `low` to `high`; the KL-optimal arctan formula of Align Your
    Steps is the cosine clock's.
    """
    return {
        "Karras": gv.karras_grid(low, high, count),
        "cosine = arctan": gv.time_grid(gv.Cosine(), low, high, count),
        "uniform log-SNR": gv.log_uniform_grid(low, high, count),
        "uniform t, linear beta": gv.time_grid(gv.VariancePreserving.linear(), low, high, count),
        "AYS": align_your_steps_grid(low, high, count),
        "trailing": discrete(count, "trailing"),
        "leading": discrete(count, "leading"),
    }
