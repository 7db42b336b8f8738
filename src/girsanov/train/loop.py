r"""Training: one step, one loop, and the state that a resumed run takes up again.

Every random number is addressed by (seed, step): the noise of each example, the levels, the
hidden labels, and one permutation of the examples for each epoch; so a run stopped and resumed
gives the weights of one that was never stopped. The learning rate rises over the first steps and
falls to zero by half a cosine; the weights kept are the average with the power profile

    theta_k <- b_k theta_k-1 + (1 - b_k) w_k,   b_k = (1 - 1/k)^(g + 1),                  (1)

whose width is a fixed share of the run (Karras et al., 2024).
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from .._checks import InputError
from .._processes import ALONE, Processes
from ..denoise.arithmetic import rounded
from ..denoise.base import is_told, with_phase_noise
from ..denoise.network import NetworkDenoiser, weights_of
from ..noise import NoiseSource
from .checkpoint import Checkpoint, damaged, whole_step
from .counters import Counters
from .objective import Objective, stratified
from .validation import score_error_nats, squared_errors
from .weights import Lent, SmoothInLevel, add_gradients, finite_or_none, numbered, reseed

if TYPE_CHECKING:
    from .._typing import Array, Json, Progress, Tensor
    from ..data.dataset import Dataset
    from .options import TrainOptions

HIDDEN = 0.1  # share of labels hidden in training, so that "no label" is learnt too
BAD_STEPS = 20  # in a row whose loss is not finite before training gives up
VALIDATION_LEVELS = 17
VALIDATION_SHARE = 0.1  # of the time, at most
EVALUATIONS, FEWEST_VALIDATED = 20, 32  # in a run if they can be afforded; examples of each
STREAMS = ("noise", "level", "label", "shuffle", "complement")  # of the random numbers


class Trainer:
    """One run of `steps` steps of `batch_size` examples of `train`.

    model: the untrained denoiser, which is trained in place; objective: what weighs its error;
    held_out: measured from time to time; seed: of all randomness; processes: each takes its slice
    of every batch, and the gradients are added, so that all hold the same weights.
    """

    def __init__(
        self, model: NetworkDenoiser, objective: Objective, parts: tuple[Dataset, Dataset], *,
        seed: int, batch_size: int, options: TrainOptions, rate: float = 1e-3,
        processes: Processes = ALONE,
    ) -> None:  # fmt: skip
        self.model, self.objective, self.options, self.rate = model, objective, options, rate
        self.train, self.held_out = parts
        self.processes = processes
        first, after = (
            batch_size * r // processes.count for r in (processes.rank, processes.rank + 1)
        )
        self.own = slice(first, after)  # of every batch
        self.seed, self.batch_size, self.steps = seed, batch_size, 1
        self.evaluations = 1  # until `run` knows how many steps there will be
        self.parameters = list(model.network.parameters())
        self.smooth = SmoothInLevel(model.network, options.fastest)
        decay = options.weight_decay
        # one pass over the weights; the usual dozen costs a small network a quarter of its step
        fused = model.device.type in ("cpu", "cuda")
        self.adam = torch.optim.AdamW(self.parameters, rate, weight_decay=decay, fused=fused)
        self.average = [p.detach().clone() for p in self.parameters]
        self.best = [p.detach().clone() for p in self.parameters]
        self.untold = model.untold_weight()
        self.counters = Counters()
        self._orders: dict[int, NDArray[np.int64]] = {}
        self._noise, self._uniform, self._hide, self._shuffle, self._across = (
            NoiseSource(seed, f"train {use}") for use in STREAMS
        )

    def like(self, model: NetworkDenoiser, objective: Objective) -> Trainer:
        """Return a fresh run of the same kind for another model and objective."""
        return Trainer(
            model, objective, (self.train, self.held_out), seed=self.seed,
            batch_size=self.batch_size, options=self.options, rate=self.rate,
        )  # fmt: skip

    def step(self) -> None:
        """Draw a batch, go down its gradient once, and average the weights."""
        k = self.counters.step
        reseed(self.model.network, self._noise.seed, k, self.processes.rank)
        self.model.network.train()
        loss, log_snr, errors = self._loss(k)
        self.model.network.eval()
        self.adam.zero_grad(set_to_none=True)
        (loss / math.prod(self.model.shape)).backward()  # type: ignore[no-untyped-call]
        self.smooth.mask_gradient()
        add_gradients(self.parameters, self.processes)
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, self.options.clip)
        total = loss.detach().double().cpu()
        self.processes.add(total)
        nats, good = float(total), bool(torch.isfinite(total) & torch.isfinite(norm).cpu())
        with whole_step():
            self.counters.step = k + 1
            self.counters.bad = 0 if good else self.counters.bad + 1
            if not good:
                self.counters.skipped += 1
                return
            self._descend(k)
            self.objective.observe(log_snr, errors)
            self.counters.loss_sum += nats
            self.counters.loss_count += 1

    def _loss(self, k: int) -> tuple[Tensor, Array, Array]:
        rows, b, model = self.rows(k), self.batch_size, self.model
        x0, own = self.train.batch(rows[self.own]), self.own
        z = self._noise.normal(k, own.start, len(x0), math.prod(model.shape)).reshape(x0.shape)
        log_snr, weights = self.objective.draw(stratified(self._uniform.uniform(k, 0, b)))
        snr = torch.from_numpy(np.exp(log_snr[own]))
        sigma = snr.rsqrt().float().reshape(-1, *[1] * (x0.ndim - 1))
        x = (x0 + sigma * z).to(model.device)
        noisy = with_phase_noise(model, x, self._across, k, own.start)
        call = rounded(model.network_call, self.options.precision)
        label = self._labels(k, rows)
        m = model.denoise(noisy, snr.to(model.device), label, network=call)
        r = (m - x0.to(model.device)).flatten(1)
        errors = r.square().sum(dim=1)
        if model.told is not None and label is not None:
            # of x alone, which varies more and would outweigh x given y
            errors = torch.where(label.isnan().any(dim=1), self.untold * errors, errors)
        weighted = errors * torch.from_numpy(weights[own]).to(errors)
        return weighted.sum() / b, log_snr, self._of_all(errors)

    def _of_all(self, errors: Tensor) -> Array:
        """Return the errors of the whole batch, of which this process has its slice."""
        if self.processes.count == 1:
            return errors.detach().double().cpu().numpy()
        whole = torch.zeros(self.batch_size, dtype=torch.float64)
        whole[self.own] = errors.detach().double().cpu()
        self.processes.add(whole)
        return whole.numpy()

    def _descend(self, k: int) -> None:
        for group in self.adam.param_groups:
            group["lr"] = self.rate * self._shape_of_rate(k)
        self.adam.step()
        keep = (1 - 1 / (k + 1)) ** (self.options.averaging + 1)
        with torch.no_grad():
            for mean, weight in zip(self.average, self.parameters, strict=True):
                mean.lerp_(weight, 1 - keep)

    def _shape_of_rate(self, k: int) -> float:
        rise = min(1.0, (k + 1) / max(1.0, self.options.warm_up * self.steps))
        return rise * 0.5 * (1 + math.cos(math.pi * k / self.steps))

    def _labels(self, k: int, rows: NDArray[np.int64]) -> Tensor | None:
        if not is_told(self.model):
            return None
        label = self.train.batch_labels(rows[self.own])
        assert label is not None  # `fit` made a model with classes because there are labels
        hidden = torch.from_numpy(self._hide.uniform(k, 0, self.batch_size) < HIDDEN)[self.own]
        if self.model.told is not None:
            return torch.where(hidden[:, None], math.nan, label).to(self.model.device)
        return torch.where(hidden, self.model.classes, label).to(self.model.device)

    def rows(self, k: int) -> NDArray[np.int64]:
        """Return the rows of step k: the next stretch of the permuted epochs, end to end."""
        n = len(self.train)
        place = np.arange(k * self.batch_size, (k + 1) * self.batch_size)
        epochs = range(int(place[0] // n), int(place[-1] // n) + 1)
        old = self._orders
        self._orders = {e: old[e] if e in old else self._order(e) for e in epochs}
        return np.concatenate([self._orders[e][place[place // n == e] % n] for e in epochs])

    def _order(self, epoch: int) -> NDArray[np.int64]:
        keys = self._shuffle.uniform(epoch, 0, len(self.train))
        return np.argsort(keys, kind="stable").astype(np.int64)

    # --- the loop -----------------------------------------------------------------------------

    def run(
        self,
        steps: int,
        keep: Any = None,
        progress: Progress | None = None,
        seconds: float = math.inf,
    ) -> None:
        """Go from where the counters are to `steps`, or to where the held-out ledger says stop.

        keep: called after each evaluation and on Ctrl-C, to write a checkpoint; seconds: of
        training after which the run ends early, because the machine is slower than it was.
        """
        self.steps = steps
        self._begin_validation()
        every = -(-steps // self.evaluations)
        try:
            while True:
                late = self.counters.seconds >= seconds
                if self._due(1 if late else every):
                    self._evaluate()
                    if keep:
                        keep()
                if self.counters.step >= steps or late or self.stale():
                    if self.counters.take_last():
                        self.best = [w.clone() for w in self.average]
                    self.counters.stopped = True
                    return
                self._timed_step()
                if progress:
                    progress(self.counters.step, steps)
        except KeyboardInterrupt:
            if keep:
                keep()
            raise

    def stale(self) -> bool:
        """Return whether validation has not improved for as long as the options allow."""
        # the averaged weights of a young run trail behind, so its first half is never judged
        c = self.counters
        old = c.judged and c.step >= self.steps / 2
        return self.options.early_stopping and old and c.stale >= self.options.patience

    def _due(self, every: int) -> bool:
        step, log = self.counters.step, self.counters.log
        logged = bool(log) and log[-1]["step"] == step  # before a run was stopped here
        return not logged and (step % every == 0 or step == self.steps)

    def _timed_step(self) -> None:
        start = time.perf_counter()
        self.step()
        self.counters.seconds += time.perf_counter() - start
        if self.counters.bad >= BAD_STEPS:
            self.counters.stopped = True
            raise InputError(
                f"train: the loss was not finite {BAD_STEPS} times in a row at step "
                f"{self.counters.step}. Look for extreme values in the data or lower learning_rate"
            )

    def _begin_validation(self) -> None:
        self.log_snrs = np.linspace(*self.options.log_snr, VALIDATION_LEVELS)
        # an example costs a third of what it does in a step: all evaluations take about a tenth
        afford = int(VALIDATION_SHARE * 3 * self.steps * self.batch_size / VALIDATION_LEVELS)
        fewest = min(len(self.held_out), FEWEST_VALIDATED)
        self.evaluations = self.options.evaluations or max(
            1,
            min(EVALUATIONS, afford // fewest - 1),  # and one before the first step
        )
        count = min(len(self.held_out), max(fewest, min(afford // (self.evaluations + 1), 512)))
        keys = NoiseSource(self.seed, "validation rows").uniform(0, 0, len(self.held_out))
        rows = np.sort(np.argsort(keys, kind="stable")[:count])
        self.examples = self.held_out.batch(rows)
        self.labels = self.held_out.batch_labels(rows) if is_told(self.model) else None

    def _evaluate(self) -> None:
        start = time.perf_counter()
        with Lent(self.parameters, self.average):
            errors = squared_errors(
                self.model, self.examples, self.labels, self.log_snrs, seed=self.seed
            )
        value, se, _ = score_error_nats(errors, self.log_snrs)
        # one judge of when to stop: on other processors the last digits could differ
        error = torch.tensor([value, se], dtype=torch.float64)
        error = torch.zeros_like(error) if self.processes.rank else error
        self.processes.add(error)
        value, se = error.tolist()
        with whole_step():
            self._log(value, se, start)

    def _log(self, value: float, se: float, start: float) -> None:
        c = self.counters
        c.stale += 1
        if value < c.best or not self.options.early_stopping:
            c.best, c.best_step, c.stale = float(value), c.step, 0
            self.best = [w.clone() for w in self.average]
        c.seconds += time.perf_counter() - start
        c.log.append({
            "step": c.step, "seconds": round(c.seconds, 3),
            "loss": c.loss_sum / c.loss_count if c.loss_count else None,
            "held_out_ledger": finite_or_none(value), "se": finite_or_none(se),
        })  # fmt: skip
        c.loss_sum, c.loss_count = 0.0, 0

    def use_best(self) -> None:
        """Put the best averaged weights into the network."""
        with torch.no_grad():
            for weight, value in zip(self.parameters, self.best, strict=True):
                weight.copy_(value)

    def checkpoint(self, settings: Json) -> Checkpoint:
        """Return all that `restore` needs."""
        tensors = self._tensors()
        progress = {**vars(self.counters), "best": finite_or_none(self.counters.best)}
        return Checkpoint(settings, {**progress, "steps": self.steps}, tensors)

    def _tensors(self) -> dict[str, np.ndarray]:
        parts: dict[str, Mapping[str, np.ndarray]] = {
            "network": weights_of(self.model.network),
            "average": numbered(self.average),
            "best": numbered(self.best),
            "objective": self.objective.state(),
            "adam.exp_avg": numbered(self._moment("exp_avg")),
            "adam.exp_avg_sq": numbered(self._moment("exp_avg_sq")),
        }
        return {f"{a}.{b}": value for a, part in parts.items() for b, value in part.items()}

    def _moment(self, part: str) -> list[Tensor]:
        state = self.adam.state
        return [state[p].get(part, torch.zeros_like(p)) for p in self.parameters]

    def restore(self, saved: Checkpoint, folder: Path) -> None:
        """Take up the run of a checkpoint."""
        try:
            progress = dict(saved.progress)
            self.steps = int(progress.pop("steps"))
            best = progress.pop("best")
            self.counters = Counters(**progress, best=math.inf if best is None else best)
            if not self.counters.log or self.counters.step > self.steps:
                raise ValueError(f"step {self.counters.step} of {self.steps}, without a log")
        except (KeyError, TypeError, ValueError, OverflowError) as cause:
            raise damaged(folder, cause) from cause
        weights = saved.take("network", weights_of(self.model.network))
        self.model.network.load_state_dict({k: torch.from_numpy(v) for k, v in weights.items()})
        self.average = self._taken(saved, "average", self.average)
        self.best = self._taken(saved, "best", self.best)
        self.objective.restore(saved.take("objective", self.objective.state()))
        self._restore_adam(saved)

    def _restore_adam(self, saved: Checkpoint) -> None:
        first = self._taken(saved, "adam.exp_avg", self.parameters)
        second = self._taken(saved, "adam.exp_avg_sq", self.parameters)
        done = float(self.counters.step - self.counters.skipped)
        if done:
            for p, m, v in zip(self.parameters, first, second, strict=True):
                step = torch.tensor(done, device=p.device)
                self.adam.state[p] = {"step": step, "exp_avg": m, "exp_avg_sq": v}

    def _taken(self, saved: Checkpoint, part: str, like: list[Any]) -> list[Tensor]:
        tensors = saved.take(part, numbered(like))
        return [torch.from_numpy(tensors[str(i)]).to(p) for i, p in enumerate(like)]
