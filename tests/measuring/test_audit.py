"""The whole audit: what it records, what it refuses, its memory, and its intervals."""

import json
import os
from dataclasses import replace

import numpy as np
import pytest
import torch

from girsanov._checks import InputError
from girsanov._files import read_tensors, write_pair
from girsanov.audited import load_audit
from girsanov.auditing import audit
from girsanov.data import load_data
from girsanov.denoise.exact import ExactDenoiser
from girsanov.error_curve.curve import GROUPS
from girsanov.law import Gaussian, GaussianMixture
from girsanov.path_kl.grid_cost import prices
from girsanov.path_kl.ideal_grid import excess
from girsanov.sampling.registry import SAMPLERS

LAW = GaussianMixture(
    [0.25, 0.75],
    [[-1.0, 2.0], [1.5, 0.5]],
    [[[0.5, 0.3], [0.3, 0.4]], [[0.05, -0.02], [-0.02, 0.2]]],
)
GRID = np.geomspace(0.05, 50, 6)


class Wrong(ExactDenoiser):
    exact = False

    def __call__(self, x, snr, label=None):
        return 0.9 * self.law.denoise(x, snr) + 0.1


class Network:
    """A denoiser of table rows that is no law's: shrinkage towards zero."""

    exact, classes, fingerprint = False, 0, "f" * 64
    dtype, device, snr_range = torch.float32, torch.device("cpu"), (0.01, 1e3)

    def __init__(self, shape=(3,), seen=()):
        self.shape, self.training = shape, {"seen": [data.lineage for data in seen]}

    def __call__(self, x, snr, label=None):
        level = torch.as_tensor(snr, dtype=x.dtype, device=x.device).reshape(
            -1, *[1] * (x.ndim - 1)
        )
        return x * level / (1 + level)


def table(n=300, seed=0, columns=3):
    return load_data(np.random.default_rng(seed).gamma(2.0, size=(n, columns)))


@pytest.fixture(scope="module")
def report():
    return audit(Wrong(LAW), LAW, levels=GRID, examples=205, draws=2, seed=3)


def test_a_device_measures_what_the_cpu_does(device):
    """The same draws: errors, products and trajectories, up to how the device rounds."""
    found = []
    for place in (torch.device("cpu"), device):
        network = Network()
        network.device = place
        found.append(audit(network, table(), levels=9, draws=2, trajectories=16))
    one, two = found
    np.testing.assert_allclose(one.total().value, two.total().value, rtol=1e-4)
    np.testing.assert_allclose(one.curve.products, two.curve.products, rtol=1e-3, atol=1e-4)
    states = (a.trajectories.states for a in found)
    np.testing.assert_allclose(*states, rtol=1e-4, atol=1e-4)


def test_record_says_what_was_done(report):
    facts = report.facts
    assert (facts.examples, facts.draws, facts.seed) == (205, 2, 3)
    assert facts.calls == 205 * 2 * (6 + 5)  # levels and gaps
    assert facts.model == facts.data == LAW.fingerprint
    assert facts.exact is False
    assert facts.moments_from == "law"
    json.dumps(facts.to_json())
    assert report.levels == pytest.approx(GRID)
    assert report.total().value.shape == (6,)


@pytest.mark.parametrize(("examples", "draws"), [(40, 15), (299, 3), (600, 1), (601, 1)])
def test_small_data_is_given_more_noise(examples, draws):
    law = Gaussian([0.0], 1.0)
    assert audit(ExactDenoiser(law), law, levels=2, examples=examples).facts.draws == draws


def test_levels_are_a_count_or_a_list():
    denoiser = ExactDenoiser(LAW)
    levels = audit(denoiser, LAW, levels=5, examples=40, draws=1).levels
    assert levels == pytest.approx(np.geomspace(*denoiser.snr_range, 5))
    for bad in (1, [1.0], [2.0, 1.0], [0.0, 1.0], [1.0, np.nan], "many"):
        with pytest.raises(InputError, match="levels: must be"):
            audit(denoiser, LAW, levels=bad, examples=40)


@pytest.mark.parametrize("size", [3, 7, 64])
def test_batch_size_changes_nothing(report, size):
    again = audit(Wrong(LAW), LAW, levels=GRID, examples=205, draws=2, seed=3, batch_size=size)
    close = {"rtol": 1e-9, "atol": 1e-11}  # of float64 sums in another order
    np.testing.assert_allclose(again.curve.traces, report.curve.traces, **close)
    np.testing.assert_allclose(again.curve.products, report.curve.products, **close)
    np.testing.assert_allclose(again.curve.full, report.curve.full, **close)


def test_seed_changes_the_numbers_and_is_all_that_does(report):
    def run(seed):
        return audit(Wrong(LAW), LAW, levels=GRID, examples=205, draws=2, seed=seed)

    assert np.array_equal(run(3).curve.traces, report.curve.traces)
    assert not np.array_equal(run(4).curve.traces, report.curve.traces)


def test_progress_covers_both_passes():
    seen = []
    audit(
        Network(), table(), train=table(seed=1), levels=3, draws=1, flow=0,
        progress=lambda *a: seen.append(a),
    )  # fmt: skip
    total = 300 * (3 + 2) + 300 * 3  # of the training data, no gaps
    assert seen[-1] == (total, total)
    assert [a for a, _ in seen] == sorted(a for a, _ in seen)


def test_memorisation_is_the_error_on_training_examples():
    train = table(seed=1)
    report = audit(Network(), table(), train=train, levels=[0.5, 5.0], draws=2)
    network = Network()
    network.moments = report.frame.moments
    alone = audit(network, train, levels=[0.5, 5.0], draws=1)
    assert report.facts.moments_from == "train"
    assert report.memorisation == pytest.approx(alone.curve.traces[:, :, 0])
    assert audit(Network(), table(), levels=2, draws=1).memorisation is None


def test_memorisation_in_nats_is_the_integral_of_the_gap_with_an_interval():
    found = []
    for seed in range(8):  # a denoiser that knows nothing of the training data memorises nothing
        first, rest = table(n=400, seed=seed).split(0.5)
        report = audit(Network(), rest, train=first, levels=[0.5, 1.0, 5.0], draws=1)
        nats = report.memorised()
        gap = (report.curve.traces[1:, :, 0] - report.memorisation[1:]) @ report.curve.shares
        assert nats.value == pytest.approx(
            np.trapezoid(gap * report.levels, np.log(report.levels)) / 2
        )
        assert report.memorised(1.0).value != nats.value
        assert (
            report.summary()["memorised"]["low"]
            < nats.value
            < report.summary()["memorised"]["high"]
        )
        found.append((nats.value, nats.se))
    value, se = np.transpose(found)
    assert abs(value.mean()) < 4.5 * np.sqrt((se**2).sum()) / 8
    assert (np.abs(value) > 2.5 * se).sum() <= 2
    assert audit(Network(), rest, levels=2, draws=1).memorised() is None


@pytest.mark.parametrize("source", ["law", "data"])
def test_saved_audit_is_the_same(tmp_path, report, source):
    if source == "data":
        report = audit(Network(), table(), train=table(seed=1), levels=GRID, draws=1)
    report.save(tmp_path / "audit.json")
    again = load_audit(tmp_path / "audit.json")
    assert again.facts == report.facts
    assert again.summary() == report.summary()
    for name in ("levels", "shares", "traces", "second_moments", "products", "full"):
        assert np.array_equal(getattr(again.curve, name), getattr(report.curve, name)), name
    assert again.curve.errors.keys() == report.curve.errors.keys()
    for options in ({"steps": 3}, {}, {"steps": 2, "covariance": "full"}, {"sampler": "ddpm"}):
        one, two = report.plan(**options), again.plan(**options)
        assert one.summary() == two.summary()
        assert one.variances is two.variances or np.array_equal(one.variances, two.variances)
    if source == "data":
        assert np.array_equal(again.memorisation, report.memorisation)
    else:
        assert again.memorisation is None
    assert [p.name for p in sorted(tmp_path.iterdir())] == ["audit.json", "audit.safetensors"]


def edit(path, **changes):
    content = json.loads(path.read_text())
    for key, value in changes.items():
        if value is None:
            content.pop(key)
        else:
            content[key] = value
    path.write_text(json.dumps(content))


@pytest.fixture
def saved(tmp_path, report):
    report.save(tmp_path / "audit.json")
    return tmp_path / "audit.json"


def one_line(error):
    return "\n" not in str(error.value) and len(str(error.value)) < 400


RECORDED = ["exact", "shape", "bases", "model", "data", "arrays", "examples", "seed"]


@pytest.mark.parametrize("key", RECORDED)
@pytest.mark.parametrize("value", [None, 17, "text", [], {"a": 1}], ids=repr)
def test_damaged_audits_are_refused_in_one_line(saved, key, value):
    edit(saved, **{key: value})
    if (key, value) in (("examples", 17), ("seed", 17), ("model", "text"), ("data", "text")):
        load_audit(saved)  # another valid record
        return
    with pytest.raises(InputError, match=r"audit\.(json|safetensors): ") as error:
        load_audit(saved)
    assert one_line(error)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": "girsanov/plan/1"}', "{}", "null"])
def test_files_that_are_no_audit_are_refused(saved, text):
    saved.write_text(text)
    with pytest.raises(InputError, match=r"audit\.json: must ") as error:
        load_audit(saved)
    assert one_line(error)


def test_newer_and_missing_files_are_refused(saved):
    with pytest.raises(InputError, match="must be an existing JSON file"):
        load_audit(saved.with_name("other.json"))
    edit(saved, format="girsanov/audit/2")
    with pytest.raises(InputError, match='must have "format": "girsanov/audit/1"; got girsanov/a'):
        load_audit(saved)


def test_arrays_must_be_there_and_unchanged(saved):
    arrays = saved.with_suffix(".safetensors")
    good = arrays.read_bytes()
    arrays.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    with pytest.raises(InputError, match=r"audit\.safetensors: is not the file that .* written"):
        load_audit(saved)
    arrays.unlink()
    with pytest.raises(InputError, match=r"needs audit\.safetensors beside it, which is missing"):
        load_audit(saved)


@pytest.mark.parametrize(
    ("value", "rule"),
    [(1e10, "at most 1.5"), (-0.1, "not negative"), (np.nan, "finite gamma"), (1.5, "")],
)
def test_the_share_of_chance_that_was_taken_off_is_one_that_can_be(report, tmp_path, value, rule):
    bent = replace(report.curve, gamma=np.full(GROUPS, value))
    replace(report, curve=bent).save(tmp_path / "a.json")
    if not rule:
        assert load_audit(tmp_path / "a.json").curve.gamma[0] == value
        return
    with pytest.raises(InputError, match=rule) as error:
        load_audit(tmp_path / "a.json")
    assert one_line(error)


def test_data_of_another_shape_is_refused():
    rule = r"must hold examples of shape \(3,\), which the model takes; got \(2,\)"
    for data, train in ((table(columns=2), None), (LAW, None), (table(columns=2), table())):
        with pytest.raises(InputError, match="data: " + rule):
            audit(Network(), data, train=train)
    with pytest.raises(InputError, match="train: " + rule):
        audit(Network(), table(), train=table(columns=2))


def test_data_of_another_layout_is_refused():  # as many numbers, another shape
    with pytest.raises(InputError, match=r"data: must hold examples of shape \(3, 1\)"):
        audit(Network((3, 1)), table())


def test_too_few_examples_are_refused():
    with pytest.raises(InputError, match="data: must hold at least 32 examples to audit; got 30"):
        audit(Network(), table(40))  # of which 10 are set aside
    with pytest.raises(InputError, match="data: must hold at least 32 examples to audit; got 31"):
        audit(ExactDenoiser(LAW), LAW, examples=31)
    with pytest.raises(InputError, match="data: must hold at least"):
        audit(Network(), table(3))


def test_training_data_is_refused_as_held_out():
    first, rest = table().split(0.5)
    with pytest.raises(InputError, match="data: holds 150 of 150 examples that this model saw"):
        audit(Network(seen=[first]), first)
    assert audit(Network(seen=[first]), rest, train=first, levels=2).memorisation.any()


def test_nan_data_or_denoisers_are_refused():
    class Broken(Network):
        def __call__(self, x, snr, label=None):
            return x * float("nan")

    with pytest.raises(InputError, match="denoiser: must give finite values of shape"):
        audit(Broken(), table())


def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def peak_while_auditing(law, examples):
    seen = []
    options = {"levels": [0.1, 10.0], "examples": examples, "draws": 1}
    audit(ExactDenoiser(law), law, progress=lambda *_: seen.append(resident()), **options)
    return max(seen)


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs Linux's statm")
def test_memory_does_not_grow_with_the_number_of_examples():
    d = 192
    law = Gaussian(np.linspace(-1, 1, d), np.linspace(0.1, 2, d))
    peak = {}
    for examples in (2_000, 2_000, 40_000):  # the first warms the allocator up
        peak[examples] = peak_while_auditing(law, examples)
    one_copy = 40_000 * d * 8 / 2**20  # 59 MiB: what holding the examples once would take
    assert peak[40_000] - peak[2_000] < one_copy / 2  # the peak itself varies by some 10 MiB


COVERED = Gaussian([0.5, -1.0], [[1.5, 0.4], [0.4, 0.3]])
NODES = np.array([2, 4, 6, 8])
LEVELS = np.geomspace(0.05, 50, 8)
KINDS = (("ddpm", None), ("analytic-dpm", "scalar"), ("ei-score", None), ("ei-relative", None))


def truth(sampler):
    """init and discretisation of visiting NODES with an exact denoiser, in closed form."""
    lam, s = np.linalg.eigvalsh(COVERED.covariance()), LEVELS[NODES - 1]
    half = np.log1p(s[:, None] * lam).sum(axis=1) / 2  # 1/2 int_0^s M
    error = (lam / (1 + s[:, None] * lam)).sum(axis=1)
    delta, m2 = np.diff(s), COVERED.second_moment
    standard = (s[0] / (1 + s[0]) * (m2 - 2) + 2 * np.log1p(s[0])) / 2 - half[0]
    if sampler == "ddpm":
        return s[0] * lam.sum() / 2 - half[0], delta @ error[:-1] / 2 - half[-1] + half[0]
    if sampler == "analytic-dpm":
        return 0.0, np.log1p(delta * error[:-1] / 2).sum() - half[-1] + half[0]
    t = np.log1p(1 / s) / 2
    h = t[:-1] - t[1:]  # theory 2.0 and 2.4, in the two directions
    information = 2 * (1 + s) - s * (1 + s) * error
    between = np.log(s[-1] / s[0]) - half[-1] + half[0]  # int I dt
    if sampler == "ei-score":
        return standard, between - (2 * -np.expm1(-h) - h) @ information[:-1]
    alpha2 = s / (1 + s)
    fisher = information - 4 + 2 + alpha2 * (m2 - 2)
    whole = between - 2 * (t[0] - t[-1]) + (m2 - 2) * (alpha2[-1] - alpha2[0]) / 2
    return standard, whole - (2 * np.expm1(h) - h) @ fisher[:-1]


def shares(examples, seed):
    """Estimates of init and discretisation by sampler, from one small audit."""
    report = audit(
        ExactDenoiser(COVERED), COVERED, levels=LEVELS, examples=examples, draws=1, seed=seed
    )
    return {sampler: excess(prices(report, SAMPLERS[sampler], c), NODES) for sampler, c in KINDS}


def test_intervals_cover_the_truth_as_often_as_they_say():
    hits, runs = {}, 240
    for seed in range(runs):
        for sampler, estimates in shares(300, seed).items():
            for name, e, value in zip(("init", "cells"), estimates, truth(sampler), strict=True):
                low, high = e.interval()
                hits.setdefault((sampler, name), []).append(low <= value <= high)
    rates = {key: np.mean(values) for key, values in hits.items()}
    assert all(0.90 <= rate <= 0.99 for rate in rates.values()), rates


def test_standard_errors_shrink_with_the_root_of_the_examples():
    def mean_se(examples):
        found = [shares(examples, seed) for seed in range(12)]
        return {
            (sampler, part): np.mean([f[sampler][part].se for f in found])
            for sampler, _ in KINDS
            for part in (0, 1)
        }

    few, many = mean_se(320), mean_se(2880)
    for key, se in few.items():
        assert se / many[key] == pytest.approx(3, rel=0.25), key


def without(path, dropped):
    """Rewrite an audit file without some of its arrays."""
    arrays = read_tensors(path.with_suffix(".safetensors"))
    content = json.loads(path.read_text())
    write_pair(path, content, {k: v for k, v in arrays.items() if not k.startswith(dropped)})


@pytest.mark.parametrize("dropped", [(), ("probe.", "calibrated.")])
def test_probe_and_calibration_are_kept_and_older_files_have_them_again(saved, report, dropped):
    without(saved, dropped)
    again = load_audit(saved)
    assert ("_probe" in again.__dict__) == ("_corrected" in again.__dict__) == (not dropped)
    kept, found = again.probe.tensors(), report.probe.tensors()
    kept, found = kept | again.corrected._asdict(), found | report.corrected._asdict()
    assert kept.keys() == found.keys()
    for name, value in kept.items():
        assert np.array_equal(value, found[name], equal_nan=True), name
    assert np.array_equal(again.probe.ceiling(10.0), report.probe.ceiling(10.0))
    plans = [a.plan(steps=3, calibrate=True) for a in (report, again)]
    assert plans[0].summary() == plans[1].summary()


@pytest.mark.parametrize("name", ["probe.between", "calibrated.weights"])
def test_half_of_what_was_found_is_refused(saved, name):
    without(saved, (name,))
    with pytest.raises(InputError, match=f"must hold {name}"):
        load_audit(saved)


def test_a_model_of_few_training_examples_is_audited_without_its_memorisation():
    rng = np.random.default_rng(4)
    train, held_out = (load_data(rng.normal(size=(n, 2))) for n in (20, 60))
    model = ExactDenoiser(GaussianMixture([1.0], [[0.0, 0.0]], [1.0]))
    made = audit(model, held_out, train=train, levels=5, draws=1)
    assert made.memorisation is None
    assert made.facts.training_examples == 0
    assert made.plan(steps=2).steps == 2


def test_training_data_are_a_data_set():
    model = ExactDenoiser(GaussianMixture([1.0], [[0.0, 0.0]], [1.0]))
    with pytest.raises(InputError, match=r"^train: must be a data set"):
        audit(model, load_data(np.zeros((40, 2))), train=np.zeros((40, 2)), levels=5)
