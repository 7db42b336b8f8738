"""Faults put in on purpose: which guard meets each, and that no verdict comes of it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from recorder import Cloud

import girsanov as gv
from girsanov.error_curve import control_variate as control
from girsanov.error_curve import harmless
from girsanov.error_curve.curve import GROUPS
from girsanov.error_curve.doubts import HALF, SMALL, doubts


class Shrink(torch.nn.Module):
    """D(x, sigma) = x / (1 + sigma^2), which knows nothing but units."""

    def forward(self, x, sigma):
        return x / (1 + sigma.reshape(-1, *[1] * (x.ndim - 1)) ** 2)


def dark_borders(n=600, seed=0):
    """Pictures dark at the border but for one pixel of one in a hundred: empty directions."""
    rng = np.random.default_rng(seed)
    pictures = np.zeros((n, 8, 8), np.uint8)
    pictures[:, 2:6, 2:6] = rng.integers(0, 255, (n, 4, 4))
    for k in rng.choice(n, 6, replace=False):
        pictures[k, rng.integers(8), rng.choice([0, 7])] = 200
    return pictures


def parts(array, seed=0):
    return gv.load_data(array).split(0.8, seed=seed)


def audited(train, held, **options):
    model = gv.wrap(Shrink(), train.shape, times=(0.05, 30.0), train=train)
    return gv.audit(model, held, train=train, levels=9, **{"draws": 1, **options})


def directly(audit, held, train):
    """|x0|^2 (1 - q)^2 + q^2 d/s of the shrinking model, q = s/(1 + s), of the same rows."""
    x = held.with_standardisation(train.standardisation).batch(slice(0, len(held)))
    x = x.flatten(1).double().numpy()
    q = audit.levels / (1 + audit.levels)
    return (1 - q) ** 2 * (x**2).sum(1).mean() + q**2 * x.shape[1] / audit.levels


@pytest.fixture(scope="module")
def held_out():
    return parts(dark_borders())


@pytest.fixture(scope="module")
def good(held_out):
    return audited(*held_out)


def refused(audit, steps=8):
    """That nothing is concluded: no plan, no certificate, and the verdict says so. Returns it."""
    with pytest.raises(gv.InputError, match="audit: cannot be planned on"):
        audit.plan(steps=8)
    with pytest.raises(gv.InputError, match="audit: cannot be planned on"):
        gv.evaluate_grid(audit, audit.levels[2:6])
    forced = audit.plan(steps=steps, force=True)
    said = forced.verdict
    assert gv.verdict(audit, forced) == said
    assert said.startswith("This audit ")
    assert (forced.certified() == "") == (not all(d.few for d in doubts(audit.curve)))
    assert audit.verdict.startswith("This audit ")
    assert str(forced).startswith("This audit ")
    assert audit.summary()["cannot_tell"].startswith("This audit ")
    return said


def with_curve(audit, **changed):
    return replace(audit, curve=replace(audit.curve, **changed))


def scaled(rows, factor, levels=slice(1, None), group=3):
    out = rows.copy()
    out[levels, group] *= factor
    return out


def everywhere(curve, factor, levels=slice(1, None)):
    """The errors, traces and plain means with one group scaled."""
    return {
        "errors": {name: scaled(rows, factor, levels) for name, rows in curve.errors.items()},
        "traces": scaled(curve.traces, factor, levels),
        "plain": scaled(curve.plain, factor, levels),
    }


def names(audit):
    return {doubt.name for doubt in doubts(audit.curve)}


def test_an_audit_that_holds_is_planned_and_certified(good, held_out):
    assert doubts(good.curve) == []
    assert good.cannot_tell() == ""
    plan = good.plan(steps=8)
    assert plan.cannot_tell == ""
    assert plan.promised is not None
    train, held = held_out
    assert good.total().value == pytest.approx(directly(good, held, train), rel=0.1)


def test_dust_divides_nothing(held_out, monkeypatch):
    """Without (2) of harmless.py the coefficients are 1e10: the plain mean then stands."""
    train, held = held_out
    monkeypatch.setattr(control, "divisor", lambda part, whole: part)
    monkeypatch.setattr(control, "SMALL", 0.0)
    audit = audited(train, held)
    assert doubts(audit.curve) == []
    assert audit.total().value == pytest.approx(directly(audit, held, train), rel=0.1)


def test_a_reduced_mean_gone_wrong_reaches_no_verdict(held_out, monkeypatch):
    """Without the comparison either, the curve is off by many orders, and says so."""
    train, held = held_out
    monkeypatch.setattr(control, "divisor", lambda part, whole: part)
    monkeypatch.setattr(control, "SMALL", 0.0)
    monkeypatch.setattr(control, "harmless", lambda error, taken, *_: taken)
    audit = audited(train, held)
    assert (np.abs(audit.total().value / directly(audit, held, train)) > 100).any()
    assert names(audit) & {"carried", "plain"}
    refused(audit, steps=1)


def test_what_is_taken_off_with_the_wrong_sign_is_not_taken_off(held_out, monkeypatch):
    train, held = held_out
    right = control.noise_in_moments
    monkeypatch.setattr(control, "noise_in_moments", lambda fit, chance: -right(fit, chance))
    audit = audited(train, held)
    share = audit.total().se / (audited_plain(audit).se)
    assert (share <= harmless.WORSE).all()
    assert audit.total().value == pytest.approx(directly(audit, held, train), rel=0.1)


def audited_plain(audit):
    from girsanov.montecarlo import group_estimate

    return group_estimate(audit.curve.plain[1:].T, audit.curve.shares)


def test_one_group_that_carries_a_level(good):
    said = refused(with_curve(good, **everywhere(good.curve, 60.0)))
    assert "one in 16 of the examples carries" in said
    assert "Audit more examples" in said


def test_a_group_scaled_in_the_curve_alone(good):
    changed = everywhere(good.curve, 4.0)
    del changed["plain"]
    assert "plain" in names(with_curve(good, **changed))
    assert "This audit does not hold" in refused(with_curve(good, **changed))


def test_bands_that_do_not_add_up(good):
    errors = {**good.curve.errors}
    errors[good.curve.main] = -errors[good.curve.main]  # a sign
    audit = with_curve(good, errors=errors)
    assert names(audit) == {"parts"}


def test_nan_turned_into_zero(good):
    """A group whose residuals were NaN and are 0: its error is nothing, the others' is not."""
    audit = with_curve(good, **everywhere(good.curve, 0.0))
    assert "parts" in names(audit)
    assert "do not add up" in refused(audit)


def test_nan_itself(good):
    audit = with_curve(good, **everywhere(good.curve, np.nan))
    assert "parts" in names(audit)


def test_more_than_the_answers_can_make(good):
    curve = good.curve
    changed = {"traces": curve.traces * 9, "plain": curve.plain * 9}
    changed["errors"] = {name: rows * 9 for name, rows in curve.errors.items()}
    assert names(with_curve(good, **changed)) >= {"answers"}
    refused(with_curve(good, **changed))


def test_a_residual_of_the_wrong_sign_is_a_model_that_knows_nothing(held_out):
    train, held = held_out

    class Wrong(torch.nn.Module):
        def forward(self, x, sigma):
            return -Shrink()(x, sigma)

    model = gv.wrap(Wrong(), train.shape, times=(0.05, 30.0), train=train)
    audit = gv.audit(model, held, train=train, levels=17, draws=1)
    assert "knows nothing about this data" in audit.verdict


def test_few_rows_that_decide_are_named():
    """One row a hundred times as far out as the others: the audit says which it is."""
    rng = np.random.default_rng(0)
    table = rng.normal(size=(400, 3))
    table[123] = 3000.0
    train, held = parts(table, seed=next(s for s in range(99) if 123 not in cut_of(s)))
    audit = audited(train, held)
    assert audit.facts.suspects == (123,)
    assert "look at row 123 (counted from 0)" in refused(audit)


def cut_of(seed):
    """The rows of the first part of a split."""
    from girsanov.data.lineage import cut

    return set(cut(400, 0.8, seed)[0].tolist())


def test_what_is_below_a_plan_raises_no_doubt(good):
    """Errors that few examples make, finer than where a plan stands, are no obstacle."""
    fine = slice(len(good.curve.levels) - 2, None)
    audit = with_curve(good, **everywhere(good.curve, 60.0, fine))
    noise = float(good.levels[-3] ** -0.5)
    assert doubts(audit.curve, noise) == []
    assert doubts(audit.curve) != []
    assert audit.plan(steps=4, resolution=noise).cannot_tell == ""


def test_a_little_is_no_doubt(good):
    """A level that stands for less than SMALL nats may be carried by one group."""
    small = SMALL / 4 / float(good.nats().value)
    curve = replace(
        good.curve,
        traces=good.curve.traces * small,
        errors={name: rows * small for name, rows in good.curve.errors.items()},
        plain=None,
        products=None,
        bends={},
    )
    worse = replace(curve, traces=scaled(curve.traces, 60.0))
    worse = replace(worse, errors={n: scaled(e, 60.0) for n, e in curve.errors.items()})
    assert {d.name for d in doubts(replace(good.curve, **everywhere(good.curve, 60.0)))}
    assert doubts(worse) == []


def test_a_forced_plan_keeps_what_its_audit_cannot_tell(good, tmp_path):
    audit = with_curve(good, **everywhere(good.curve, 60.0))
    plan = audit.plan(steps=6, force=True)
    plan.save(tmp_path / "plan.json")
    again = gv.load_plan(tmp_path / "plan.json")
    assert again.cannot_tell == plan.cannot_tell
    assert again.verdict == plan.verdict
    page = tmp_path / "report.html"
    gv.report(audit, again, out=page)
    text = page.read_text()
    assert text.index("This audit cannot tell") < text.index("<main>")
    assert "What would help" not in text


def test_a_saved_audit_keeps_its_doubts(good, tmp_path):
    audit = with_curve(good, **everywhere(good.curve, 60.0))
    audit.save(tmp_path / "audit.json")
    again = gv.load_audit(tmp_path / "audit.json")
    assert again.cannot_tell() == audit.cannot_tell()
    assert again.curve.plain == pytest.approx(audit.curve.plain)


@pytest.mark.parametrize("share", [0.4, 0.6])
def test_a_group_counts_from_one_half_on(good, share):
    own = good.curve.traces[:, 3, 0] / GROUPS
    rest = good.curve.traces[:, :, 0].mean(axis=1) - own
    factor = share / (1 - share) * (rest / own)[1:, None]
    changed = {
        name: {k: scaled(v, factor) for k, v in value.items()}
        if isinstance(value, dict)
        else scaled(value, factor if value.ndim == 3 else factor[:, 0])
        for name, value in (
            ("errors", good.curve.errors),
            ("traces", good.curve.traces),
            ("plain", good.curve.plain),
        )
    }
    shares = np.abs(good.curve.shares - 1 / GROUPS).max()
    assert shares < 0.02
    carried = "carried" in names(with_curve(good, **changed))
    assert carried == (share > HALF)


def test_a_model_that_knows_all_rows_of_one_group_is_no_fault():
    """Rows of truth values repeat: a group may have no error at fine noise; nothing is wrong."""
    rng = np.random.default_rng(1)
    train, held = gv.load_data((rng.random((200, 8)) < 0.3).astype(np.float32)).split(0.6, seed=1)
    model = gv.wrap(Cloud(train), train.shape, times=(0.05, 30.0), train=train)
    audit = gv.audit(model, held, train=train, levels=17)
    assert (audit.curve.traces[1:, :, 0] == 0).any()
    assert "does not hold" not in audit.cannot_tell()
