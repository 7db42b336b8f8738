r"""A mixture of Gaussians, summed in blocks of bounded memory.

Component j has weight w_j, mean mu_j and covariance C_j. At noise variance v = 1/s,

    r_j(x) ~ w_j N(x; mu_j, C_j + v I),    sum_j r_j = 1,    log p_s = log of the sum,    (1)
    m_j(x) = mu_j + C_j (C_j + v I)^-1 (x - mu_j),    t_j = v tr C_j (C_j + v I)^-1,      (2)
    m(x, s) = sum_j r_j m_j,                                                              (3)
    tr Cov(X_0 | x) = sum_j r_j (t_j + |m_j - c|^2) - |m - c|^2    for any c.             (4)

The sums run over blocks of components with their largest logarithm factored out. All places
are taken from the mixture's mean, and c = mean + g (x - mean), g = g(V/d) the best linear
guess, keeps (4) from cancelling both where noise is large (c = mean) and small (c = x). For
C_j = diag(l_j), with g(l) = l / (l + v), H_j = 1 - g(l_j), D_j = g(l_j) - g(V/d) and places
from the mean,

    m_j - c = H_j mu_j + D_j x,                                                           (5)
    -2 log N = (x^2 - 2 x mu_j + mu_j^2) / (l_j + v) + log 2 pi (l_j + v),                (6)

so (1) to (4) are products of matrices. A full C_j is (5) and (6) in its eigenvectors. In (6)
the x^2 of the widest component is left out until the end, so that far from everything, and
always when components share one variance, r_j loses no digits to it. Distances are resolved to
about 1e-8 of the law's size.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import torch

from .._checks import refuse, require
from .._files import sha256_of
from ..noise import NoiseSource
from .base import LAW_FORMAT, Law, as_array
from .gaussian import along_axes, eigen_form
from .known import KnownErrors
from .line import Line
from .split import split

if TYPE_CHECKING:
    from .._typing import Array, Json, Tensor

PAIRS = 2**18  # examples x components of one block: 2 MiB, which stays in a core's cache
BLOCK = 2**20  # numbers of any other block
COMPONENTS = 1024  # of one block, at most
FLOOR = -600.0  # of a log share; exp of less is slow (subnormal) and adds nothing
QUADRATURE_LIMIT = 2048  # components of a 1-D law above which its curve is sampled instead

Want = Literal["density", "mean", "spread"]


class _Sums(NamedTuple):
    """Sums over components for b examples, with exp(top) factored out of the last two."""

    top: Tensor  # [b], the largest log weight
    mass: Tensor  # [b], equation (1)
    terms: Tensor  # [b, 0], or [b, d]: equation (3) less c, or [b, d + 1]: and the sum of (4)

    def plus(self, other: _Sums) -> _Sums:
        top = torch.maximum(self.top, other.top)
        mine, its = (self.top - top).exp(), (other.top - top).exp()
        terms = mine[:, None] * self.terms + its[:, None] * other.terms
        return _Sums(top, mine * self.mass + its * other.mass, terms)


class _Parts(NamedTuple):
    """The components on one device; those of weight zero are left out."""

    log_weights: Tensor  # [k]
    means: Tensor  # [k, d], from the mixture's mean, in each component's eigenvectors if any
    variances: Tensor  # l [k, c], c = d, or c = 1 for multiples of the identity
    vectors: Tensor | None  # [k, d, d], the eigenvectors of full covariances
    widest: Tensor  # [c], the largest variance
    origin: Tensor  # [d], the mixture's mean


class _Diagonal:
    """Components `js` with C_j = diag(l_j) at one level, equations (5) and (6)."""

    def __init__(self, parts: _Parts, js: slice, noise: float, linear: float, want: Want) -> None:
        means, variances = parts.means[js], parts.variances[js]
        self.columns = variances.shape[1]
        each = means.shape[1] // self.columns  # coordinates that a column of l stands for
        wide = variances + noise
        logs = each * wide.log().sum(dim=1) + (means**2 / wide).sum(dim=1)
        bias = (parts.log_weights[js] - logs / 2)[:, None]
        excess = (parts.widest - variances) / (parts.widest + noise) / wide
        self.excess, self.want = bool(excess.any()), want
        keys = [means / wide, -excess / 2, bias] if self.excess else [means / wide, bias]
        # [d + c + 1, k], or [d + 1, k] without an excess; a transposed view would multiply slower
        self.keys = torch.cat(keys, dim=1).T.contiguous()
        self.values: Tensor | None = None  # [k, d + c + 1], twice that for the spread
        if want != "density":
            keep = noise / wide  # H
            drift = keep * (variances - linear) / (linear + noise)  # D
            pull = keep * means
            columns = [pull, drift, torch.ones_like(bias)]
            if want == "spread":
                own = each * (keep * variances).sum(dim=1) + (pull**2).sum(dim=1)
                columns += [pull * drift, drift**2, own[:, None]]
            self.values = torch.cat(columns, dim=1)

    def sums(self, x: Tensor) -> _Sums:
        """Return the sums over these components at x [b, d], from the mixture's mean."""
        d, c = x.shape[1], self.columns
        squares = _squares(x, c) if self.excess or self.want == "spread" else x[:, :0]
        one = torch.ones_like(x[:, :1])
        features = [x, squares, one] if self.excess else [x, one]
        logits = torch.cat(features, dim=1) @ self.keys
        top = logits.detach().amax(dim=1)  # a constant to autograd, for it cancels in the end
        share = logits.sub_(top[:, None]).clamp_(min=FLOOR).exp_()
        if self.values is None:
            return _Sums(top, share.sum(dim=1), x[:, :0])
        out = share @ self.values
        shift = torch.addcmul(out[:, :d], out[:, d : d + c], x)
        if self.want == "spread":
            cross, square, own = torch.split(out[:, d + c + 1 :], [d, c, 1], dim=1)
            spread = own[:, 0] + 2 * (cross * x).sum(dim=1) + (square * squares).sum(dim=1)
            shift = torch.cat([shift, spread[:, None]], dim=1)
        return _Sums(top, out[:, d + c], shift)


class _Rotated:
    """Component j with a full C_j at one level: equations (5) and (6) in its eigenvectors."""

    def __init__(self, parts: _Parts, j: int, noise: float, linear: float, want: Want) -> None:
        assert parts.vectors is not None
        self.vectors, self.mean, self.want = parts.vectors[j], parts.means[j], want
        self.wide = parts.variances[j] + noise
        self.bias = parts.log_weights[j] - self.wide.log().sum() / 2
        if want != "density":
            keep = noise / self.wide
            self.drift = keep * (parts.variances[j] - linear) / (linear + noise)
            self.pull, self.own = keep * self.mean, (keep * parts.variances[j]).sum()

    def sums(self, x: Tensor) -> _Sums:
        """Return this component's terms at x [b, d], from the mixture's mean."""
        e = x @ self.vectors
        top = self.bias - ((e - self.mean) ** 2 / self.wide).sum(dim=1) / 2
        if self.want == "density":
            return _Sums(top, torch.ones_like(top), x[:, :0])
        place = self.pull + self.drift * e
        terms = place @ self.vectors.T
        if self.want == "spread":
            terms = torch.cat([terms, (self.own + (place**2).sum(dim=1))[:, None]], dim=1)
        return _Sums(top, torch.ones_like(top), terms)


class GaussianMixture(Law):
    """The law sum_j w_j N(mu_j, C_j), equations (1) to (4).

    weights: w [k], nonnegative, summing to one within 1e-6; means: mu [k, d]; covariances: a
    number (times the identity, for all), [k] (a number each), [k, d] (a diagonal each) or
    [k, d, d]; when k = d, an array [k, k] is k diagonals. Any may be degenerate or zero. Raises
    InputError for anything else, a matrix shared by all components included.
    """

    kind = "mixture"

    def __init__(self, weights: Any, means: Any, covariances: Any) -> None:
        self.means = as_array("means", means)
        rule = "must have shape [k, d]; in one dimension [[m1], [m2], ...]"
        require(self.means.ndim == 2, "means", rule, self.means.shape)
        k, self.dimension = self.means.shape
        self.weights = _weights(weights, k)
        self.covariances = as_array("covariances", covariances)
        self._variances, self._vectors = _variances(self.covariances, k, self.dimension)
        self.mean = self.weights @ self.means
        each = self.dimension // self._variances.shape[1]
        own = each * self._variances.sum(axis=1)
        apart = ((self.means - self.mean) ** 2).sum(axis=1)
        self.variance = float(self.weights @ (own + apart))
        self.has_density = bool((self._variances[self.weights > 0] > 0).all())
        arrays = (self.weights, self.means, self.covariances)
        self.fingerprint = sha256_of(f"law {self.kind}", *arrays)

    def _sample(self, count: int, seed: int, first: int) -> Tensor:
        source = NoiseSource(seed, "law")
        shares = np.cumsum(self.weights)
        chosen = source.uniform(0, first, count) * shares[-1]
        j = np.searchsorted(shares, chosen, side="right")  # right: never a weight of zero
        x = self.means[j]
        if self._variances.any():
            z = source.normal(1, first, count, self.dimension).numpy()
            step = np.sqrt(self._variances[j]) * z
            x += step if self._vectors is None else _turned(step, self._vectors, j)
        return torch.from_numpy(x)

    def component_variances(self) -> Array:
        """Return the variances of the components of a mixture on a line [k]."""
        require(self.dimension == 1, "law", "must be on a line", self.dimension)
        return np.asarray(np.broadcast_to(self._variances[:, 0], len(self.weights)))

    def to_json(self) -> Json:
        """Return the law as the content of a law.json file."""
        names = ("weights", "means", "covariances")
        fields = {name: getattr(self, name).tolist() for name in names}
        return {"format": LAW_FORMAT, "law": "mixture", **fields}

    def _covariance(self) -> Array:
        apart = self.means - self.mean
        total = (self.weights[:, None] * apart).T @ apart
        if self._vectors is None:
            own = np.diag(np.broadcast_to(self.weights @ self._variances, (self.dimension,)))
            return np.asarray(total + own)
        for w, values, vectors in zip(self.weights, self._variances, self._vectors, strict=True):
            total += w * (vectors * values) @ vectors.T
        return np.asarray(total)

    def _log_prob(self, x: Tensor, noise: float) -> Tensor:
        sums = self._sums(x, noise, "density")
        return torch.cat([self._density(*part, noise) for part in sums])

    def _posterior(self, x: Tensor, noise: float, spread: bool) -> tuple[Tensor, Tensor]:
        sums = self._sums(x, noise, "spread" if spread else "mean")
        moments = (self._moments(*part, noise) for part in sums)
        if x.requires_grad:
            means, spreads = zip(*moments, strict=True)
            return torch.cat(means), torch.cat(spreads)
        mean, between = torch.empty_like(x), torch.empty_like(x[:, 0])
        first = 0
        for one, its in moments:  # copied as it comes: its memory serves the next part
            rows = slice(first, first + len(one))
            mean[rows], between[rows] = one, its
            first = rows.stop
        return mean, between

    def _density(self, x: Tensor, sums: _Sums, noise: float) -> Tensor:
        log = sums.top + sums.mass.log() - self.dimension / 2 * math.log(2 * math.pi)
        if self._vectors is None:
            widest = self._parts(x).widest
            log = log - (_squares(x, len(widest)) / (widest + noise)).sum(dim=1) / 2
        return log

    def _moments(self, x: Tensor, sums: _Sums, noise: float) -> tuple[Tensor, Tensor]:
        d, linear = self.dimension, self.variance / self.dimension
        terms = sums.terms / sums.mass[:, None]
        shift = terms[:, :d]
        mean = (shift + self._parts(x).origin).add(x, alpha=linear / (linear + noise))
        if terms.shape[1] == d:
            return mean, x[:, 0]  # nobody asked for the spread
        between = terms[:, d] - (shift**2).sum(dim=1)
        return mean, between.clamp_min(0.0)

    def _sums(self, x: Tensor, noise: float, want: Want) -> Iterator[tuple[Tensor, _Sums]]:
        """Yield places from the mixture's mean, a part at a time, and the sums there."""
        parts = self._parts(x)
        linear = self.variance / self.dimension
        k = len(parts.log_weights)
        size = 1 if parts.vectors is not None else max(1, min(COMPONENTS, BLOCK // self.dimension))
        rows = max(32, min(PAIRS // min(size, k), BLOCK // self.dimension))
        examples = (part - parts.origin for part in torch.split(x, rows))

        def block(first: int) -> _Diagonal | _Rotated:
            if parts.vectors is not None:
                return _Rotated(parts, first, noise, linear, want)
            return _Diagonal(parts, slice(first, first + size), noise, linear, want)

        if k <= size:  # a part at a time then stays in a cache from its place to its moments
            whole = block(0)
            yield from ((part, whole.sums(part)) for part in examples)
            return
        places, sums = list(examples), list[_Sums]()
        for first in range(0, k, size):
            one = block(first)
            new = [one.sums(part) for part in places]
            sums = [a.plus(b) for a, b in zip(sums, new, strict=True)] if sums else new
        yield from zip(places, sums, strict=True)

    def _known(self, levels: Array) -> KnownErrors | None:
        used = self.weights > 0
        w, means, variances = self.weights[used], self.means[used], self._variances[used]
        k, d = means.shape
        vectors = None if self._vectors is None else self._vectors[used]
        if k == 1:
            values = np.broadcast_to(variances[0], (d,))
            return along_axes(None if vectors is None else vectors[0], values, levels)
        if k > QUADRATURE_LIMIT:
            return None
        if d == 1:
            line = Line(w, means[:, 0], variances[:, 0])
            error, information = line.known(levels)
            return KnownErrors(None, np.array([line.variance]), error[:, None], information)
        apart = split(w, means, (variances, vectors), float(levels[-1]))
        if apart is None:
            return None
        error, information = apart.line.known(levels)
        rest = along_axes(None, apart.values, levels)
        errors = np.concatenate([error[:, None], rest.errors], axis=1)
        variances = np.append(apart.line.variance, apart.values)
        return KnownErrors(apart.axes, variances, errors, information + rest.information)

    def _parts(self, like: Tensor) -> _Parts:
        cached: _Parts | None = self.__dict__.get("_cached")
        if cached is None or cached.means.device != like.device:
            used = self.weights > 0
            means, variances = (self.means - self.mean)[used], self._variances[used]
            vectors = None if self._vectors is None else self._vectors[used]
            if vectors is not None:
                means = np.einsum("kd,kde->ke", means, vectors)
            logs, widest = np.log(self.weights[used]), variances.max(axis=0)
            arrays = (logs, means, variances, vectors, widest, self.mean)
            with torch.inference_mode(False):  # kept for calls that may want a gradient
                placed = [
                    a if a is None else torch.as_tensor(a, device=like.device) for a in arrays
                ]
            cached = self._cached = _Parts._make(placed)
        return cached


def _squares(x: Tensor, columns: int) -> Tensor:
    """Return x^2 [b, d], or its sum [b, 1] when one column stands for all coordinates."""
    return x**2 if columns == x.shape[1] else (x**2).sum(dim=1, keepdim=True)


def _weights(value: Any, k: int) -> Array:
    weights = as_array("weights", value)
    require(weights.shape == (k,), "weights", f"must have shape [{k}], as means do", weights.shape)
    require(bool((weights >= 0).all()), "weights", "must not be negative", float(weights.min()))
    total = math.fsum(weights)
    require(abs(total - 1) <= 1e-6, "weights", "must sum to one within 1e-6", total)
    # Weights read back from a file already sum to one up to rounding and must not move again.
    return weights if abs(total - 1) <= 1e-15 else weights / total


def _variances(given: Array, k: int, d: int) -> tuple[Array, Array | None]:
    """Return l [k, 1] or [k, d], and the eigenvectors [k, d, d] of full covariances."""
    if given.shape not in ((), (k,), (k, d), (k, d, d)):
        rule = f"must be a number or have shape [{k}], [{k}, {d}] or [{k}, {d}, {d}]"
        refuse("covariances", rule, given.shape, "Give one for each component")
    if given.ndim == 3 and d > 1:
        return eigen_form("covariances", given)
    worst = float(given.min())
    hint = "An array [k, d] holds a diagonal for each component" if given.ndim == 2 else ""
    require(worst >= 0, "covariances", "must not be negative", worst, hint)
    columns = given.reshape(k, d) if given.ndim > 1 else np.broadcast_to(given, (k,)).reshape(k, 1)
    return columns, None


def _turned(step: Array, vectors: Array, of_row: np.ndarray) -> Array:
    """Return U_j step for each row, j = of_row [n], a component at a time."""
    out = np.empty_like(step)
    for j in np.unique(of_row):
        rows = of_row == j
        out[rows] = step[rows] @ vectors[j].T
    return out
