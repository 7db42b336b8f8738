"""One rule for pictures in folders and in data sets: depth, orientation, colours."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps

from girsanov._checks import InputError
from girsanov.data import Standardisation, load_data, write_samples

RNG = np.random.default_rng(3)
SCANS = (RNG.gamma(2.0, 500.0, (5, 6, 8)) % 65536).astype(np.uint16)
COLOURS = RNG.integers(0, 255, (6, 8, 3)).astype(np.uint8)
ORIENTATION = 0x0112


def chunk(kind, content):
    crc = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + crc


def png_of_16_bits(path, pixels):
    """A PNG of 16 bits a channel, which Pillow reads but does not write where it has colours."""
    height, width, channels = pixels.shape
    lines = b"".join(b"\0" + line.astype(">u2").tobytes() for line in pixels)
    head = struct.pack(">IIBBBBB", width, height, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    parts = [(b"IHDR", head), (b"IDAT", zlib.compress(lines)), (b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts))


def both(tmp_path, files):
    """The same files as a folder and as a saved data set, or what each of them says."""
    datasets = pytest.importorskip("datasets")
    datasets.disable_progress_bars()
    columns = {"image": [str(file) for file in files]}
    features = datasets.Features(image=datasets.Image())
    datasets.Dataset.from_dict(columns, features).save_to_disk(tmp_path / "set")
    loaded = []
    for source in (files[0].parent, tmp_path / "set"):
        try:
            loaded.append(load_data(source).raw(slice(None)))
        except InputError as mistake:
            loaded.append(str(mistake).split(": ", 1)[1])
    return loaded


def stored(tmp_path, pictures, suffix="png", **options):
    (tmp_path / "f").mkdir()
    files = [tmp_path / "f" / f"{k}.{suffix}" for k in range(len(pictures))]
    for file, picture in zip(files, pictures, strict=True):
        image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
        image.save(file, **options)
    return files


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_grey_of_16_bits_is_read_whole(tmp_path, suffix):
    folder, data_set = both(tmp_path, stored(tmp_path, SCANS, suffix))
    assert folder.dtype == data_set.dtype == np.uint16
    np.testing.assert_array_equal(folder, SCANS)
    np.testing.assert_array_equal(data_set, SCANS)


def test_16_bits_are_standardised_by_the_range_seen_and_written_whole(tmp_path):
    files = stored(tmp_path, SCANS)
    data = load_data(files[0].parent)
    units = Standardisation.from_json(data.standardisation.to_json())
    assert (units.low, units.high) == (SCANS.min(), SCANS.max())
    back = units.decode(data.batch(slice(None)))
    np.testing.assert_array_equal(back, SCANS)
    write_samples(back, units, tmp_path / "out")
    np.testing.assert_array_equal(load_data(tmp_path / "out").raw(slice(None)), SCANS)


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_16_bits_with_colours_or_alpha_are_refused(tmp_path, channels):
    (tmp_path / "f").mkdir()
    files = [tmp_path / "f" / f"{k}.png" for k in range(3)]
    for file in files:
        png_of_16_bits(file, RNG.integers(0, 700, (6, 8, channels)))
    for said in both(tmp_path, files):
        assert said.startswith("must have 8 bits a channel, or 16 bits of grey; got 16 bits")


@pytest.mark.parametrize(("mode", "dtype"), [("I", "i4"), ("F", "f4")])
def test_numbers_of_32_bits_are_refused(tmp_path, mode, dtype):
    files = stored(tmp_path, SCANS.astype(dtype), "tif")
    for said in both(tmp_path, files):
        assert said.startswith(f"must have 8 bits a channel, or 16 bits of grey; got mode {mode}")


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_upright(tmp_path, suffix, orientation):
    told = Image.Exif()
    told[ORIENTATION] = orientation
    options = {"quality": 100} if suffix in ("jpg", "webp") else {}
    pictures = [np.kron(COLOURS[k : k + 3, :4], np.ones((8, 8, 1), "u1")) for k in range(3)]
    files = stored(tmp_path, pictures, suffix, exif=told, **options)
    expected = [np.asarray(ImageOps.exif_transpose(Image.open(file))) for file in files]
    for rows in both(tmp_path, files):
        np.testing.assert_array_equal(rows, expected)


def test_an_orientation_behind_the_pixels_is_heeded(tmp_path):
    files = stored(tmp_path, [COLOURS[:6, :6], COLOURS[:6, 2:]])
    told = Image.Exif()
    told[ORIENTATION] = 6
    for file in files:
        bare = file.read_bytes()[:-12]
        file.write_bytes(bare + chunk(b"eXIf", told.tobytes()[6:]) + chunk(b"IEND", b""))
    for rows in both(tmp_path, files):
        np.testing.assert_array_equal(rows[0], np.rot90(COLOURS[:6, :6], -1))


def test_damaged_metadata_turn_nothing(tmp_path):
    wild = b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + bytes(range(64))
    files = stored(tmp_path, [COLOURS] * 2, "jpg", exif=wild)
    for rows in both(tmp_path, files):
        assert rows.shape == (2, 6, 8, 3)


def test_grey_beside_colours_palettes_alpha_and_bits(tmp_path):
    clear = np.dstack([COLOURS, np.zeros((6, 8), "u1")])
    grey = COLOURS[..., 0]
    pictures = [
        grey, Image.fromarray(grey > 100), Image.fromarray(grey).convert("LA"), COLOURS, clear,
        Image.fromarray(COLOURS).quantize(256), Image.fromarray(grey).quantize(256), grey,
    ]  # fmt: skip
    folder, data_set = both(tmp_path, stored(tmp_path, pictures))
    np.testing.assert_array_equal(folder, data_set)
    assert folder.shape == (8, 6, 8, 3)
    np.testing.assert_array_equal(folder[0], np.stack([grey] * 3, axis=-1))
    np.testing.assert_array_equal(folder[1, ..., 1], np.where(grey > 100, 255, 0))
    np.testing.assert_array_equal(folder[2], folder[0])
    np.testing.assert_array_equal(folder[3], COLOURS)
    assert (folder[4] == 255).all()  # laid on white
    np.testing.assert_array_equal(folder[6], folder[0])


def test_all_grey_stays_grey(tmp_path):
    grey = COLOURS[..., 0]
    pictures = [grey, Image.fromarray(grey).convert("LA"), Image.fromarray(grey).quantize(256)]
    for rows in both(tmp_path, stored(tmp_path, pictures)):
        np.testing.assert_array_equal(rows, [grey] * 3)


def test_other_sizes_and_depths_beside_the_first_are_refused(tmp_path):
    for k, (second, message) in enumerate(
        ((COLOURS[:5], "must have size (8, 6)"), (SCANS[0], "must have 16 bits of grey"))
    ):
        (tmp_path / str(k)).mkdir()
        for said in both(tmp_path / str(k), stored(tmp_path / str(k), [COLOURS, second])):
            assert said.startswith(message)
