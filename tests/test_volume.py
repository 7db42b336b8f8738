"""What a unit of a model's volume is in the user's units."""

from __future__ import annotations

import math

import numpy as np
import pytest

import girsanov as gv
from girsanov.volume import Volume, volume_of


def test_columns_have_their_scales():
    rng = np.random.default_rng(0)
    rows = rng.gamma(2.0, 1.0, (300, 3)) * [1.0, 50.0, 0.1]
    volume = gv.load_data(rows).standardisation.volume
    assert volume.log_scale == pytest.approx(np.log(rows.std(axis=0)).sum(), abs=1e-6)
    assert volume.steps == ()


def test_whole_numbers_are_a_lattice():
    rows = np.random.default_rng(0).poisson([3.0, 40.0], (300, 2))
    volume = gv.load_data(rows).standardisation.volume
    assert volume.sides(2) == pytest.approx(1 / rows.std(axis=0), rel=1e-6)


def test_pictures_share_one_step(tmp_path):
    pictures = np.random.default_rng(0).integers(0, 256, (40, 6, 5, 3), dtype=np.uint8)
    pictures[0, 0, 0], pictures[1, 0, 0] = 0, 255
    np.save(tmp_path / "p.npy", pictures)
    units = gv.load_data(tmp_path / "p.npy").standardisation
    assert units.volume.steps == pytest.approx((2 / 255,))
    assert units.volume.log_scale == pytest.approx(90 * math.log(127.5))
    assert len(units.volume.sides(90)) == 90


def test_a_table_has_a_density_where_its_columns_are_numbers(tmp_path):
    rng = np.random.default_rng(0)

    def volume(header, columns):
        lines = [header, *(",".join(row) for row in zip(*columns, strict=True))]
        (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
        return gv.load_data(tmp_path / "t.csv").standardisation.volume

    cents = [f"{v:.2f}" for v in rng.gamma(2, 3, 200)]
    long = [repr(float(v)) for v in rng.normal(size=200)]
    kinds = [str(v) for v in rng.choice(["a", "b"], 200)]
    scale = np.array(cents, float).std()
    assert volume("cents", [cents]).steps == pytest.approx((0.01 / scale,), rel=1e-6)
    both = volume("cents,long", [cents, long])
    assert both.steps == ()
    assert both.log_scale == pytest.approx(math.log(scale * np.array(long, float).std()), abs=1e-6)
    mixed = volume("cents,kind", [cents, kinds])
    assert mixed.log_scale is None
    assert "column kind" in mixed.why


def test_constant_coordinates_have_none():
    assert volume_of([1.0, 0.0], [0.0, 0.0]).log_scale is None
    assert "2 coordinates are constant" in volume_of([0.0, 0.0], [1.0, 1.0]).why


def test_refusals():
    with pytest.raises(gv.InputError, match="say why there is none"):
        Volume(None)
    with pytest.raises(gv.InputError, match="steps above 0"):
        Volume(0.0, "", (0.0,))
    with pytest.raises(gv.InputError, match="1 or 3 steps"):
        Volume(0.0, "", (1.0, 2.0)).sides(3)
