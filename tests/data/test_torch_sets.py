"""Data sets and loaders of torch, and generators, are data: what they give is what is read."""

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

import girsanov as gv
from girsanov._checks import InputError
from girsanov.data import torch_sets

X = np.random.default_rng(1).gamma(2.0, size=(50, 3)).astype(np.float32)
Y = np.arange(50) % 3
PICTURES = np.random.default_rng(2).integers(0, 256, (30, 3, 6, 5), dtype=np.uint8)


class Listed(Dataset):
    def __init__(self, items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, k):
        return self.items[k]


class Streamed(IterableDataset):
    def __iter__(self):
        return iter(torch.from_numpy(X))


def same(data, x, labels=None):
    np.testing.assert_array_equal(data.raw(slice(None)), x)
    assert (data.labels is None) == (labels is None)
    if labels is not None:
        np.testing.assert_array_equal(data.labels, labels)


def test_sets_loaders_and_generators_are_read():
    x, y = torch.from_numpy(X), torch.from_numpy(Y)
    same(gv.load_data(TensorDataset(x)), X)
    same(gv.load_data(TensorDataset(x, y)), X, Y)
    same(gv.load_data(DataLoader(TensorDataset(x, y), batch_size=8)), X, Y)
    same(gv.load_data(DataLoader(TensorDataset(x, y), batch_size=None)), X, Y)
    same(gv.load_data(Streamed()), X)
    same(gv.load_data(DataLoader(Streamed(), batch_size=7)), X)
    same(gv.load_data(x[a : a + 9] for a in range(0, 50, 9)), X)
    same(gv.load_data((X[a : a + 9], Y[a : a + 9]) for a in range(0, 50, 9)), X, Y)
    same(gv.load_data(Listed([(row, int(k)) for row, k in zip(X, Y, strict=True)])), X, Y)
    same(gv.load_data(TensorDataset(x, x.double())), X)  # a second array is no label
    same(gv.load_data(TensorDataset(x), labels=Y), X, Y)


def test_pictures_with_names_of_classes():
    from PIL import Image

    shown = [(Image.fromarray(np.moveaxis(p, 0, -1)), "cat" if k % 2 else "dog")
             for k, p in enumerate(PICTURES)]  # fmt: skip
    data = gv.load_data(Listed(shown))
    assert data.shape == (3, 6, 5)
    assert data.label_names == ("cat", "dog")
    same(data, np.moveaxis(PICTURES, 1, -1), np.arange(30) % 2 == 0)
    assert gv.load_data(DataLoader(Listed([*PICTURES]), 4)).shape == (3, 6, 5)


def test_the_callers_random_numbers_stay():
    loader = DataLoader(TensorDataset(torch.from_numpy(X)), batch_size=8, shuffle=True)
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    rows = gv.load_data(loader).raw(slice(None))
    assert torch.equal(torch.rand(4), expected)
    np.testing.assert_array_equal(np.sort(rows, 0), np.sort(X, 0))


def test_a_data_set_is_audited_as_its_array_is():
    law = gv.GaussianMixture([0.3, 0.7], [[0.0, 1.0], [3.0, -1.0]], [0.5, 0.2])
    rows, options = law.sample(200, seed=1), {"levels": 5, "draws": 1, "flow": 0}
    one, two = (gv.audit(gv.ExactDenoiser(law), gv.load_data(source), **options)
                for source in (rows, TensorDataset(rows)))  # fmt: skip
    np.testing.assert_array_equal(one.curve.traces, two.curve.traces)


def endless():
    while True:
        yield X


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (lambda: iter([]), "must not be empty; got no example"),
        (lambda: iter([X, X[:, :2]]), r"must hold examples of one shape; got \(2,\) and \(3,\)"),
        (lambda: Listed([X[0], X[0, :2]]), "must hold examples of one shape"),
        (lambda: iter([{"x": X}]), "must give arrays, tensors or pictures, .* got dict"),
        (lambda: iter([3.0]), "must give arrays, tensors or pictures, .* got float"),
        (lambda: Listed([(X[0], 1), (X[1],)]), "must have labels everywhere, or nowhere"),
        (lambda: iter([(X, Y), X]), "must have labels everywhere, or nowhere"),
        (lambda: (X / k for k in (1, "a")), "fails when it is read; .*UFuncNoLoopError|TypeError"),
        (endless, r"must end within 4 GiB: it is read whole"),
        (lambda: [1, 2, 3], "source: must be a path"),
    ],
)
def test_mistakes_are_one_line(source, said, monkeypatch):
    monkeypatch.setattr(torch_sets, "MOST_BYTES", 4 * 2**30)
    if source is endless:
        monkeypatch.setattr(torch_sets, "MOST_BYTES", 10_000)
        said = "it is read whole"
    with pytest.raises(InputError, match=said) as caught:
        gv.load_data(source())
    assert "\n" not in str(caught.value)
