"""Independent formulas for steps along the probability flow of mixtures on a line."""

import numpy as np


class LineMixture:
    """A mixture of Gaussians on a line: its denoiser, and the flow by many small steps."""

    def __init__(self, weights, means, variances):
        self.w, self.mu, self.v = (np.asarray(x, float) for x in (weights, means, variances))

    def denoise(self, x, snr):
        """Return E[x0 | x] at x [n]."""
        total = self.v + 1 / snr
        log = np.log(self.w) - np.log(total) / 2 - (x[:, None] - self.mu) ** 2 / (2 * total)
        share = np.exp(log - log.max(axis=1, keepdims=True))
        share /= share.sum(axis=1, keepdims=True)
        return (share * (self.mu + self.v / total * (x[:, None] - self.mu))).sum(axis=1)

    def points(self, snr, spacing=0.02):
        """Return points and their shares under the law at an SNR."""
        sigma = snr**-0.5
        deviation = np.sqrt(self.v + 1 / snr)
        low, high = (self.mu - 9 * deviation).min(), (self.mu + 9 * deviation).max()
        x = np.linspace(low, high, int((high - low) / (spacing * sigma)) + 2)
        p = (self.w * np.exp(-((x[:, None] - self.mu) ** 2) / (2 * deviation**2)) / deviation).sum(
            1
        )
        return x, p / p.sum()

    def flow(self, x, snr, length, steps=64):
        """Return where dx/dlambda = m - x takes x over a length of log(1/sigma)."""
        h, lam = length / steps, np.log(snr) / 2
        slope = lambda y, at: self.denoise(y, np.exp(2 * at)) - y  # noqa: E731
        for _ in range(steps):
            a = slope(x, lam)
            b = slope(x + h / 2 * a, lam + h / 2)
            c = slope(x + h / 2 * b, lam + h / 2)
            d = slope(x + h * c, lam + h)
            x, lam = x + h / 6 * (a + 2 * b + 2 * c + d), lam + h
        return x

    def step(self, x, snr, length, calls):
        """Return where a step with one call or two takes x over a length."""
        m, shrink = self.denoise(x, snr), np.exp(-length)
        if calls == 2:
            half = m + np.exp(-length / 2) * (x - m)
            m = self.denoise(half, snr * np.exp(length))
        return shrink * x + (1 - shrink) * m

    def missed(self, snr, length, calls):
        """Return E|Phi - phi|^2 of one step."""
        x, share = self.points(snr)
        return float(share @ (self.flow(x, snr, length) - self.step(x, snr, length, calls)) ** 2)


def random_mixture(rng):
    """Return weights, means and variances of a skewed, off-centre law on a line."""
    k = int(rng.integers(1, 5))
    weights = rng.dirichlet(np.full(k, 0.7)) * 0.98 + 0.02 / k
    means = rng.normal(rng.normal(0, 3), 10 ** rng.uniform(-0.5, 0.7), k)
    return weights, means, 10 ** rng.uniform(-2, 0.3, k)
