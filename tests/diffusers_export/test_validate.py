"""A scheduler's file that was edited or damaged is one line, whatever field is wrong."""

import copy
import sys
from pathlib import Path

import pytest

pytest.importorskip("diffusers")
sys.path.append(str(Path(__file__).parent))

import made

import girsanov as gv


@pytest.fixture(scope="module")
def config():
    _, audit = made.audited(made.pipelines.ddpm(clip_sample=True))
    scheduler = gv.GirsanovScheduler.from_plan(audit.plan(steps=3, calibrate=True), audit=audit)
    found = dict(scheduler.config)
    return {k: found[k] for k in ("plans", "clock", "clip", "shape", "num_train_timesteps")}


def made_of(config, **changes):
    """Return the scheduler of a configuration in which a.b=v puts v in the place of [a][b]."""
    content = copy.deepcopy(config)
    for place, value in changes.items():
        *parents, last = place.split("__")
        inside = content
        for name in parents:
            inside = inside[name]
        inside[last] = value
    return gv.GirsanovScheduler(**content)


def test_what_was_exported_is_whole(config):
    scheduler = made_of(config)
    scheduler.set_timesteps(3)
    assert len(scheduler.timesteps) == 3


WRONG = [
    ("plans", []), ("plans__levels", [2.0, 1.0]), ("plans__levels", None), ("plans__grids", {}),
    ("plans__grids", {"format": [0]}), ("plans__grids__3", [2, 1]),
    ("plans__grids__3", [0, 10**6]),
    ("plans__grids__3", [0, 1]),
    ("plans__grids__3", ["a"]), ("plans__sampler", "euler"), ("plans__start", 3),
    ("plans__last", None), ("plans__variances", None), ("plans__mean", {}), ("plans__main", None),
    ("plans__main__kind", []), ("plans__main__shape", [3]), ("plans__axes", {"kind": "dct"}),
    ("plans__spread__base64", "AAAA"), ("plans__mean__shape", [10**12]),
    ("plans__calibration", [1]), ("clock", 3), ("clock__kind", "cld"), ("clock__output", "x"),
    ("clock__snr_range", [1]), ("clock__snr_range", [2.0, 1.0]), ("clock__steps", 1e3),
    ("clock__snrs", None), ("clock__times", [1.0]), ("clock__sigma_data", {}),
    ("clip", {"range": -1.0}), ("clip", {"quantile": 2.0, "most": 1.0}), ("clip", {"other": 1.0}),
    ("shape", 3), ("shape", [3, 8]), ("shape", [-3, -8, 8]),
]  # fmt: skip


@pytest.mark.parametrize(("place", "value"), WRONG, ids=lambda v: repr(v)[:30])
def test_a_wrong_field_is_one_line(config, place, value):
    with pytest.raises(gv.InputError) as error:
        made_of(config, **{place: value})
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 300
