"""What every kind of data file keeps to: one row here for one line of the registry."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from contract.page import example

from girsanov._checks import InputError, MissingExtra
from girsanov.data import check_destination, load_data, write_samples
from girsanov.data.formats.registry import FORMATS, data_format_of
from girsanov.data.write import label_column

ROWS = {  # what is said of 300 random bytes
    ".npy": "must be a whole .npy file",
    ".npz": "must be a whole .npz file",
    ".csv": "must be comma-separated text in UTF-8",
    ".tsv": "must be comma-separated text in UTF-8",
    ".parquet": "must be a whole Parquet file",
    ".feather": "must be a whole Feather file",  # the example of docs/extend.md
}
DRAWS = np.random.default_rng(3)
VECTORS = DRAWS.gamma(1.0, size=(40, 2))
PICTURES = DRAWS.integers(0, 256, (6, 4, 5, 3), dtype=np.uint8)
TABLE = np.array(
    [(k / 8, k - 3, "Ulm, old" if k % 3 else 'B"onn', f"2020-02-{k + 1:02d}") for k in range(28)],
    [("price", "f8"), ("rooms", "i8"), ("town", "U8"), ("day", "M8[D]")],
)
GAPS = TABLE[["price", "town", "day"]].copy()
GAPS["price"][3], GAPS["town"][4], GAPS["day"][5] = np.nan, "", np.datetime64("NaT")
LABELS = np.arange(40) % 2


@pytest.fixture(params=ROWS)
def kind(request, monkeypatch):
    """A kind of file, registered."""
    if request.param not in FORMATS:
        monkeypatch.setitem(FORMATS, request.param, example("A data format")["Feather"]())
    found = FORMATS[request.param]
    if found.extra is not None:
        pytest.importorskip(found.extra[0])
    return found


def units(raw):
    return load_data(raw).standardisation


def plain(raw):
    """Rows as an array [n, d], whether columns have names or not."""
    return raw if raw.dtype.names is None else np.stack([raw[n] for n in raw.dtype.names], 1)


def refused(path, **options):
    with pytest.raises(InputError) as caught:
        load_data(path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_every_line_of_the_registry_has_a_row_here():
    assert set(ROWS) == {*FORMATS, ".feather"}
    assert all(suffix == kind.suffix == suffix.lower() for suffix, kind in FORMATS.items())
    assert data_format_of("a/b.CSV") is FORMATS[".csv"]


def test_vectors_are_read_as_they_were_written(kind, tmp_path):
    path = tmp_path / f"x{kind.suffix}"
    write_samples(VECTORS, units(VECTORS), path)
    np.testing.assert_array_equal(plain(load_data(path).raw(slice(None))), VECTORS)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]  # no temporary file stays


@pytest.mark.parametrize("rows", [TABLE, GAPS], ids=["whole", "gaps"])
def test_tables_are_read_as_they_were_written(kind, tmp_path, rows):
    path = tmp_path / f"x{kind.suffix.upper()}"
    write_samples(rows, units(rows), path)
    raw = load_data(path).raw(slice(None))
    for name in rows.dtype.names:
        np.testing.assert_array_equal(raw[name], rows[name])


def test_labels_come_along_or_are_refused_before_the_work(kind, tmp_path):
    path, names = tmp_path / f"x{kind.suffix}", ("no", "yes")
    if not kind.labels:
        assert label_column(path, VECTORS) is None
        with pytest.raises(InputError, match=r"has no room for labels\. Name a \.npz"):
            check_destination(path, units(VECTORS), labelled=True)
        return
    write_samples(VECTORS, units(VECTORS), path, labels=LABELS, label_names=names)
    data = load_data(path, labels=label_column(path, VECTORS))
    np.testing.assert_array_equal(plain(data.raw(slice(None))), VECTORS)
    assert data.label_names == names
    assert data.labels.tolist() == LABELS.tolist()


def test_pictures_are_held_or_refused_before_the_work(kind, tmp_path):
    path = tmp_path / f"x{kind.suffix}"
    if not kind.pictures:
        with pytest.raises(InputError, match=r"must end in .*\.npz or a folder"):
            check_destination(path, units(PICTURES))
        return
    write_samples(PICTURES, units(PICTURES), path)
    np.testing.assert_array_equal(load_data(path).raw(slice(None)), PICTURES)


def test_a_folder_is_one_data_set_where_it_can_be(kind, tmp_path):
    write_samples(VECTORS, units(VECTORS), tmp_path / f"x{kind.suffix}")
    for name, rows in (("1", VECTORS[:15]), ("2", VECTORS[15:])):
        write_samples(rows, units(rows), tmp_path / "many" / f"{name}{kind.suffix}")
    if kind.folders:
        whole = load_data(tmp_path / f"x{kind.suffix}")
        assert load_data(tmp_path / "many").fingerprint == whole.fingerprint
    else:
        assert "must hold images" in refused(tmp_path / "many")


def test_what_is_no_such_file_is_refused_in_a_line(kind, tmp_path):
    path = tmp_path / f"x{kind.suffix}"
    noise = np.random.default_rng(0).integers(0, 256, 300, dtype=np.uint8).tobytes()
    for content, rule in ((b"", "must not be empty"), (noise, ROWS[kind.suffix])):
        path.write_bytes(content)
        assert refused(path).startswith(f"{path}: {rule}")
    other = tmp_path / ("x.npy" if kind.suffix != ".npy" else "x.npz")
    write_samples(VECTORS, units(VECTORS), other)
    path.write_bytes(other.read_bytes())
    assert refused(path).startswith(str(path))


def test_columns_that_are_not_there_are_refused_in_a_line(kind, tmp_path):
    path = tmp_path / f"x{kind.suffix}"
    write_samples(TABLE, units(TABLE), path)
    assert "drop: must name columns of" in refused(path, drop=["size"])
    assert "labels: must" in refused(path, labels="size")
    assert load_data(path, drop=["town"]).raw(slice(0, 1)).dtype.names == ("price", "rooms", "day")


def test_a_missing_extra_is_named(kind, tmp_path, monkeypatch):
    if kind.extra is None:
        return
    path, (module, extra) = tmp_path / f"x{kind.suffix}", kind.extra
    write_samples(VECTORS, units(VECTORS), path)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtra, match=rf"{module}: .*girsanov\[{extra}\]"):
        load_data(path)
    with pytest.raises(MissingExtra, match=rf"girsanov\[{extra}\]"):
        check_destination(path, units(VECTORS), force=True)


def test_messages_list_every_kind(kind, tmp_path):
    assert kind.suffix in refused(tmp_path / "x.unknown")
    with pytest.raises(InputError, match=rf"must end in .*\{kind.suffix}"):
        check_destination(tmp_path / "x.unknown", units(VECTORS))
