"""The residual network: what its output may depend on."""

import pytest
import torch

from girsanov import _checks
from girsanov.denoise.mlp import ResidualMLP, level_features, mlp_size


def network(classes=0):
    torch.manual_seed(3)  # torch's own start, not `initialise`: no layer is zero
    return ResidualMLP(5, 16, 2, classes=classes, embedding=8)


def test_each_row_is_its_own():
    net, x, level = network(), torch.randn(6, 5), torch.linspace(-7, 9, 6)
    whole = net(x, level)
    alone = torch.cat([net(x[i : i + 1], level[i : i + 1]) for i in range(6)])
    torch.testing.assert_close(whole, alone, rtol=1e-5, atol=1e-6)


def test_rows_of_one_level_share_its_gains():
    net, x, level = network().eval(), torch.randn(6, 5), torch.tensor([2.0, -1, 2, 5, -1, 2])
    sizes = []
    net.modulation.register_forward_hook(lambda module, given, out: sizes.append(len(out)))
    shared = net(x, level)
    apart = torch.cat([net(x[i : i + 1], level[i : i + 1]) for i in range(6)])
    torch.testing.assert_close(shared, apart, rtol=1e-5, atol=1e-6)
    assert sizes[0] == 3


def test_the_level_and_the_label_matter():
    net, x, level = network(classes=3), torch.randn(4, 5), torch.full((4,), 1.0)
    one = net(x, level, torch.tensor([0, 0, 0, 0]))
    assert (net(x, level + 1, torch.tensor([0, 0, 0, 0])) - one).abs().min() > 1e-6
    assert (net(x, level, torch.tensor([1, 1, 1, 1])) - one).abs().min() > 1e-6


def test_no_label_is_the_last_embedding():
    net, x, level = network(classes=3), torch.randn(4, 5), torch.full((4,), 1.0)
    torch.testing.assert_close(net(x, level), net(x, level, torch.full((4,), 3)))


def test_level_features_tell_all_levels_apart():
    features = level_features(torch.linspace(-7, 9, 200))
    gaps = torch.cdist(features, features) + 10 * torch.eye(200)
    assert gaps.min() > 1e-2


def test_size_grows_with_the_dimension_and_is_bounded():
    widths = [mlp_size(d)[0] for d in (1, 64, 256, 10_000)]
    assert widths == sorted(widths)
    assert widths[0] >= 64
    assert widths[-1] <= 1024


@pytest.mark.parametrize("size", [0, -1, 2**17, 1.5])
def test_refuses_sizes_that_are_none(size):
    with pytest.raises(_checks.InputError, match="width"):
        ResidualMLP(5, size, 2)


def test_dropout_acts_in_training_only_and_follows_its_generator():
    net, x, level = network(), torch.randn(4, 5), torch.full((4,), 1.0)
    plain = net.eval()(x, level)
    net.dropout = 0.5
    torch.testing.assert_close(net(x, level), plain)
    net.train()
    draws = []
    for seed in (1, 1, 2):
        net.generator.manual_seed(seed)
        draws.append(net(x, level))
    torch.testing.assert_close(draws[0], draws[1])
    assert (draws[0] - draws[2]).abs().max() > 1e-3


def test_dropout_keeps_the_mean():
    net, u = network().train(), torch.ones(200, 200)
    net.dropout = 0.3
    kept = net._dropped(u)
    se = (0.3 / 0.7 / u.numel()) ** 0.5
    assert abs(float(kept.mean()) - 1) < 5 * se
    assert kept.unique().tolist() == pytest.approx([0.0, 1 / 0.7])


@pytest.mark.parametrize("rows", [8, 9, 10])
def test_levels_in_turns_share_their_gains(rows):
    """As an audit shows them: row i is at level i mod 4, whole turns of them or not."""
    net, x = network().eval(), torch.randn(rows, 5)
    level = torch.tensor([2.0, -1, 5, 3])[torch.arange(rows) % 4]
    apart = torch.cat([net(x[i : i + 1], level[i : i + 1]) for i in range(rows)])
    torch.testing.assert_close(net(x, level), apart, rtol=1e-5, atol=1e-6)
    level[-1] = 2.0 if level[-1] != 2 else 5.0  # one row out of turn
    apart[-1] = net(x[-1:], level[-1:])[0]
    torch.testing.assert_close(net(x, level), apart, rtol=1e-5, atol=1e-6)
