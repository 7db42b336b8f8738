"""Samples to files: what is written reads back the same, and nothing is overwritten by mistake."""

import os

import numpy as np
import pytest
from PIL import Image

from girsanov._checks import InputError, MissingExtra
from girsanov.data import check_destination, load_data, write_samples

RNG = np.random.default_rng(8)
TABLE = np.array(
    [(0.1, 2, "Ulm, old", True), (1e-300, -5, 'B"onn', False), (1 / 3, 7, "Ulm, old", True)],
    [("price", "f8"), ("rooms", "i8"), ("town", "U8"), ("sold", "?")],
)
VECTORS = RNG.gamma(1.0, size=(6, 2)).astype("f4")
PICTURES = RNG.integers(0, 256, (3, 4, 5), dtype=np.uint8)
LABELS = np.array([1, 0, 1])


def standardisation(raw):
    return load_data(raw).standardisation


def listing(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


@pytest.mark.parametrize("raw", [TABLE, VECTORS, PICTURES], ids=["table", "vector", "image"])
def test_npy_and_npz_read_back(tmp_path, raw):
    s = standardisation(raw)
    write_samples(raw, s, tmp_path / "x.npy")
    got = np.load(tmp_path / "x.npy", allow_pickle=False)
    assert got.dtype == raw.dtype
    np.testing.assert_array_equal(got, raw)
    write_samples(raw[:3], s, str(tmp_path / "x.npz"), labels=LABELS, label_names=("no", "yes"))
    data = load_data(tmp_path / "x.npz")
    np.testing.assert_array_equal(data.raw(slice(None)), raw[:3])
    assert data.label_names == ("no", "yes")
    assert data.labels.tolist() == [1, 0, 1]
    assert listing(tmp_path) == ["x.npy", "x.npz"]  # no temporary file stays


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_tables_read_back(tmp_path, suffix):
    path = tmp_path / f"t.{suffix}"
    write_samples(TABLE, standardisation(TABLE), path, labels=LABELS, label_names=("7", "9"))
    data = load_data(path, labels="label")
    got = data.raw(slice(None))
    assert got.dtype.names == TABLE.dtype.names
    for name in ("price", "rooms", "town"):
        np.testing.assert_array_equal(got[name], TABLE[name])
    assert got["rooms"].dtype == np.int64
    np.testing.assert_array_equal(got["sold"].astype(bool), TABLE["sold"])
    assert data.label_names == ("7", "9")
    assert data.labels.tolist() == LABELS.tolist()


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_vectors_get_numbered_columns(tmp_path, suffix):
    path = tmp_path / f"v.{suffix}"
    write_samples(VECTORS, standardisation(VECTORS), path)
    got = load_data(path).raw(slice(None))
    assert got.dtype.names == ("x0", "x1")
    np.testing.assert_array_equal(got["x1"].astype("f4"), VECTORS[:, 1])
    flat = VECTORS[:, 0].astype(">f4")
    write_samples(flat, standardisation(flat), path, force=True)
    assert load_data(path).raw(slice(None)).dtype.names == ("x0",)


def test_float32_is_written_with_its_own_digits(tmp_path):
    raw = np.array([[0.1], [0.2]], "f4")
    write_samples(raw, standardisation(raw), tmp_path / "v.csv")
    assert (tmp_path / "v.csv").read_text() == "x0\n0.1\n0.2\n"


def test_the_label_column_does_not_replace_one_of_its_name(tmp_path):
    raw = np.array([(1.0,), (2.0,)], [("label", "f8")])
    write_samples(raw, standardisation(raw), tmp_path / "t.csv", labels=np.array([3, 4]))
    assert (tmp_path / "t.csv").read_text() == "label,label_\n1.0,3\n2.0,4\n"


@pytest.mark.parametrize("channels", ["hw", "hwc", "chw", "alpha", "one"])
def test_image_folder_reads_back(tmp_path, channels):
    shape = {
        "hw": (4, 5),
        "hwc": (4, 5, 3),
        "chw": (3, 4, 5),
        "alpha": (6, 5, 4),
        "one": (4, 5, 1),
    }
    raw = RNG.integers(0, 256, (3, *shape[channels]), dtype=np.uint8)
    raw[0].flat[:2] = 0, 255
    write_samples(raw, standardisation(raw), str(tmp_path / "new" / "out") + "/")
    assert listing(tmp_path / "new") == ["out"] + [f"out/00000{k}.png" for k in range(3)]
    got = np.stack([np.asarray(Image.open(tmp_path / f"new/out/00000{k}.png")) for k in range(3)])
    same = np.moveaxis(raw, 1, -1) if channels == "chw" else raw
    np.testing.assert_array_equal(got, same[..., 0] if channels == "one" else same)


def test_other_ranges_are_stretched_to_8_bits(tmp_path):
    raw = np.array([[[0, 16], [8, 4]]] * 2, np.uint8)
    write_samples(raw, standardisation(raw), tmp_path / "out")
    got = np.asarray(Image.open(tmp_path / "out" / "000000.png"))
    np.testing.assert_array_equal(got, [[0, 255], [128, 64]])  # 127.5 rounds to even


def test_labels_become_sub_folders(tmp_path):
    s = standardisation(PICTURES)
    write_samples(PICTURES, s, tmp_path / "out", labels=LABELS, label_names=("cat", "../dog"))
    assert listing(tmp_path) == [
        "out", "out/_dog", "out/_dog/000000.png", "out/_dog/000002.png",
        "out/cat", "out/cat/000001.png",
    ]  # fmt: skip
    data = load_data(tmp_path / "out")
    assert data.label_names == ("_dog", "cat")
    np.testing.assert_array_equal(data.raw(slice(None)), PICTURES[[0, 2, 1]])


def test_labels_that_need_the_same_folder_name_get_their_own(tmp_path):
    names = ("a/b", "a:b", "A_B", "c")
    labels = np.arange(4)
    pictures = np.repeat(PICTURES[:1], 4, axis=0)
    write_samples(
        pictures, standardisation(PICTURES), tmp_path / "out", labels=labels, label_names=names
    )
    folders = listing(tmp_path / "out")[::2]
    assert sorted(folders) == ["A_B", "a_b_2", "a_b_3", "c"]
    assert load_data(tmp_path / "out").labels.tolist() == [0, 1, 2, 3]


def test_folder_is_open_to_others_as_the_umask_says(tmp_path):
    old = os.umask(0o022)
    try:
        write_samples(PICTURES, standardisation(PICTURES), tmp_path / "out")
    finally:
        os.umask(old)
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "out" / "000000.png").stat().st_mode & 0o777 == 0o644


def test_our_folder_is_replaced_only_by_force(tmp_path):
    s = standardisation(PICTURES)
    out = tmp_path / "out"
    out.mkdir()
    write_samples(PICTURES, s, out)  # an empty folder is free
    with pytest.raises(InputError, match="must be an empty folder or a new one; got 3 entries"):
        write_samples(PICTURES[:2], s, out)
    write_samples(PICTURES[:2], s, out, force=True)
    assert listing(tmp_path) == ["out", "out/000000.png", "out/000001.png"]


@pytest.mark.parametrize("foreign", ["holiday.jpg", "cat/holiday.png", "cat/deep/000000.png"])
def test_a_folder_of_other_things_is_never_replaced(tmp_path, foreign):
    file = tmp_path / "out" / foreign
    file.parent.mkdir(parents=True)
    file.write_text("precious")
    with pytest.raises(InputError, match="not numbered PNG images, so it is not replaced"):
        write_samples(PICTURES, standardisation(PICTURES), tmp_path / "out", force=True)
    assert file.read_text() == "precious"


def test_a_link_in_the_folder_is_not_followed(tmp_path):
    away = tmp_path / "away"
    away.mkdir()
    (away / "000000.png").write_text("precious")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "cat").symlink_to(away)
    with pytest.raises(InputError, match="is not replaced"):
        write_samples(PICTURES, standardisation(PICTURES), tmp_path / "out", force=True)


def test_fractions_are_written_to_the_decimals_of_the_data(tmp_path):
    (tmp_path / "t.csv").write_text("price,mass,n\n1.25,2.0,3\n0.50,,4\n7.00,1.5,5\n")
    units = load_data(tmp_path / "t.csv").standardisation
    drawn = np.array([(0.0, 1.0, 3), (-0.0, np.nan, 4), (12.5, 0.5, 5)], units.dtype)
    write_samples(drawn, units, tmp_path / "s.csv")
    told = (tmp_path / "s.csv").read_text().split()
    assert told == ["price,mass,n", "0.00,1.0,3", "0.00,,4", "12.50,0.5,5"]
    drawn["price"][0] = 0.123  # somebody's own, to more decimals: none is cut off
    write_samples(drawn, units, tmp_path / "s.csv", force=True)
    assert (tmp_path / "s.csv").read_text().split()[1] == "0.123,1.0,3"


def test_failure_leaves_what_was_there(tmp_path, monkeypatch):
    s = standardisation(PICTURES)
    write_samples(PICTURES, s, tmp_path / "out")
    before = (tmp_path / "out" / "000002.png").read_bytes()

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(InputError, match=r"cannot be written \(No space left on device\)"):
        write_samples(PICTURES[:1], s, tmp_path / "out", force=True)
    assert (tmp_path / "out" / "000002.png").read_bytes() == before
    assert listing(tmp_path) == ["out"] + [f"out/00000{k}.png" for k in range(3)]


def test_a_failed_swap_gives_the_old_folder_back(tmp_path, monkeypatch):
    s = standardisation(PICTURES)
    write_samples(PICTURES, s, tmp_path / "out")
    real = os.replace

    def refuse_new(source, target):
        if str(source).endswith("new"):
            raise OSError(5, "Input/output error")
        real(source, target)

    monkeypatch.setattr(os, "replace", refuse_new)
    with pytest.raises(InputError, match="Input/output error"):
        write_samples(PICTURES[:1], s, tmp_path / "out", force=True)
    assert listing(tmp_path / "out") == [f"00000{k}.png" for k in range(3)]


@pytest.mark.parametrize(
    ("raw", "name", "labelled", "message"),
    [
        (VECTORS, "x.txt", False, "must end in .npy, .npz, .csv, .tsv, .parquet; got .txt"),
        (VECTORS, "x", False, "must end in .*; got no suffix"),
        (VECTORS, "out/", False, "a folder can hold images only"),
        (TABLE, "x.npy", True, "has no room for labels. Name a .npz"),
        (
            PICTURES,
            "x.csv",
            False,
            r".npy, .npz or a folder \(ending in /\); got .csv",
        ),
        (PICTURES, "x.png", False, "got .png"),
        (PICTURES, "there.npy", False, "already exists. Remove it or use --force"),
        (PICTURES, "there.npy/", False, "must be a folder; got a file"),
        (PICTURES, "there.npy/out.npy", False, "in a folder that can be written to"),
    ],
)
def test_bad_destination_is_refused_before_the_work(
    tmp_path, monkeypatch, raw, name, labelled, message
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.npy").write_text("precious")
    with pytest.raises(InputError, match=message):
        check_destination(name, standardisation(raw), labelled=labelled)
    with pytest.raises(InputError, match=message):
        write_samples(raw, standardisation(raw), name, labels=LABELS if labelled else None)
    assert listing(tmp_path) == ["there.npy"]
    assert (tmp_path / "there.npy").read_text() == "precious"


def test_force_replaces_a_file(tmp_path):
    (tmp_path / "x.npy").write_text("old")
    check_destination(tmp_path / "x.npy", standardisation(VECTORS), force=True)
    write_samples(VECTORS, standardisation(VECTORS), tmp_path / "x.npy", force=True)
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), VECTORS)


def test_parquet_without_pyarrow_is_refused_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    with pytest.raises(MissingExtra, match=r"girsanov\[parquet\]"):
        check_destination(tmp_path / "x.parquet", standardisation(VECTORS))


def test_samples_of_another_shape_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"rows of shape \(2,\); got \(6, 1\)"):
        write_samples(VECTORS[:, :1], standardisation(VECTORS), tmp_path / "x.npy")
    with pytest.raises(InputError, match="labels: must be one per sample; got 3"):
        write_samples(VECTORS, standardisation(VECTORS), tmp_path / "x.npz", labels=LABELS)
