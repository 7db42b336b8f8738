"""Moments of classes: exact formulas, few rows, more dimensions, and files."""

import numpy as np
import pytest
import torch

from girsanov._checks import InputError
from girsanov.class_moments import FULL, ROWS, ClassSums
from girsanov.moments import measure_moments, moments_from_tensors, with_classes

RNG = np.random.default_rng(4)
MIX = np.array([[1.0, 0.5, 0.0], [0.0, 0.3, -0.2], [0.0, 0.0, 0.8]])


def labelled(counts, d=3):
    """Rows of classes with means 3 apart and a covariance of their own."""
    label = np.repeat(np.arange(len(counts)), counts)
    mix = MIX if d == 3 else np.eye(d)
    x = RNG.standard_normal((len(label), d)) * (1 + label[:, None]) @ mix + 3.0 * label[:, None]
    return torch.tensor(x), torch.tensor(label)


def measured(x, label, classes):
    return with_classes(measure_moments([x], tuple(x.shape[1:])), [(x, label)], classes)


def test_mean_and_variances_are_those_of_the_formulas():
    counts = np.array([40, 5, 12])
    x, label = labelled(counts)
    moments = measured(x, label, 3)
    known, c = moments.classes, (x.numpy() - moments.mean)
    y = np.stack([c[label == k].mean(axis=0) for k in range(3)])
    square = np.stack([c[label == k].var(axis=0) * counts[k] for k in range(3)])
    w = square.sum(axis=0) / (counts.sum() - 3)
    t = np.maximum(0, y.var(axis=0, ddof=1) - w * (1 / counts).mean())
    k = t / (t + w / counts[:, None])
    v = (square + ROWS * w) / (counts[:, None] - 1 + ROWS) + t * (1 - k)
    np.testing.assert_allclose(known.means, moments.mean + k * y, rtol=1e-9)
    full = np.einsum("cij,cj,ckj->cik", known.axes, known.variances, known.axes)
    np.testing.assert_allclose(np.einsum("cii->ci", full), v, rtol=1e-9)


def test_many_rows_give_the_covariance_of_the_class():
    x, label = labelled(np.array([30_000, 30_000]))
    known = measured(x, label, 2).classes
    for k in range(2):
        full = known.axes[k] * known.variances[k] @ known.axes[k].T
        np.testing.assert_allclose(full, np.cov(x[label == k].numpy().T), rtol=1e-2, atol=1e-3)


def test_a_class_without_rows_has_the_mean_and_variance_of_all():
    x, label = labelled(np.array([400, 400, 0]))
    moments = measured(x, label, 3)
    known = moments.classes
    assert known.counts.tolist() == [400, 400, 0]
    np.testing.assert_allclose(known.means[2], moments.mean, rtol=1e-9)
    # w + t, of which t counts two means as a sample
    assert known.variances[2].sum() > moments.variance
    assert known.variances[2].sum() < 3 * moments.variance


def test_many_dimensions_are_kept_along_the_main_basis():
    x, label = labelled(np.array([300, 300]), FULL + 2)
    moments = measured(x, label, 2)
    assert moments.classes.axes is None
    assert moments.classes.bases == ()
    turned = moments.basis.to_coordinates(x - torch.tensor(moments.mean)).numpy()
    own = turned[(label == 1).numpy()].var(axis=0, ddof=1)
    assert moments.classes.variances[1] == pytest.approx(own, rel=0.1)
    assert not ClassSums(2, FULL + 2).full


def test_files_keep_them_and_refuse_others():
    x, label = labelled(np.array([20, 20]))
    moments = measured(x, label, 2)
    tensors = moments.tensors()
    again = moments_from_tensors(dict(tensors), "file").classes
    for name in ("means", "variances", "counts", "axes"):
        assert np.array_equal(getattr(again, name), getattr(moments.classes, name))
    for name, value, told in (
        ("class_means", tensors["class_means"][:, :2], "moments of each class"),
        ("class_variances", -tensors["class_variances"], "not negative"),
        ("class_axes", np.full_like(tensors["class_axes"], np.nan), "finite numbers"),
    ):
        with pytest.raises(InputError, match=told):
            moments_from_tensors({**tensors, name: value}, "file")
    del tensors["class_counts"]
    with pytest.raises(InputError, match="all of class_means"):
        moments_from_tensors(tensors, "file")
